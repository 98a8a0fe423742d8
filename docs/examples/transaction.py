"""Publish in the upload service's own transaction: ``python transaction.py`` with DATABASE_URL and BROKER_URL set.

Both happen or neither: the upload service's row and the event are committed together.
"""

import os
from contextlib import closing, suppress
from uuid import UUID, uuid4

import psycopg2
from psycopg2.extensions import connection

from worker.publisher import Publisher


class QuotaExceededError(Exception):
    """Something of the upload service's own that goes wrong after the event was published."""


def accept(conn: connection, publisher: Publisher, path: str, *, quota: int) -> UUID:
    """Record an upload and publish its event, in one transaction."""
    audio_id = uuid4()
    with conn, conn.cursor() as cursor:  # psycopg2: commits at the end, rolls back on an exception
        cursor.execute("INSERT INTO uploads (audio_id, path) VALUES (%s, %s)", (str(audio_id), path))
        event = {"audio_id": str(audio_id), "audio_path": path, "metadata": {"title": "Hyperballad"}}
        publisher.publish(event, conn=conn)
        cursor.execute("SELECT count(*) FROM uploads")
        (uploads,) = cursor.fetchone() or (0,)
        if uploads > quota:
            raise QuotaExceededError(path)
    return audio_id


with closing(psycopg2.connect(os.environ["DATABASE_URL"])) as conn, Publisher() as publisher:
    with conn, conn.cursor() as cursor:
        cursor.execute("CREATE TABLE IF NOT EXISTS uploads (audio_id uuid PRIMARY KEY, path text NOT NULL)")
        cursor.execute("TRUNCATE uploads")
    print(accept(conn, publisher, "gs://bucket/hyperballad.mp3", quota=1))
    with suppress(QuotaExceededError):
        accept(conn, publisher, "gs://bucket/one-too-many.mp3", quota=1)  # rolled back: nothing is published
