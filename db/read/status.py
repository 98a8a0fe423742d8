"""How the whole stands: tracks by state, what waits and for how long, what failed."""

from typing import Final

from db.models import Frozen
from db.statements import Connection, fetch_all, fetch_one, statements
from db.status import TrackStatus

_SQL = statements("status")
_COUNTED_UP_TO: Final = 100_000


class SystemStatus(Frozen):
    """What the database knows of the work. Ages are in seconds, None where there is nothing of the kind.

    ``oldest_pending_seconds`` is how long the track that has been PENDING longest has been so, and
    ``oldest_lease_seconds`` the same of PROCESSING. ``open_events`` are stored and not settled yet, ``rejected`` the
    dead letters that nobody has replayed, ``failures`` the failed attempts of the last hour by error_code.
    """

    tracks: dict[TrackStatus, int]
    tracks_exact: bool
    oldest_pending_seconds: float | None
    oldest_lease_seconds: float | None
    open_events: int
    rejected: int
    failures: dict[str, int]


def read_status(conn: Connection, *, estimate: bool = False) -> SystemStatus:
    """Return how the whole stands.

    With ``estimate``, the COMPLETED tracks of a large catalogue are taken from PostgreSQL's statistics, so that the
    cost does not grow with it; the other states are exact all the same. Raises DatabaseOperationError.
    """
    tracks, exact = count_tracks(conn, estimate=estimate)
    row = fetch_one(conn, _SQL["waits_and_failures"]) or {}
    return SystemStatus(tracks=tracks, tracks_exact=exact, **row)


def count_tracks(conn: Connection, *, estimate: bool = False) -> tuple[dict[TrackStatus, int], bool]:
    """Return how many tracks are in each state, and whether all of it is exact. Raises DatabaseOperationError."""
    counts = dict.fromkeys(TrackStatus, 0)
    about = _estimated(conn) if estimate else 0
    statement = "tracks_not_completed" if about > _COUNTED_UP_TO else "tracks_by_status"
    counts |= {TrackStatus(row["status"]): row["tracks"] for row in fetch_all(conn, _SQL[statement])}
    if about <= _COUNTED_UP_TO:
        return counts, True
    counts[TrackStatus.COMPLETED] = max(0, about - sum(counts.values()))
    return counts, False


def _estimated(conn: Connection) -> int:
    row = fetch_one(conn, _SQL["tracks_estimate"])
    return row["tracks"] if row else 0
