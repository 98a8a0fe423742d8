"""The music library's database: saving tracks, driving them through their states, getting, listing and searching.

Every function takes a connection, so that several calls can share one transaction::

    with get_connection_pool().transaction() as conn:
        save_audio_metadata(conn, audio_id, {"title": "Jóga", "artist": "Björk"}, "gs://bucket/joga.mp3")
"""

from db.errors import (
    ConstraintError,
    DatabaseOperationError,
    DatabaseTimeoutError,
    DatabaseUnavailableError,
    DeadlockError,
    DiskFullError,
    IllegalTransitionError,
    InvalidDataError,
    LeaseLostError,
    MusicLibraryError,
    PoolTimeoutError,
    ReadOnlyDatabaseError,
    ResourceNotFoundError,
    SerializationError,
    ValidationError,
)
from db.models import (
    AudioTrack,
    BatchError,
    BatchResult,
    FacetCount,
    HistoryEntry,
    PoolHealth,
    PoolStats,
    SearchHit,
    SearchPage,
    TrackPage,
)
from db.pool import DatabasePool, close_pool, get_connection, get_connection_pool
from db.read.history import get_track_history
from db.read.search import search_audio_tracks, search_audio_tracks_advanced
from db.read.tracks import get_all_audio_metadata, get_audio_metadata_by_id, get_audio_metadata_by_ids
from db.status import TrackStatus
from db.write.status_updates import (
    mark_as_completed,
    mark_as_failed,
    mark_as_processing,
    update_processing_status,
    update_processing_status_batch,
)
from db.write.tracks import save_audio_metadata, save_audio_metadata_batch

__all__ = [
    "AudioTrack",
    "BatchError",
    "BatchResult",
    "ConstraintError",
    "DatabaseOperationError",
    "DatabasePool",
    "DatabaseTimeoutError",
    "DatabaseUnavailableError",
    "DeadlockError",
    "DiskFullError",
    "FacetCount",
    "HistoryEntry",
    "IllegalTransitionError",
    "InvalidDataError",
    "LeaseLostError",
    "MusicLibraryError",
    "PoolHealth",
    "PoolStats",
    "PoolTimeoutError",
    "ReadOnlyDatabaseError",
    "ResourceNotFoundError",
    "SearchHit",
    "SearchPage",
    "SerializationError",
    "TrackPage",
    "TrackStatus",
    "ValidationError",
    "close_pool",
    "get_all_audio_metadata",
    "get_audio_metadata_by_id",
    "get_audio_metadata_by_ids",
    "get_connection",
    "get_connection_pool",
    "get_track_history",
    "mark_as_completed",
    "mark_as_failed",
    "mark_as_processing",
    "save_audio_metadata",
    "save_audio_metadata_batch",
    "search_audio_tracks",
    "search_audio_tracks_advanced",
    "update_processing_status",
    "update_processing_status_batch",
]
