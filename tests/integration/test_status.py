"""What `tonearm status` and the metrics read: db.read.status, and the queue's side in worker.messages."""

from contextlib import closing
from uuid import uuid4

import pytest
from kombu.exceptions import OperationalError

from db.read import status as read_status_module
from db.read.status import count_tracks, read_status
from db.statements import run, statements
from worker.app import create_app
from worker.messages import queue_depth, send, unacknowledged
from worker.settings import Settings

FAILED_STEP = "UPDATE audio_tracks SET status = 'FAILED', error_code = %(code)s WHERE id = %(id)s"


def begin(conn, *, age=0, processing=False, failed=None):
    track = str(uuid4())
    run(
        conn,
        "INSERT INTO audio_tracks (id, created_at, updated_at) SELECT %(id)s, t, t "
        "FROM (SELECT now() - make_interval(secs => %(age)s) AS t) moment",
        {"id": track, "age": age},
    )
    if processing or failed:
        run(conn, "UPDATE audio_tracks SET status = 'PROCESSING' WHERE id = %(id)s", {"id": track})
    if failed:
        run(conn, FAILED_STEP, {"id": track, "code": failed})
    return track


def test_an_empty_database_has_nothing_waiting_and_nothing_failed(conn):
    status = read_status(conn)
    assert status.tracks == {"PENDING": 0, "PROCESSING": 0, "COMPLETED": 0, "FAILED": 0}
    assert status.tracks_exact
    assert (status.oldest_pending_seconds, status.oldest_lease_seconds) == (None, None)
    assert (status.open_events, status.rejected, status.failures) == (0, 0, {})


def test_tracks_are_counted_by_state_and_the_oldest_of_each_kind_is_told(conn):
    begin(conn, age=90)
    begin(conn, age=30)
    begin(conn, processing=True)
    begin(conn, failed="boom")
    begin(conn, failed="boom")
    begin(conn, failed="deadlock")
    status = read_status(conn)
    assert status.tracks == {"PENDING": 2, "PROCESSING": 1, "COMPLETED": 0, "FAILED": 3}
    assert 90 <= status.oldest_pending_seconds < 150
    assert 0 <= status.oldest_lease_seconds < 60
    assert list(status.failures.items()) == [("boom", 2), ("deadlock", 1)]


def test_a_track_that_was_given_back_is_not_older_than_its_wait(conn):
    track = begin(conn, age=86400, processing=True)
    run(conn, "UPDATE audio_tracks SET status = 'PENDING' WHERE id = %(id)s", {"id": track})
    assert read_status(conn).oldest_pending_seconds < 60


def test_failures_older_than_an_hour_and_notes_are_not_counted(conn):
    begin(conn, failed="boom")
    run(conn, "UPDATE audio_track_history SET at = at - interval '61 minutes'")
    run(
        conn,
        "INSERT INTO audio_track_history (audio_id, from_status, to_status, attempt, error_code)"
        " VALUES (gen_random_uuid(), 'FAILED', 'FAILED', 1, 'retry_requested')",
    )
    assert read_status(conn).failures == {}


def test_the_estimate_counts_what_moves_exactly_and_only_estimates_what_is_completed(conn, monkeypatch):
    begin(conn, age=5)
    begin(conn, failed="boom")
    monkeypatch.setattr(read_status_module, "_estimated", lambda _conn: 2_000_000)
    tracks, exact = count_tracks(conn, estimate=True)
    assert not exact
    assert tracks == {"PENDING": 1, "PROCESSING": 0, "COMPLETED": 1_999_998, "FAILED": 1}


@pytest.mark.parametrize(
    ("statement", "table"),
    [("tracks_not_completed", "audio_tracks"), ("waits_and_failures", "audio_tracks")],
)
def test_what_every_scrape_reads_is_read_from_indexes(conn, statement, table):
    run(
        conn,
        "SET LOCAL session_replication_role = replica;"
        "INSERT INTO audio_tracks (id, status, title, audio_path, completed_at)"
        " SELECT gen_random_uuid(), 'COMPLETED', 'x', 'gs://b/' || i, now() FROM generate_series(1, 20000) i;"
        "SET LOCAL session_replication_role = origin; ANALYZE audio_tracks",
    )
    with conn.cursor() as cursor:
        cursor.execute("EXPLAIN " + statements("status")[statement])
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert f"Seq Scan on {table}" not in plan, plan


def test_messages_that_wait_and_messages_that_are_held_are_counted_apart(broker_url, wait_until):
    app = create_app(Settings(broker_url=broker_url))
    with closing(app):
        queues = [queue.name for queue in app.amqp.queues.values()]
        assert (queue_depth(app, queues), unacknowledged(app)) == (0, 0)
        for _ in range(3):
            send(app, [{"audio_id": str(uuid4())}], stored=False)
        assert queue_depth(app, queues) == 3
        with app.connection_for_read() as connection:
            received = []
            with app.amqp.TaskConsumer(connection.channel(), no_ack=False, callbacks=[lambda *m: received.append(m)]):
                connection.drain_events(timeout=5)
                assert received
                held = unacknowledged(app)
                assert held == wait_until(lambda: 3 - queue_depth(app, queues))


def test_a_broker_that_is_away_is_an_error_and_not_a_number(broker_server):
    app = create_app(Settings(broker_url=broker_server.url))
    broker_server.stop()
    with closing(app), pytest.raises(OperationalError):
        unacknowledged(app)
