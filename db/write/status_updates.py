"""Changing a track's state by hand: compare and set, by the table of db.status."""

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from pydantic_core import to_json

from db import validation
from db.errors import (
    ConstraintError,
    IllegalTransitionError,
    LeaseLostError,
    MusicLibraryError,
    ResourceNotFoundError,
)
from db.models import AudioTrack, BatchError, BatchResult
from db.statements import Connection, Row, fetch_all, statements
from db.status import TRANSITIONS, TrackStatus
from db.validation import StatusUpdate
from db.write.atomic import all_or_nothing
from db.write.search_index import index_tracks

_SQL = statements("status_updates")
_PAIRS = tuple((source.value, target.value) for source, targets in TRANSITIONS.items() for target in sorted(targets))


def update_processing_status(
    conn: Connection,
    audio_id: UUID | str,
    status: TrackStatus | str,
    *,
    error_code: str | None = None,
    error_message: str | None = None,
    lease_token: UUID | str | None = None,
) -> AudioTrack:
    """Change a track's state and return it as stored; COMPLETED also makes it findable.

    ``error_code`` and ``error_message`` go with FAILED only; a message of more than 2,000 characters is cut, with a
    mark. A track that fails this way is not tried again by itself. A ``lease_token`` must be the track's current one.

    Raises ValidationError with every reason, ResourceNotFoundError, IllegalTransitionError naming where the track can
    go, LeaseLostError, ConstraintError for a COMPLETED without metadata, DatabaseOperationError. Whatever is raised,
    nothing is changed.
    """
    given = {
        "audio_id": audio_id,
        "status": status,
        "error_code": error_code,
        "error_message": error_message,
        "lease_token": lease_token,
    }
    update = validation.status_update(given)
    try:
        with all_or_nothing(conn):
            return _change(conn, [update])[0]
    except _SomeRefusedError as error:
        raise error.refused[0] from None


def mark_as_processing(conn: Connection, audio_id: UUID | str, *, lease_token: UUID | str | None = None) -> AudioTrack:
    """Claim a track by hand, under a lease of 60 seconds that the track returned names; see update_processing_status.

    A track that can be claimed has no lease, so any ``lease_token`` given here is a LeaseLostError.
    """
    return update_processing_status(conn, audio_id, TrackStatus.PROCESSING, lease_token=lease_token)


def mark_as_completed(conn: Connection, audio_id: UUID | str, *, lease_token: UUID | str | None = None) -> AudioTrack:
    """Complete a track with the metadata that it has; see update_processing_status."""
    return update_processing_status(conn, audio_id, TrackStatus.COMPLETED, lease_token=lease_token)


def mark_as_failed(
    conn: Connection,
    audio_id: UUID | str,
    error_message: str,
    *,
    error_code: str | None = None,
    lease_token: UUID | str | None = None,
) -> AudioTrack:
    """Fail a track; it is not tried again until somebody retries it; see update_processing_status."""
    return update_processing_status(
        conn,
        audio_id,
        TrackStatus.FAILED,
        error_code=error_code,
        error_message=error_message,
        lease_token=lease_token,
    )


class _SomeRefusedError(Exception):
    def __init__(self, refused: dict[int, MusicLibraryError]) -> None:
        super().__init__(refused)
        self.refused = refused


def update_processing_status_batch(conn: Connection, updates: Iterable[Mapping[str, Any]]) -> BatchResult:
    """Change the states of tracks, all or none: mappings with the parameters of update_processing_status.

    Where an update is wrong or refused, the result has ``success`` False and names every such item with all its
    reasons, and nothing is changed.

    Raises ValidationError where ``updates`` is no sequence of at most 10,000, DatabaseOperationError.
    """
    accepted, errors = validation.status_updates(updates)
    if errors:
        return BatchResult(success=False, count=0, errors=tuple(errors))
    try:
        with all_or_nothing(conn):
            _change(conn, accepted)
    except _SomeRefusedError as error:
        found = [
            BatchError(index=index, audio_id=str(accepted[index].audio_id), message=str(reason))
            for index, reason in sorted(error.refused.items())
        ]
        return BatchResult(success=False, count=0, errors=tuple(found))
    return BatchResult(success=True, count=len(accepted), track_ids=tuple(update.audio_id for update in accepted))


def _change(conn: Connection, updates: list[StatusUpdate]) -> list[AudioTrack]:
    """Change the tracks and return them. Raises _SomeRefusedError where not all could be changed."""
    items = [{"place": place, **update.model_dump()} for place, update in enumerate(updates)]
    params = {"items": to_json(items).decode(), "transitions": _PAIRS}
    rows = fetch_all(conn, _SQL["set_status"], params)
    refused = {row["place"]: _why_not(updates[row["place"]], row) for row in rows if row["id"] is None}
    if refused:
        raise _SomeRefusedError(refused)
    index_tracks(conn, [row for row in rows if row["status"] == TrackStatus.COMPLETED])
    return [AudioTrack.model_validate(row) for row in rows]


def _why_not(update: StatusUpdate, row: Row) -> MusicLibraryError:
    """Return the error that says why a row was not changed."""
    if row["was"] is None:
        return ResourceNotFoundError(f"there is no track {update.audio_id}")
    current = TrackStatus(row["was"])
    if update.lease_token is not None and update.lease_token != row["held_under"]:
        return LeaseLostError(
            f"track {update.audio_id} is {current} and not held under lease token {update.lease_token}: another "
            "attempt has taken over, or it has ended; what this one did is not applied",
            audio_id=update.audio_id,
            current=current,
            target=update.status,
        )
    if update.status not in TRANSITIONS[current]:
        return IllegalTransitionError(audio_id=update.audio_id, current=current, target=update.status)
    return ConstraintError(
        f"track {update.audio_id} cannot become {update.status}: it has no title or no audio_path; save its metadata",
        sqlstate="23514",
        constraint="audio_tracks_completed_is_whole",
    )
