"""Messages that come one by one and are applied together: each keeps its identity, and its fate."""

import os
import re
import signal
import threading
from collections import Counter
from contextlib import closing, contextmanager
from uuid import uuid4

import psycopg2
import pytest
from celery.events import EventReceiver
from pydantic import SecretStr

from tests.programs import Programs
from worker.app import create_app
from worker.publisher import Publisher
from worker.settings import Settings


@pytest.fixture
def programs(database_url, broker_url, tmp_path):
    return Programs(
        DATABASE_URL=database_url,
        BROKER_URL=broker_url,
        TONEARM_HOME=str(tmp_path),
        LOG_FORMAT="json",
        MAX_ATTEMPTS="2",
        RETRY_BASE_SECONDS="0.1",
    )


@pytest.fixture
def settings(database_url, broker_url):
    return Settings(database_url=SecretStr(database_url), broker_url=SecretStr(broker_url))


@pytest.fixture
def client(settings):
    with create_app(settings) as app:
        yield app


def make(number):
    return [
        {"event_id": str(uuid4()), "audio_id": str(uuid4()), "audio_path": f"s3://b/{n}.mp3"} for n in range(number)
    ]


def publish(settings, events):
    with Publisher(settings, durable=False) as publisher:
        for event in events:
            publisher.publish(event)


def query(database_url, statement):
    with closing(psycopg2.connect(database_url)) as conn, conn, conn.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchall() if cursor.description else []


def states(database_url):
    return dict(query(database_url, "SELECT status, count(*)::int FROM audio_tracks GROUP BY 1"))


def jobs(log):
    """How many messages each job had."""
    return [int(found) for found in re.findall(r'"messages": (\d+)[^\n]*"messages_settled"', log.read_text())]


class Monitor(EventReceiver):
    """Hears what Flower hears of tasks: the kinds of events, by task id."""

    def __init__(self, connection, app):
        self.heard, self.ready = {}, threading.Event()
        super().__init__(connection, handlers={"*": self._hear}, app=app)

    def _hear(self, event):
        if event["type"].startswith("task-"):
            self.heard.setdefault(event["uuid"], []).append(event["type"])

    def on_consume_ready(self, *_, **__):
        self.ready.set()


@contextmanager
def monitored(app):
    with app.connection_for_read() as connection:
        monitor = Monitor(connection, app)
        thread = threading.Thread(target=monitor.capture, kwargs={"wakeup": False})
        thread.start()
        assert monitor.ready.wait(10)
        try:
            yield monitor.heard
        finally:
            monitor.should_stop = True
            thread.join()


def test_messages_that_wait_are_applied_together_and_each_is_acknowledged_and_shown(
    programs, settings, client, database_url, tmp_path, wait_until
):
    events = make(300)
    publish(settings, events)
    log = tmp_path / "worker.log"
    with monitored(client) as heard, programs.worker(log, "-c", "2"):
        wait_until(lambda: states(database_url) == {"COMPLETED": 300}, timeout=30)
        wait_until(lambda: sum(kinds[-1] == "task-succeeded" for kinds in heard.values()) == 300)
        assert programs.tonearm("status", "--json").json()["queue"] == {"depth": 0, "unacknowledged": 0}
    assert Counter(map(tuple, heard.values())) == {("task-received", "task-started", "task-succeeded"): 300}
    assert sum(jobs(log)) == 300
    assert len(jobs(log)) < 100
    assert query(database_url, "SELECT DISTINCT count(*) FROM audio_track_history GROUP BY audio_id") == [(3,)]


