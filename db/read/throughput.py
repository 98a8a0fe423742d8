"""What happened lately, in numbers: completed and failed attempts, connections, how far readers are behind."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from db.statements import Connection, fetch_all, fetch_one, statements

_SQL = statements("throughput")


class Throughput(NamedTuple):
    """What happened up to ``until``.

    ``completed`` tracks; ``waits`` says how many of their events waited for less than the first bound, less than the
    second, … and for as long as the last or longer; ``waited_seconds`` is the sum of their waits. ``failures`` counts
    failed attempts by error_code.
    """

    until: datetime
    completed: int
    waits: tuple[int, ...]
    waited_seconds: float
    failures: dict[str, int]


def read_throughput(
    conn: Connection, since: datetime | None, *, bounds: Sequence[float], lag: float = 5.0
) -> Throughput:
    """Return what happened after ``since`` (the last one's ``until``), or nothing yet where it is None.

    ``bounds`` are in seconds, ascending. ``lag`` (seconds) leaves out what transactions that still run may add.
    Raises DatabaseOperationError.
    """
    until = (fetch_one(conn, _SQL["moment"], {"lag": lag}) or {})["moment"]
    waits = [0] * (len(bounds) + 1)
    if since is None:
        return Throughput(until, 0, tuple(waits), 0.0, {})
    between = {"since": since, "until": until}
    completed = fetch_all(conn, _SQL["completed_between"], {**between, "bounds": list(bounds)})
    for row in completed:
        if row["bucket"] is not None:
            waits[row["bucket"]] = row["tracks"]
    return Throughput(
        until,
        sum(row["tracks"] for row in completed),
        tuple(waits),
        sum(row["seconds"] for row in completed),
        {row["code"]: row["attempts"] for row in fetch_all(conn, _SQL["failed_between"], between)},
    )


def read_connections(conn: Connection) -> tuple[dict[str, int], int]:
    """Return the database's connections by state, and how many the server allows. Raises DatabaseOperationError."""
    rows = fetch_all(conn, _SQL["connections"])
    return {row["state"]: row["connections"] for row in rows}, rows[0]["allowed"] if rows else 0


def read_model_lag(conn: Connection) -> float:
    """Return for how long (seconds) a completed track has not been findable. Raises DatabaseOperationError."""
    row = fetch_one(conn, _SQL["read_model_lag"])
    return float(row["seconds"]) if row else 0.0


def replica_lag(conn: Connection) -> float | None:
    """Return how many seconds a replica is behind, None where this is no replica. Raises DatabaseOperationError."""
    row = fetch_one(conn, _SQL["replica_lag"])
    return row["seconds"] if row else None
