"""What one event costs, for the arithmetic of docs/scaling.md: ``python -m benchmarks.capacity``.

CPU time, which a busy machine hardly changes, and bytes; no rates.
"""

from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import psutil

from benchmarks.contenders import Contender, tonearm_batch, tonearm_single
from benchmarks.names import Catalogue
from benchmarks.servers import Bench, Place, servers
from db.pool import DatabasePool
from db.write.pruning import prune

_WARM_UP = 400
_TABLES = ("audio_events", "audio_track_history", "audio_tracks", "track_search")
_MICRO = 1e6


def _cpu(process: psutil.Process) -> float:
    """CPU seconds of a process and everything it ever started."""
    total = 0.0
    for one in [process, *process.children(recursive=True)]:
        try:
            times = one.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system + times.children_user + times.children_system
    return total


def _postgres(place: Place) -> psutil.Process:
    return psutil.Process(place.run("SELECT pg_backend_pid()")[0][0]).parent()


def _measured(place: Place, events: int, work: Callable[[], Any]) -> list[str]:
    """Return what the work cost for each event: CPU of the workers, CPU of PostgreSQL, µs."""
    watched = [psutil.Process(place.workers[0].processes[0].pid), _postgres(place)]
    before = [_cpu(process) for process in watched]
    work()
    after = [_cpu(process) for process in watched]
    return [f"{(last - first) / events * _MICRO:,.0f}" for first, last in zip(before, after, strict=True)]


def _events(bench: Bench, name: str, contender: Contender, number: int) -> None:
    events = list(Catalogue(1).events(_WARM_UP + number))
    with bench.place(set_up=contender.SET_UP) as place:
        contender.start(place, 1)
        contender.publish(place, events[:_WARM_UP])
        place.wait_until(lambda: contender.done(place) >= _WARM_UP)

        def work() -> None:
            contender.publish(place, events[_WARM_UP:])
            place.wait_until(lambda: contender.done(place) >= len(events))

        worker, postgres = _measured(place, number, work)
        sizes = [place.run(f"SELECT pg_total_relation_size('{table}')")[0][0] / len(events) for table in _TABLES]
        columns = [name, f"{number:,}", worker, postgres, *(f"{size:,.0f}" for size in sizes)]
        print("| " + " | ".join(columns) + " |")
        if contender is tonearm_batch:
            _prune(place, len(events))


def _prune(place: Place, events: int) -> None:
    place.run(
        "UPDATE audio_events SET received_at = received_at - interval '91 days',"
        " settled_at = settled_at - interval '91 days'"
    )
    place.run("UPDATE audio_track_history SET at = at - interval '91 days'")
    for table in ("audio_events", "audio_track_history"):
        place.run(f"VACUUM {table}")
    with closing(DatabasePool(place.database_url, min_size=0, max_size=1)) as pool:
        before = _cpu(_postgres(place))
        rows = sum(step.rows for step in prune(pool, datetime.now(UTC) - timedelta(days=90)))
        spent = _cpu(_postgres(place)) - before
    print(f"\npruned {rows:,} rows of {events:,} events: {spent / rows * _MICRO:,.1f} µs of PostgreSQL's CPU a row\n")


def main() -> None:
    """Print the table."""
    print("| | events | worker, µs | PostgreSQL, µs | " + " | ".join(f"{table}, bytes" for table in _TABLES) + " |")
    print("|---|" + "---:|" * (3 + len(_TABLES)))
    with servers() as bench:
        _events(bench, "one message an event", tonearm_single, 2_000)
        _events(bench, "batches of 1,000", tonearm_batch, 40_000)


if __name__ == "__main__":
    main()
