"""Saving tracks: the path that a worker's attempt takes, walked in one go."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID, uuid4

from db import limits, validation
from db.errors import IllegalTransitionError
from db.models import AudioTrack, BatchError, BatchResult
from db.statements import Connection, Row, fetch_all, fetch_one, statements
from db.status import TrackStatus, sources_of
from db.validation import NewTrack
from db.write.atomic import all_or_nothing
from db.write.transitions import complete

_SQL = statements("saving")
_GET = statements("tracks")["get_by_id"]


def save_audio_metadata(
    conn: Connection,
    audio_id: UUID | str,
    metadata: Mapping[str, Any],
    audio_path: str,
    thumbnail_path: str | None = None,
) -> AudioTrack:
    """Save a track, new or known, and return it as stored: COMPLETED, and findable once committed.

    ``metadata`` may have title, artist, album, genre, format, year, duration (seconds), channels, sample_rate (Hz),
    bitrate (bit/s) and file_size (bytes); it replaces what was there, also with nothing. The history shows the whole
    path. Events for the track that are older than now and not applied yet are settled as stale.

    Raises ValidationError with every reason, IllegalTransitionError while an attempt holds the track,
    DatabaseOperationError. Whatever is raised, nothing is changed.
    """
    track = validation.new_track(
        {"audio_id": audio_id, "metadata": metadata, "audio_path": audio_path, "thumbnail_path": thumbnail_path}
    )
    try:
        with all_or_nothing(conn):
            _save(conn, [track])
            return AudioTrack.model_validate(fetch_one(conn, _GET, {"audio_id": track.audio_id}))
    except _TracksAreHeldError as error:
        raise IllegalTransitionError(
            error.messages[track.audio_id],
            audio_id=track.audio_id,
            current=TrackStatus.PROCESSING,
            target=TrackStatus.PROCESSING,
        ) from None


def save_audio_metadata_batch(conn: Connection, items: Iterable[Mapping[str, Any]]) -> BatchResult:
    """Save tracks, all or none: mappings with audio_id, metadata, audio_path and, if there is one, thumbnail_path.

    At most 10,000, each track once; the cost in statements does not depend on how many. Where an item is wrong or its
    track is held by an attempt, the result has ``success`` False and names every such item with all its reasons, and
    nothing is changed.

    Raises ValidationError where ``items`` is no sequence of at most 10,000, DatabaseOperationError.
    """
    tracks, errors = validation.new_tracks(items)
    if not errors and tracks:
        errors = _save_all(conn, tracks)
    if errors:
        return BatchResult(success=False, count=0, errors=tuple(errors))
    return BatchResult(success=True, count=len(tracks), track_ids=tuple(track.audio_id for track in tracks))


class _TracksAreHeldError(Exception):
    def __init__(self, messages: dict[UUID, str]) -> None:
        super().__init__(messages)
        self.messages = messages


def _save_all(conn: Connection, tracks: Sequence[NewTrack]) -> list[BatchError]:
    """Save the tracks, or change nothing and return which of them are held."""
    try:
        with all_or_nothing(conn):
            _save(conn, tracks)
    except _TracksAreHeldError as error:
        return [
            BatchError(index=index, audio_id=str(track.audio_id), message=error.messages[track.audio_id])
            for index, track in enumerate(tracks)
            if track.audio_id in error.messages
        ]
    return []


def _save(conn: Connection, tracks: Sequence[NewTrack]) -> None:
    """Claim and complete the tracks. Raises _TracksAreHeldError where some could not be claimed."""
    token = uuid4()
    ids = [track.audio_id for track in tracks]
    sources = tuple(sources_of(TrackStatus.PROCESSING))
    claimed = {
        row["id"]: row["claimed_at"]
        for row in fetch_all(conn, _SQL["store_and_claim"], {"ids": ids, "token": token, "sources": sources})
    }
    missed = [audio_id for audio_id in ids if audio_id not in claimed]
    if missed:
        raise _TracksAreHeldError(_held_messages(conn, missed))
    complete(conn, [_completed(track, claimed[track.audio_id]) for track in tracks], token=token)


def _completed(track: NewTrack, occurred_at: Any) -> dict[str, Any]:
    metadata = track.metadata.model_dump()
    return {
        "id": track.audio_id,
        "event_id": None,
        "occurred_at": occurred_at,
        **metadata,
        "title": limits.UNTITLED if metadata["title"] is None else metadata["title"],
        "audio_path": track.audio_path,
        "thumbnail_path": track.thumbnail_path,
    }


def _held_messages(conn: Connection, ids: list[UUID]) -> dict[UUID, str]:
    """Return for each track who holds it; its holder may have let go in the meantime."""
    holders = {row["id"]: row for row in fetch_all(conn, _SQL["holders"], {"ids": ids})}
    return {audio_id: _held_message(audio_id, holders.get(audio_id)) for audio_id in ids}


def _held_message(audio_id: UUID, holder: Row | None) -> str:
    if holder is None:
        return f"track {audio_id} was held by another attempt until a moment ago; save it again"
    return (
        f"track {audio_id} is PROCESSING: {holder['lease_owner'] or 'another attempt'} holds it until "
        f"{holder['lease_expires_at']:%Y-%m-%d %H:%M:%S %Z}; save it again after that, or mark it as failed first"
    )
