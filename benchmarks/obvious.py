"""What a team would write on a Tuesday: one table with a generated tsvector, and two transactions an event."""

import os
import threading
from typing import Any

import psycopg2

SCHEMA = """
CREATE TABLE tracks (
    id uuid PRIMARY KEY,
    status text NOT NULL,
    title text, artist text, album text, genre text, year int, duration double precision, channels int,
    sample_rate int, bitrate int, format text, file_size bigint, audio_path text, thumbnail_path text,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    search tsvector GENERATED ALWAYS AS (
        to_tsvector('english', coalesce(title, '') || ' ' || coalesce(artist, '') || ' ' || coalesce(album, ''))
    ) STORED
);
CREATE INDEX tracks_search ON tracks USING gin (search);
CREATE INDEX tracks_status ON tracks (status);
"""

MARK_PROCESSING = """
INSERT INTO tracks (id, status) VALUES (%(id)s, 'PROCESSING')
ON CONFLICT (id) DO UPDATE SET status = 'PROCESSING', updated_at = now()
"""

COLUMNS = (
    "id", "title", "artist", "album", "genre", "year", "duration", "channels", "sample_rate", "bitrate", "format",
    "file_size", "audio_path", "thumbnail_path",
)  # fmt: skip

_UPSERT = """
INSERT INTO tracks ({columns}, status) {values}
ON CONFLICT (id) DO UPDATE SET {assignments}, status = 'COMPLETED', updated_at = now()
"""
_ASSIGNMENTS = ", ".join(f"{name} = excluded.{name}" for name in COLUMNS[1:])
COMPLETE = _UPSERT.format(
    columns=", ".join(COLUMNS),
    values="VALUES ({}, 'COMPLETED')".format(", ".join(f"%({name})s" for name in COLUMNS)),
    assignments=_ASSIGNMENTS,
)
_TYPES = ("uuid", *["text"] * 4, "int", "float8", "int", "int", "int", "text", "bigint", "text", "text")
COMPLETE_MANY = _UPSERT.format(
    columns=", ".join(COLUMNS),
    values="SELECT *, 'COMPLETED' FROM unnest({})".format(
        ", ".join(f"%({name})s::{type_}[]" for name, type_ in zip(COLUMNS, _TYPES, strict=True))
    ),
    assignments=_ASSIGNMENTS,
)

COUNT = "SELECT count(*) FROM tracks WHERE status = 'COMPLETED'"

_local = threading.local()


def row(event: dict[str, Any]) -> dict[str, Any]:
    """Return the columns of an event's track."""
    return {
        "id": event["audio_id"],
        "audio_path": event["audio_path"],
        "thumbnail_path": event["thumbnail_path"],
        **event["metadata"],
    }


def process(event: dict[str, Any]) -> None:
    """Process one event over this thread's connection, which stays open."""
    connection = getattr(_local, "connection", None)
    if connection is None:
        connection = _local.connection = psycopg2.connect(os.environ["DATABASE_URL"])
    with connection, connection.cursor() as cursor:
        cursor.execute(MARK_PROCESSING, {"id": event["audio_id"]})
    with connection, connection.cursor() as cursor:
        cursor.execute(COMPLETE, row(event))
