"""What happened to a track."""

from uuid import UUID

from db import limits, validation
from db.models import HistoryEntry
from db.statements import Connection, fetch_all, statements

_SQL = statements("history")
_ID_MAX = 2**63 - 1


def get_track_history(
    conn: Connection, audio_id: UUID | str, *, limit: int = limits.PAGE_MAX, after_id: int = 0
) -> list[HistoryEntry]:
    """Return a track's timeline, oldest first: every transition, and what else was noted.

    At most ``limit`` entries (1 to 1,000); those behind them begin after the last one's id, given as ``after_id``.
    A track that never was has an empty timeline; that of a deleted track stays until it is pruned.

    Raises ValidationError, DatabaseOperationError.
    """
    params = {
        "audio_id": str(validation.track_id(audio_id)),
        "limit": validation.whole_number("limit", limit, 1, limits.PAGE_MAX),
        "after_id": validation.whole_number("after_id", after_id, 0, _ID_MAX),
    }
    return [HistoryEntry.model_validate(row) for row in fetch_all(conn, _SQL["track_history"], params)]
