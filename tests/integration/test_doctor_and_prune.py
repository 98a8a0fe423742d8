"""`tonearm health`, `doctor` and `prune`, as an operator runs them."""

from contextlib import closing
from uuid import uuid4

import pytest
import redis

from db import save_audio_metadata_batch
from db.statements import fetch_all, run
from db.write.reindex import reindex
from tests.programs import Programs
from worker.doctor import examine, expected_indexes
from worker.settings import Settings


@pytest.fixture
def settings(database_url, broker_url):
    return Settings(database_url=database_url, broker_url=broker_url)


def found(settings, about):
    return next(finding for finding in examine(settings) if finding.about == about)


def test_a_migrated_database_has_every_index_and_nothing_pending(settings):
    assert found(settings, "database.indexes").level == "ok"
    assert found(settings, "database.migrations").level == "ok"
    assert found(settings, "database.extensions").level == "ok"
    assert len(expected_indexes()) > 10


def test_a_missing_and_an_invalid_index_are_named(settings, conn):
    run(conn, "DROP INDEX audio_events_waiting")
    run(conn, "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'audio_tracks_title'::regclass")
    conn.commit()
    finding = found(settings, "database.indexes")
    assert finding.level == "problem"
    assert "missing: audio_events_waiting" in finding.found
    assert "invalid: audio_tracks_title" in finding.found


def test_a_database_that_was_never_migrated_is_a_problem_and_says_what_to_do(empty_database_url, broker_url):
    finding = found(Settings(database_url=empty_database_url, broker_url=broker_url), "database.migrations")
    assert finding.level == "problem"
    assert "tonearm migrate" in finding.advice


def test_a_read_model_that_is_behind_is_a_warning_that_says_by_how_much(settings, conn):
    assert found(settings, "database.read_model").level == "ok"
    save_audio_metadata_batch(
        conn,
        [{"audio_id": uuid4(), "metadata": {"title": f"Song {n}"}, "audio_path": "gs://b/a.mp3"} for n in range(3)],
    )
    run(conn, "DELETE FROM track_search WHERE title = 'Song 0'")
    run(conn, "UPDATE track_search SET folding_version = 0 WHERE title = 'Song 1'")
    conn.commit()
    finding = found(settings, "database.read_model")
    assert finding.level == "warning"
    assert "1 completed tracks are missing" in finding.found
    assert "1 are as an older version" in finding.found
    assert "tonearm reindex" in finding.advice
    assert reindex(conn) == 2
    assert found(settings, "database.read_model").level == "ok"


def test_a_broker_that_may_evict_is_a_problem_and_one_without_a_log_a_warning(database_url, broker_server):
    with closing(redis.Redis.from_url(broker_server.url)) as client:
        client.config_set("maxmemory-policy", "allkeys-lru")
        client.config_set("appendonly", "no")
    settings = Settings(database_url=database_url, broker_url=broker_server.url)
    assert found(settings, "broker.eviction").level == "problem"
    assert found(settings, "broker.persistence").level == "warning"


def test_the_doctor_exits_1_with_one_json_document_and_no_password_when_nothing_answers():
    programs = Programs(
        DATABASE_URL="postgresql://tonearm:hunter2@127.0.0.1:1/tonearm", BROKER_URL="redis://:hunter2@127.0.0.1:1/0"
    )
    ran = programs.tonearm("doctor", "--json")
    assert ran.code == 1
    assert ran.json()["healthy"] is False
    assert {finding["about"] for finding in ran.json()["findings"]} == {"database", "broker"}
    assert "hunter2" not in ran.out + ran.err
    health = programs.tonearm("health")
    assert health.code == 1
    assert "hunter2" not in health.out + health.err
    assert "Traceback" not in health.err


def begin(conn, status, days):
    """A track whose one event was received that many days ago, and its history."""
    run(
        conn,
        """SET LOCAL session_replication_role = replica;
        WITH made AS (
            INSERT INTO audio_tracks (id, status, title, audio_path, completed_at, current_event_id)
            VALUES (gen_random_uuid(), %(status)s, 'x', 'gs://b/x', now(), gen_random_uuid())
            RETURNING id, current_event_id
        ), told AS (
            INSERT INTO audio_track_history (audio_id, to_status, attempt, at)
            SELECT id, 'PENDING', 0, now() - make_interval(days => %(days)s) FROM made
        )
        INSERT INTO audio_events (event_id, audio_id, occurred_at, payload, received_at, settled_at, outcome)
        SELECT current_event_id, id, now(), '{}', now() - make_interval(days => %(days)s),
               CASE WHEN %(status)s <> 'PENDING' THEN now() - make_interval(days => %(days)s) END,
               CASE WHEN %(status)s <> 'PENDING' THEN 'applied' END
        FROM made;
        SET LOCAL session_replication_role = origin""",
        {"status": status, "days": days},
    )


def test_pruning_forgets_what_is_settled_and_old_and_nothing_else(database_url, broker_url, conn):
    begin(conn, "COMPLETED", 100)
    begin(conn, "COMPLETED", 10)
    begin(conn, "FAILED", 100)
    begin(conn, "PENDING", 100)
    conn.commit()
    ran = Programs(DATABASE_URL=database_url, BROKER_URL=broker_url).tonearm("prune", "--older-than", "90d", "--json")
    assert ran.code == 0, ran.err
    assert ran.json()["removed"] == {"events": 1, "history": 1}
    left = fetch_all(
        conn,
        "SELECT t.status, e.settled_at > now() - interval '90 days' AS young FROM audio_events e "
        "JOIN audio_tracks t ON t.id = e.audio_id ORDER BY 1",
    )
    assert [tuple(row.values()) for row in left] == [("COMPLETED", True), ("FAILED", False), ("PENDING", None)]
    assert len(fetch_all(conn, "SELECT FROM audio_track_history")) == 3


@pytest.mark.parametrize("age", ["0d", "90", "-1d", "d", "99999999999999d"])
def test_an_age_that_is_none_is_refused_before_anything_is_removed(age, database_url):
    assert Programs(DATABASE_URL=database_url).tonearm("prune", f"--older-than={age}").code == 2
