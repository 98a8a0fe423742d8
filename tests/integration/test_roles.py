"""The three roles of deploy/postgres/roles.sql, on a real database: what each may do, and what it may not."""

from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import psycopg2
import pytest
from psycopg2 import errors

from db import DatabasePool, save_audio_metadata
from db.migrate import migrate
from db.read.search import search_audio_tracks
from db.write.pruning import prune
from worker.doctor import examine
from worker.settings import Settings

ROLES = Path(__file__).parents[2] / "deploy" / "postgres" / "roles.sql"
TRACK = ({"title": "Jóga", "artist": "Björk"}, "gs://b/a.mp3")


def as_role(url, role):
    """The same database, as another role: the password is the role's name."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return parts._replace(netloc=f"{role}:{role}@{host}").geturl()


def make_roles(url):
    with closing(psycopg2.connect(url)) as admin:
        admin.autocommit = True
        with admin.cursor() as cursor:
            for _ in range(2):  # running it again changes nothing
                cursor.execute(ROLES.read_text())
            for role in ("tonearm_owner", "tonearm_worker", "tonearm_reader"):
                cursor.execute(f"ALTER ROLE {role} PASSWORD '{role}'")


@pytest.fixture(params=["roles before the first migration", "roles after it"])
def url(request, empty_database_url):
    if request.param == "roles before the first migration":
        make_roles(empty_database_url)
        migrate(as_role(empty_database_url, "tonearm_owner"))
    else:
        migrate(empty_database_url)
        make_roles(empty_database_url)
    return empty_database_url


def refused(url, statement):
    with closing(psycopg2.connect(url)) as conn, conn.cursor() as cursor, pytest.raises(errors.InsufficientPrivilege):
        cursor.execute(statement)


def test_the_worker_writes_tracks_and_cannot_change_or_empty_the_schema(url, broker_url):
    worker = as_role(url, "tonearm_worker")
    with closing(DatabasePool(worker, min_size=1)) as pool, pool.transaction() as conn:
        save_audio_metadata(conn, uuid4(), *TRACK)
    for table in ("audio_tracks", "audio_events", "audio_track_history", "track_search"):
        refused(worker, f"DROP TABLE {table}")
        refused(worker, f"TRUNCATE {table}")
        refused(worker, f"ALTER TABLE {table} ADD COLUMN x integer")
        refused(worker, f"ALTER TABLE {table} DISABLE TRIGGER ALL")
    refused(worker, "CREATE TABLE mine (x integer)")
    findings = examine(Settings(database_url=worker, broker_url=broker_url))
    assert [found for found in findings if found.about.startswith("database.") and found.level == "warning"] == []


def test_the_worker_adds_to_the_history_and_cannot_rewrite_or_forget_it(url):
    worker = as_role(url, "tonearm_worker")
    with closing(DatabasePool(worker, min_size=1, application_name="somebody")) as pool:
        with pool.transaction() as conn:
            save_audio_metadata(conn, uuid4(), *TRACK)
        refused(worker, "UPDATE audio_track_history SET worker = 'nobody'")
        refused(worker, "DELETE FROM audio_track_history")
        refused(as_role(url, "tonearm_reader"), "SELECT prune_track_history('(0,0)', '(9,0)', now())")

        def lines():
            with closing(psycopg2.connect(url)) as admin, admin.cursor() as cursor:
                cursor.execute("SELECT count(*) FROM audio_track_history")
                return cursor.fetchone()[0]

        before = lines()
        assert before > 0
        assert [
            step.rows for step in prune(pool, datetime.now(UTC) + timedelta(days=1)) if step.table == "history"
        ] == [0]
        with closing(psycopg2.connect(url)) as admin, admin, admin.cursor() as cursor:
            cursor.execute("UPDATE audio_track_history SET at = at - interval '91 days'")
        assert sum(step.rows for step in prune(pool, datetime.now(UTC) - timedelta(days=90))) == before
        assert lines() == 0


def test_the_reader_searches_and_changes_nothing(url):
    with closing(DatabasePool(as_role(url, "tonearm_worker"), min_size=1)) as pool, pool.transaction() as conn:
        save_audio_metadata(conn, uuid4(), *TRACK)
    reader = as_role(url, "tonearm_reader")
    with closing(DatabasePool(reader, min_size=1)) as pool, pool.transaction() as conn:
        assert [hit.title for hit in search_audio_tracks(conn, "joga")] == ["Jóga"]
    refused(reader, "INSERT INTO audio_tracks (id) VALUES (gen_random_uuid())")
    refused(reader, "UPDATE audio_tracks SET title = 'x'")
    refused(reader, "DELETE FROM audio_tracks")


def test_the_owner_can_roll_back_and_migrate_again(url):
    with closing(psycopg2.connect(as_role(url, "tonearm_owner"))) as conn, conn.cursor() as cursor:
        cursor.execute("ALTER TABLE audio_tracks ADD COLUMN x integer")
        cursor.execute("ALTER TABLE audio_tracks DROP COLUMN x")
