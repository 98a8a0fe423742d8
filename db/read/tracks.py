"""Getting and listing tracks."""

from collections.abc import Sequence
from uuid import UUID

from db import validation
from db.models import AudioTrack, TrackPage
from db.read.listing import Listing
from db.statements import Connection, fetch_all, fetch_one, statements
from db.status import TrackStatus

_SQL = statements("tracks")


def get_audio_metadata_by_id(conn: Connection, audio_id: UUID | str) -> AudioTrack | None:
    """Return a track, or None where there is none. Raises ValidationError, DatabaseOperationError."""
    row = fetch_one(conn, _SQL["get_by_id"], {"audio_id": str(validation.track_id(audio_id))})
    return None if row is None else AudioTrack.model_validate(row)


def get_audio_metadata_by_ids(conn: Connection, audio_ids: Sequence[UUID | str]) -> list[AudioTrack]:
    """Return those of the tracks that exist, in the order asked for and each once, by one query.

    Raises ValidationError naming every id that is none, DatabaseOperationError.
    """
    asked = list(dict.fromkeys(str(audio_id) for audio_id in validation.track_ids(audio_ids)))
    if not asked:
        return []
    return [AudioTrack.model_validate(row) for row in fetch_all(conn, _SQL["get_by_ids"], {"audio_ids": asked})]


def get_all_audio_metadata(
    conn: Connection,
    *,
    limit: int = 100,
    offset: int = 0,
    cursor: str | None = None,
    status: TrackStatus | str | None = None,
    order_by: str = "created_at",
    descending: bool = True,
) -> TrackPage:
    """Return one page of the tracks, and how many there are of that status in all.

    ``order_by`` is created_at, updated_at, title, artist or year; tracks without the value come last in both
    directions, the id breaks ties. ``cursor`` is the previous page's ``next_cursor``, for a listing with the same
    status and ordering; it stays quick at any depth, while the cost of ``offset`` grows with it.

    Raises ValidationError naming everything that is wrong, DatabaseOperationError.
    """
    listing = Listing(
        order_by=order_by, descending=descending, status=status, limit=limit, offset=offset, cursor=cursor
    )
    listing.check()
    rows = fetch_all(conn, listing.statement(), listing.params())
    found = [row for row in rows if row["id"] is not None]
    page, has_more = found[:limit], len(found) > limit
    return TrackPage(
        tracks=tuple(AudioTrack.model_validate(row) for row in page),
        total=rows[0]["total"],
        limit=limit,
        offset=offset,
        has_more=has_more,
        next_cursor=listing.cursor_after(page[-1]) if has_more else None,
    )
