"""The contract for machines: what it says is valid AsyncAPI, and what is really sent and taken is what it says."""

import base64
import json
import shutil
import subprocess
from contextlib import closing
from pathlib import Path
from uuid import uuid4

import pytest
import redis
from celery import Celery
from jsonschema import Draft7Validator, FormatChecker
from pydantic import SecretStr

from worker import asyncapi
from worker.events import json_schema, parse_event
from worker.publisher import Publisher
from worker.settings import Settings

DOCS = Path(__file__).parents[2] / "docs"
DOCUMENT = json.loads((DOCS / "asyncapi.json").read_text(encoding="utf-8"))
SPECIFICATION = "@asyncapi/specs@6.11.1"


def resolve(pointer):
    found = DOCUMENT
    for step in pointer.removeprefix("#/").split("/"):
        found = found[step]
    return found


def references(node):
    if isinstance(node, dict):
        if "$ref" in node:
            yield node["$ref"]
        for value in node.values():
            yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


def faults(value, schema):
    whole = {**schema, "components": DOCUMENT["components"]}
    validator = Draft7Validator(whole, format_checker=FormatChecker())
    return [error.message for error in validator.iter_errors(value)]


def faults_of(message, headers, payload):
    return faults(headers, message["headers"]) + faults(payload, message["payload"])


def test_the_document_is_that_of_the_code():
    assert asyncapi.document() == DOCUMENT, "run: make docs-reference"


@pytest.mark.skipif(
    not (shutil.which("node") and shutil.which("npm")), reason="needs the programs node and npm, which are not here"
)
def test_the_document_is_valid_by_asyncapis_own_schema(tmp_path):
    install = ["npm", "install", "--no-audit", "--no-fund", "--no-package-lock", SPECIFICATION]
    subprocess.run(install, cwd=tmp_path, capture_output=True, check=True)
    official = tmp_path / "node_modules" / "@asyncapi" / "specs" / "schemas" / "3.0.0.json"
    schema = json.loads(official.read_text(encoding="utf-8"))
    Draft7Validator.check_schema(schema)
    validator = Draft7Validator(schema)
    assert [error.message for error in validator.iter_errors(DOCUMENT)] == []
    assert not validator.is_valid({**DOCUMENT, "operations": {"x": {"action": "listen"}}})


def test_every_reference_leads_somewhere():
    pointers = set(references(DOCUMENT))
    assert len(pointers) >= 8
    for pointer in pointers:
        assert resolve(pointer)


def test_each_operation_receives_messages_of_its_own_channel():
    for operation in DOCUMENT["operations"].values():
        channel = operation["channel"]["$ref"]
        assert all(message["$ref"].startswith(f"{channel}/messages/") for message in operation["messages"])
        assert operation["action"] == "receive"


def test_both_schemas_say_the_same_of_an_event():
    event, metadata = (DOCUMENT["components"]["schemas"][name] for name in ("AudioProcessed", "Metadata"))
    there = json_schema()
    assert metadata == there["$defs"]["Metadata"]
    for name, field in event["properties"].items():
        assert field == there["properties"][name] or name == "metadata"
    assert event["required"] == there["required"]


def test_every_example_is_valid_and_needs_no_cleaning():
    for message in DOCUMENT["components"]["messages"].values():
        for example in message["examples"]:
            assert faults_of(message, example["headers"], example["payload"]) == []
    assert parse_event(asyncapi.EXAMPLE).notes == []


@pytest.fixture
def waiting(broker_url):
    """Return the next message that waits in a queue: its headers and its body."""
    with closing(redis.Redis.from_url(broker_url)) as client:

        def take(queue="celery"):
            message = json.loads(client.rpop(queue))
            return message["headers"], json.loads(base64.b64decode(message["body"]))

        yield take


def an_event():
    return {**asyncapi.EXAMPLE, "event_id": str(uuid4()), "audio_id": str(uuid4())}


@pytest.mark.parametrize("queue", [channel["address"] for channel in DOCUMENT["channels"].values()])
def test_what_our_publisher_sends_is_what_the_document_says(database_url, broker_url, waiting, queue):
    settings = Settings(database_url=SecretStr(database_url), broker_url=SecretStr(broker_url))
    with Publisher(settings, queue=queue) as publisher:
        publisher.publish(an_event())
        publisher.publish_many([an_event(), an_event()])
    one, many = (DOCUMENT["components"]["messages"][name] for name in ("audioProcessed", "audioProcessedBatch"))
    first, second = waiting(queue), waiting(queue)
    assert faults_of(one, *first) == []
    assert faults_of(many, *second) == []
    assert faults_of(many, *first) != []


def test_what_bare_celery_sends_is_what_the_document_says(broker_url, waiting):
    with Celery(broker=broker_url, set_as_current=False) as app:
        app.send_task("audio.processed", args=[an_event()], ignore_result=True)
    headers, payload = waiting()
    assert faults_of(DOCUMENT["components"]["messages"]["audioProcessed"], headers, payload) == []
    assert "tonearm_stored" not in headers


def least_message(event, *, encoded):
    """The message with nothing in it that docs/events.md does not call necessary."""
    body = json.dumps([[event], {}, {}])
    properties = {"delivery_info": {"exchange": "celery", "routing_key": "celery"}, "delivery_tag": str(uuid4())}
    return {
        "body": base64.b64encode(body.encode()).decode() if encoded else body,
        "content-type": "application/json",
        "content-encoding": "utf-8",
        "headers": {"task": "audio.processed", "id": str(uuid4())},
        "properties": properties | ({"body_encoding": "base64"} if encoded else {}),
    }


@pytest.mark.parametrize("encoded", [True, False])
def test_a_message_with_nothing_but_what_is_required_is_applied(running, wait_until, encoded):
    event = an_event()
    message = least_message(event, encoded=encoded)
    assert faults_of(DOCUMENT["components"]["messages"]["audioProcessed"], message["headers"], [[event], {}, {}]) == []
    with closing(redis.Redis.from_url(running.broker_url)) as client:
        client.lpush("celery", json.dumps(message))
    wait_until(lambda: running.status(event["audio_id"]) == ["COMPLETED"])
