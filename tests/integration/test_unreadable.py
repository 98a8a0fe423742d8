"""What somebody puts into the queue and is no message: kept with the reason, while the worker goes on."""

import base64
import copy
import itertools
import json
import re
from contextlib import closing
from uuid import uuid4

import psycopg2
import pytest
import redis

from tests.programs import Programs

EVENT = {"audio_id": "5d098d5b-adcd-4b71-925a-9eedf497a0f4", "audio_path": "gs://bucket/a.mp3"}


def encoded(value):
    return base64.b64encode(json.dumps(value).encode()).decode()


def a_message(event=None):
    event = event or {**EVENT, "audio_path": f"gs://bucket/{uuid4()}.mp3"}
    return {
        "body": encoded([[event], {}, {}]),
        "content-type": "application/json",
        "content-encoding": "utf-8",
        "headers": {"task": "audio.processed", "id": str(uuid4())},
        "properties": {
            "body_encoding": "base64",
            "delivery_info": {"exchange": "celery", "routing_key": "celery"},
            "delivery_tag": str(uuid4()),
        },
    }


def changed(**changes):
    """A message with these changes: a value of None takes something away."""
    message = copy.deepcopy(a_message())
    for path, value in changes.items():
        *above, last = path.split("__")
        inner = message
        for step in above:
            inner = inner[step]
        if value is None:
            del inner[last.replace("_", "-")]
        else:
            inner[last.replace("_", "-") if last.startswith("content") else last] = value
    return json.dumps(message)


NOT_CELERYS = "it is not Celery's message"
UNREADABLE = {
    "garbage": (b"garbage", NOT_CELERYS),
    "bytes": (b"\xff\xfe\x00", NOT_CELERYS),
    "number": (b"5", NOT_CELERYS),
    "null": (b"null", NOT_CELERYS),
    "bare event": (json.dumps(EVENT), NOT_CELERYS),
    "no headers": (changed(headers=None), "no header `task`"),
    "headers are text": (changed(headers="task"), NOT_CELERYS),
    "no id": (changed(headers__id=None), "no header `id`"),
    "other task": (changed(headers__task="audio.processd"), "no task 'audio.processd'"),
    "no content type": (changed(content_type=None), "content type"),
    "pickle": (changed(content_type="application/x-python-serialize"), "x-python-serialize"),
    "not base64": (changed(body="%"), NOT_CELERYS),
    "unknown encoding": (changed(properties__body_encoding="base65"), NOT_CELERYS),
    "not JSON": (changed(body=base64.b64encode(b"{nope").decode()), "cannot be read"),
    "only the event": (changed(body=encoded([EVENT])), "not [arguments, {}, {}]"),
    "an object": (changed(body=encoded({"x": 1})), "not [arguments, {}, {}]"),
    "arguments no list": (changed(body=encoded([EVENT, {}, {}])), "not [arguments, {}, {}]"),
    "bad expiry": (changed(headers__expires="soon"), "soon"),
    "time limits in words": (changed(headers__timelimit=["a", "b"]), "timelimit"),
    "bad time limit": (changed(headers__timelimit=5), "timelimit"),
}


@pytest.fixture
def programs(database_url, broker_url, tmp_path):
    return Programs(DATABASE_URL=database_url, BROKER_URL=broker_url, TONEARM_HOME=str(tmp_path), LOG_FORMAT="json")


@pytest.fixture
def queue(broker_url):
    with closing(redis.Redis.from_url(broker_url)) as client:
        yield client


UUIDS = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def decoded(raw):
    """A dead letter's text, and what is in the base64 that it may hold."""
    parts = [base64.b64decode(part).decode() for part in re.findall(r"[A-Za-z0-9+/]{80,}={0,2}", raw)]
    return " ".join([raw, *parts])


def query(url, statement, *parameters):
    with closing(psycopg2.connect(url)) as conn, conn.cursor() as cursor:
        cursor.execute(statement, parameters)
        return cursor.fetchall()


HEADERS = [
    "lang",
    "root_id",
    "parent_id",
    "group",
    "group_index",
    "shadow",
    "eta",
    "expires",
    "retries",
    "timelimit",
    "argsrepr",
    "kwargsrepr",
    "origin",
    "ignore_result",
    "replaced_task_nesting",
    "stamped_headers",
    "stamps",
    "compression",
    "tonearm_stored",
]
PROPERTIES = (
    "correlation_id",
    "reply_to",
    "delivery_mode",
    "delivery_info",
    "priority",
    "delivery_tag",
    "body_encoding",
)
ODD = (7, -1, "odd", [], [1, 2, 3], {"a": 1}, True)


def test_an_odd_header_or_property_costs_at_most_its_own_message(programs, queue, database_url, tmp_path, wait_until):
    sent = set()
    log = tmp_path / "worker.log"
    with programs.worker(log, "-c", "1") as worker:
        for part, names in (("headers", HEADERS), ("properties", PROPERTIES)):
            for name, odd in itertools.product(names, ODD):
                event = {"audio_id": str(uuid4()), "audio_path": f"gs://bucket/{name}.mp3"}
                message = a_message(event)
                message[part][name] = odd
                queue.lpush("celery", json.dumps(message))
                sent.add(event["audio_id"])

        def accounted_for():
            letters = [raw for (raw,) in query(database_url, "SELECT raw FROM rejected_events")]
            known = completed(database_url) | {audio_id for raw in letters for audio_id in UUIDS.findall(decoded(raw))}
            return sent <= known

        wait_until(accounted_for, timeout=40)
        wait_until(lambda: queue.llen("celery") == 0 and queue.hlen("unacked") == 0)
        assert worker.poll() is None


def completed(url):
    return {audio_id for (audio_id,) in query(url, "SELECT id::text FROM audio_tracks WHERE status = 'COMPLETED'")}


def test_what_is_no_message_becomes_a_dead_letter_and_the_worker_goes_on(
    programs, queue, database_url, tmp_path, wait_until
):
    good = [{"audio_id": str(uuid4()), "audio_path": "gs://bucket/good.mp3"} for _ in range(3)]
    without_properties = {**a_message(), "body": json.dumps([[good[0]], {}, {}])}
    del without_properties["properties"]
    without_tag = {**a_message(good[1]), "properties": {"body_encoding": "base64"}}
    log = tmp_path / "worker.log"
    with programs.worker(log, "-c", "1") as worker:
        for message, _ in UNREADABLE.values():
            queue.lpush("celery", message)
        queue.lpush("celery", *map(json.dumps, (without_properties, without_tag, a_message(good[2]))))
        wait_until(lambda: completed(database_url) == {event["audio_id"] for event in good}, timeout=30)
        wait_until(lambda: query(database_url, "SELECT sum(times) FROM rejected_events") == [(len(UNREADABLE),)], 30)
        wait_until(lambda: queue.llen("celery") == 0 and queue.hlen("unacked") == 0)
        assert worker.poll() is None
    reasons = [told for (told,) in query(database_url, "SELECT reasons[1] FROM rejected_events")]
    for name, (_, reason) in UNREADABLE.items():
        assert any(reason in told for told in reasons), name
    said = log.read_text()
    assert "Unrecoverable" not in said
    assert "Connection to broker lost" not in said