def test_a_message_that_nobody_can_read_and_one_that_is_no_event_harm_no_other(
    programs, settings, client, database_url, tmp_path, wait_until
):
    events = make(20)
    publish(settings, events[:10])
    client.send_task("audio.processed", args=[{"audio_id": "no uuid"}])
    client.send_task("audio.processed", args=[events[0], events[1]])
    with client.connection_for_write() as connection, connection.SimpleQueue("celery") as queue:
        headers = {"task": "audio.processed", "id": str(uuid4()), "lang": "py", "root_id": None, "parent_id": None}
        queue.producer.publish(b"\x80no json", routing_key="celery", content_type="application/json",
                               content_encoding="utf-8", headers=headers)  # fmt: skip
    publish(settings, events[10:])
    with programs.worker(tmp_path / "worker.log", "-c", "2"):
        wait_until(lambda: states(database_url) == {"COMPLETED": 20}, timeout=30)
        wait_until(lambda: query(database_url, "SELECT count(*) FROM rejected_events") == [(3,)])
        wait_until(lambda: programs.tonearm("status", "--json").json()["queue"] == {"depth": 0, "unacknowledged": 0})


def test_an_event_that_fails_is_retried_by_itself_and_shown_as_retried(
    programs, settings, client, database_url, tmp_path, wait_until
):
    query(
        database_url,
        """
        CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN RAISE 'not this one' USING ERRCODE = 'XX000'; END $$;
        CREATE TRIGGER refuse BEFORE INSERT ON track_search
            FOR EACH ROW WHEN (NEW.audio_path = 's3://b/7.mp3') EXECUTE FUNCTION refuse();
        """,
    )
    publish(settings, make(20))
    with monitored(client) as heard, programs.worker(tmp_path / "worker.log", "-c", "2"):
        wait_until(lambda: states(database_url) == {"COMPLETED": 19, "FAILED": 1}, timeout=30)
        final = "SELECT retry_count FROM audio_tracks WHERE status = 'FAILED' AND next_attempt_at IS NULL"
        wait_until(lambda: query(database_url, final) == [(2,)], timeout=30)
        ends = lambda: Counter(kinds[-1] for kinds in heard.values())  # noqa: E731 - read time and again
        wait_until(lambda: ends() == {"task-succeeded": 19, "task-retried": 1, "task-failed": 1})


def test_a_worker_told_to_stop_leaves_what_waits_to_the_next(programs, settings, database_url, tmp_path, wait_until):
    publish(settings, make(600))
    log = tmp_path / "worker.log"
    with programs.worker(log, "-c", "1") as worker:
        wait_until(lambda: states(database_url).get("COMPLETED", 0) > 100, timeout=30)
        os.kill(worker.pid, signal.SIGTERM)
        assert worker.wait(7) == 0
    done = states(database_url)
    assert set(done) == {"COMPLETED"}
    assert done["COMPLETED"] < 600
    assert programs.tonearm("status", "--json").json()["queue"]["depth"] >= 600 - done["COMPLETED"]
    with programs.worker(log, "-c", "2"):
        wait_until(lambda: states(database_url) == {"COMPLETED": 600}, timeout=30)
    assert query(database_url, "SELECT DISTINCT count(*) FROM audio_track_history GROUP BY audio_id") == [(3,)]


def test_a_revoked_message_is_not_executed(programs, settings, client, database_url, tmp_path, wait_until):
    revoked, *others = make(6)
    with programs.worker(tmp_path / "worker.log", "-c", "1"):
        wait_until(lambda: client.control.inspect(timeout=0.5).ping(), timeout=20)
        client.control.revoke(client.send_task("audio.processed", args=[revoked], countdown=1).id, reply=True)
        with closing(psycopg2.connect(database_url)) as holder, holder, holder.cursor() as cursor:
            cursor.execute("LOCK TABLE audio_events IN ACCESS EXCLUSIVE MODE")
            publish(settings, others[:1])  # keeps the only process busy
            wait_until(lambda: (client.control.inspect(timeout=0.5).active() or {None: []}).popitem()[1])
            waiting = client.send_task("audio.processed", args=[others[1]])
            client.control.revoke(waiting.id, reply=True)
            publish(settings, others[2:])
        wait_until(lambda: states(database_url) == {"COMPLETED": 4})
        wait_until(lambda: programs.tonearm("status", "--json").json()["queue"] == {"depth": 0, "unacknowledged": 0})
    assert states(database_url) == {"COMPLETED": 4}
