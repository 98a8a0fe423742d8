"""Statements for a handful of rows: prepared in sessions that keep what they prepare, and nowhere else."""

from contextlib import closing
from uuid import uuid4

import psycopg2
import pytest

from db.errors import DatabaseUnavailableError
from db.pool import DatabasePool
from db.prepared import FEW
from db.session import Session
from db.statements import fetch_all
from db.write import inbox
from worker.events import parse_event
from worker.ingest import Ingestor


@pytest.fixture
def single(database_url):
    with closing(DatabasePool(database_url, max_size=1)) as pool:
        yield pool


@pytest.fixture(autouse=True)
def _sessions_keep_statements():
    yield
    Session.keeps_statements = True


def events(number):
    return [{"audio_id": str(uuid4()), "audio_path": "s3://b/a.mp3"} for _ in range(number)]


def prepared(pool):
    with pool.transaction() as conn:
        return {row["name"]: row for row in fetch_all(conn, "SELECT name, generic_plans FROM pg_prepared_statements")}


def test_a_single_event_is_planned_once_a_session_and_a_batch_each_time(single):
    ingestor = Ingestor(single, owner="test")
    assert ingestor.ingest(events(FEW + 1)).counts == {"applied": FEW + 1}
    assert prepared(single) == {}
    for _ in range(3):
        assert ingestor.ingest(events(1)).counts == {"applied": 1}
    found = prepared(single)
    assert set(found) == {
        "store_events", "lock_tracks_of_events", "claim", "complete", "waiting_events", "upsert_documents", "add_words",
    }  # fmt: skip
    assert {row["generic_plans"] for row in found.values()} == {3}


def test_a_plan_made_on_empty_tables_goes_by_indexes_when_they_have_grown(single, conn):
    ingestor = Ingestor(single, owner="test")
    ingestor.ingest(events(1))
    for _ in range(4):
        ingestor.ingest(events(500))

    def scanned():
        with single.transaction() as own, own.cursor() as cursor:
            cursor.execute("SELECT pg_stat_force_next_flush()")
        return fetch_all(
            conn,
            "SELECT relname, seq_tup_read FROM pg_stat_user_tables"
            " WHERE relname IN ('audio_tracks', 'audio_events', 'search_word', 'track_search') ORDER BY 1",
        )

    before = scanned()
    assert ingestor.ingest(events(1)).counts == {"applied": 1}
    assert scanned() == before


def test_a_callers_own_connection_is_left_alone(database_url):
    with closing(psycopg2.connect(database_url)) as conn:
        assert inbox.store_events(conn, [parse_event(events(1)[0]).inbox_row()]) == set()
        assert fetch_all(conn, "SELECT name FROM pg_prepared_statements") == []


def test_where_a_pooler_shows_itself_nothing_is_prepared_any_more(single):
    row = [parse_event(events(1)[0]).inbox_row()]
    with single.transaction() as conn:
        inbox.store_events(conn, row)
    with single.transaction() as conn, conn.cursor() as cursor:
        cursor.execute("DEALLOCATE ALL")  # as if this were another session than a moment ago
    with pytest.raises(DatabaseUnavailableError, match="pooler"), single.transaction() as conn:
        inbox.store_events(conn, row)
    with single.transaction() as conn:
        inbox.store_events(conn, row)
    assert prepared(single) == {}
