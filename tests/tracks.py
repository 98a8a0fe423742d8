"""Tracks for the tests: saved ones, and ones that stand in a given state."""

from typing import Any
from uuid import UUID, uuid4

from psycopg2.extensions import connection

from db import TrackStatus, mark_as_failed, mark_as_processing, save_audio_metadata, update_processing_status
from db.models import AudioTrack

FULL_METADATA: dict[str, Any] = {
    "title": "Jóga",
    "artist": "Björk",
    "album": "Homogenic",
    "genre": "Electronic",
    "year": 1997,
    "duration": 305.2,
    "channels": 2,
    "sample_rate": 44100,
    "bitrate": 320000,
    "format": "MP3",
    "file_size": 12208000,
}
AUDIO_PATH = "gs://bucket/joga.mp3"
STATES = list(TrackStatus)


def query(conn: connection, statement: str, *params: Any) -> list[tuple[Any, ...]]:
    """Run a statement of the test's own and return its rows."""
    with conn.cursor() as cursor:
        cursor.execute(statement, params or None)
        return cursor.fetchall() if cursor.description else []


def saved(conn: connection, audio_id: UUID | None = None, **metadata: Any) -> AudioTrack:
    """Save a track, by default Björk's, and return it."""
    return save_audio_metadata(conn, audio_id or uuid4(), metadata or FULL_METADATA, AUDIO_PATH)


def track_in(conn: connection, status: TrackStatus) -> UUID:
    """Bring a track with metadata to a state, by the way that every track takes, and return its id."""
    audio_id = saved(conn).id
    if status != TrackStatus.COMPLETED:
        mark_as_processing(conn, audio_id)
    if status == TrackStatus.PENDING:
        update_processing_status(conn, audio_id, TrackStatus.PENDING)
    if status == TrackStatus.FAILED:
        mark_as_failed(conn, audio_id, "made to fail")
    return audio_id


def everything(conn: connection) -> dict[str, list[str]]:
    """Return all rows of all tables of tracks, to compare before with after."""
    tables = ("audio_tracks", "audio_track_history", "audio_events", "track_search", "rejected_events")
    return {table: [row[0] for row in query(conn, f"SELECT t::text FROM {table} t ORDER BY 1")] for table in tables}


def transitions_of(conn: connection, audio_id: UUID) -> list[tuple[str | None, str]]:
    """Return from and to of every entry in a track's history, in order."""
    return query(
        conn, "SELECT from_status, to_status FROM audio_track_history WHERE audio_id = %s ORDER BY id", audio_id
    )


def findable(conn: connection, audio_id: UUID) -> str | None:
    """Return the title under which the read model holds a track, or None."""
    rows = query(conn, "SELECT title FROM track_search WHERE id = %s", audio_id)
    return rows[0][0] if rows else None
