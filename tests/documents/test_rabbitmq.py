"""What docs/events.md says of sending to RabbitMQ, and that there, too, no message holds up the others."""

import json
from contextlib import closing
from uuid import uuid4

import psycopg2
import pytest
from celery import Celery
from kombu import Connection, Producer

from tests.faults.rabbitmq import RabbitMQ, why_not
from tests.programs import Programs

pytestmark = [
    pytest.mark.long,
    pytest.mark.rabbitmq,
    pytest.mark.timeout(300),
    pytest.mark.skipif(why_not() is not None, reason=str(why_not())),
]
CALL = {"task": "audio.processed", "id": "9d3fbc0c-1f0d-4a8e-8a35-2c7a1d3a6a55"}
JSON = {"content_type": "application/json", "content_encoding": "utf-8"}
UNREADABLE = [
    (b"garbage", {"content_type": "text/plain", "content_encoding": "utf-8"}),
    (b"{nope", {"headers": CALL, **JSON}),
    (b"[[{}], {}, {}]", {"headers": {"task": "audio.processed"}, **JSON}),
    (b"[[{}], {}, {}]", {"headers": CALL | {"task": "audio.processd"}, **JSON}),
    (b"[{}]", {"headers": CALL, **JSON}),
]


@pytest.fixture
def rabbitmq(tmp_path):
    node = RabbitMQ(tmp_path)
    try:
        yield node.url
    finally:
        node.stop()


def an_event():
    return {"audio_id": str(uuid4()), "audio_path": "gs://bucket/a.mp3"}


def test_messages_come_from_bare_clients_and_unreadable_ones_are_kept(rabbitmq, database_url, tmp_path, wait_until):
    def rows(statement):
        with closing(psycopg2.connect(database_url)) as conn, conn.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall()

    by_celery, by_hand = an_event(), an_event()
    programs = Programs(DATABASE_URL=database_url, BROKER_URL=rabbitmq, TONEARM_HOME=str(tmp_path), LOG_FORMAT="json")
    log = tmp_path / "worker.log"
    with programs.worker(log, "-c", "1") as worker:
        wait_until(lambda: "ready." in log.read_text(), timeout=60)
        with Connection(rabbitmq) as connection:
            producer = Producer(connection)
            for body, properties in UNREADABLE:
                producer.publish(body, exchange="celery", routing_key="celery", **properties)
            body = json.dumps([[by_hand], {}, {}]).encode()
            producer.publish(body, exchange="celery", routing_key="celery", headers=CALL, **JSON)
        with Celery(broker=rabbitmq, set_as_current=False) as app:
            app.conf.task_default_queue_type = "quorum"
            app.send_task("audio.processed", args=[by_celery], ignore_result=True)
        wait_until(lambda: rows("SELECT count(*) FROM audio_tracks WHERE status = 'COMPLETED'") == [(2,)], timeout=30)
        wait_until(lambda: rows("SELECT sum(times) FROM rejected_events") == [(len(UNREADABLE),)], timeout=30)
        assert worker.poll() is None
    assert "Unrecoverable" not in log.read_text()
