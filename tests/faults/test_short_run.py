"""Some faults of every sort in a minute; `make test-faults` has them all."""

from tests.faults.run import seeded, survive
from tests.faults.stage import stage


def test_nothing_is_lost_or_applied_twice_whatever_dies():
    seed = seeded()
    kinds = [
        "child_killed",
        "database_connections_cut",
        "broker_flushed",
        "worker_killed",
        "database_stopped_immediate",
    ]
    with stage() as on:
        survive(on, seed, kinds, count=500, rate=40)
