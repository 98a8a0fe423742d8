"""The short run on a real RabbitMQ, chosen by BROKER_URL alone: ``make test-rabbitmq``."""

import os

import pytest

from tests.faults.rabbitmq import why_not
from tests.faults.run import seeded, survive
from tests.faults.stage import stage

KINDS = [
    "child_killed",
    "broker_killed",
    "worker_killed",
    "broker_flushed",
    "broker_connections_cut",
    "broker_silent",
    "database_stopped_immediate",
    "every_worker_killed",
    "broker_killed",
    "rolling_restart",
]


@pytest.mark.long
@pytest.mark.rabbitmq
@pytest.mark.timeout(600)
@pytest.mark.skipif(why_not() is not None, reason=str(why_not()))
def test_nothing_is_lost_or_applied_twice_on_rabbitmq_whatever_dies():
    seed = seeded()
    kinds = os.environ.get("FAULT_KINDS", " ".join(KINDS)).split()
    with stage(broker="rabbitmq") as on:
        struck = survive(on, seed, kinds, count=2000, rate=15)
        assert on.broker.types() == {"celery": "quorum", "tonearm.backfill": "quorum"}
    assert len(struck) == len(kinds)
