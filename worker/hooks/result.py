"""What a hook is given."""

from datetime import datetime
from uuid import UUID

from db.models import AudioTrack, Frozen
from db.status import TrackStatus
from worker.events import Event


class TrackResult(Frozen):
    """How an attempt ended; committed when a hook sees it. ``model_dump_json()`` makes JSON of it.

    ``status`` is COMPLETED or FAILED. ``attempt`` counts from 1 for each event. ``final`` says that nothing more
    happens by itself: a track that failed and is not final is tried again at ``next_attempt_at``. ``occurred_at`` is
    None where a lease ran out, and so is ``title`` if the track has never been completed.
    """

    audio_id: UUID
    event_id: UUID | None
    status: TrackStatus
    attempt: int
    final: bool
    title: str | None
    artist: str | None
    album: str | None
    audio_path: str | None
    error_code: str | None = None
    error_message: str | None = None
    next_attempt_at: datetime | None = None
    occurred_at: datetime | None = None
    finished_at: datetime
    worker: str


def completed(event: Event, attempt: int, *, at: datetime, worker: str) -> TrackResult:
    """Return the result of an attempt that completed its track."""
    return TrackResult(
        status=TrackStatus.COMPLETED, attempt=attempt, final=True, finished_at=at, worker=worker, **_about(event)
    )


def failed(
    event: Event,
    attempt: int,
    *,
    error_code: str,
    error_message: str,
    next_attempt_at: datetime | None,
    at: datetime,
    worker: str,
) -> TrackResult:
    """Return the result of an attempt that failed."""
    return TrackResult(
        status=TrackStatus.FAILED,
        attempt=attempt,
        final=next_attempt_at is None,
        error_code=error_code,
        error_message=error_message,
        next_attempt_at=next_attempt_at,
        finished_at=at,
        worker=worker,
        **_about(event),
    )


def expired(track: AudioTrack, *, worker: str) -> TrackResult:
    """Return the result of an attempt whose lease ran out; ``track`` is as the sweeper left it."""
    return TrackResult(
        audio_id=track.id,
        event_id=track.current_event_id,
        status=TrackStatus.FAILED,
        attempt=track.retry_count,
        final=track.next_attempt_at is None,
        title=track.title,
        artist=track.artist,
        album=track.album,
        audio_path=track.audio_path,
        error_code=track.error_code,
        error_message=track.error_message,
        next_attempt_at=track.next_attempt_at,
        finished_at=track.updated_at,
        worker=worker,
    )


def _about(event: Event) -> dict[str, object]:
    item = event.completion()
    return {
        "audio_id": event.audio_id,
        "event_id": event.event_id,
        "title": item["title"],
        "artist": item["artist"],
        "album": item["album"],
        "audio_path": item["audio_path"],
        "occurred_at": event.occurred_at,
    }
