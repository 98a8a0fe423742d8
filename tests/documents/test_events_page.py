"""The tables of docs/events.md are what the code does."""

import base64
import json
import re
from contextlib import closing

import pytest
import redis
from jsonschema import Draft202012Validator

from tests.documents.blocks import DOCS, blocks
from worker import asyncapi
from worker.events import PAYLOAD_MAX_BYTES, InvalidEventError, Metadata, json_schema, parse_event

PAGE = DOCS / "events.md"
ROW = re.compile(r"^\| `(\w+)` \| `(.+?)` \| (.+?) \|(?: (yes)? ?\|)?$", re.MULTILINE)


def rows(title):
    """Give the rows of the table whose heading is ``title``."""
    table = PAGE.read_text(encoding="utf-8").split(title)[1].split("\n\n")[0]
    return ROW.findall(table)


CLEANED = rows("| field | sent | stored | noted in the history |")
REJECTED = rows("| field | sent | reason |")


def test_the_tables_are_found():
    assert (len(CLEANED), len(REJECTED)) == (19, 10)


@pytest.mark.parametrize(("field", "sent", "stored", "noted"), CLEANED)
def test_a_tag_is_stored_as_the_page_says(field, sent, stored, noted):
    event = parse_event({**asyncapi.EXAMPLE, "metadata": {field: json.loads(sent)}})
    assert getattr(event.model.metadata, field) == json.loads(stored.strip("`"))
    assert bool(event.notes) == bool(noted)


@pytest.mark.parametrize(("field", "sent", "reason", "_"), REJECTED)
def test_an_envelope_is_rejected_as_the_page_says(field, sent, reason, _):
    with pytest.raises(InvalidEventError) as refused:
        parse_event({**asyncapi.EXAMPLE, field: json.loads(sent)})
    assert refused.value.reasons[0].startswith(f"{field}: {reason}")


@pytest.mark.parametrize(("field", "sent", "reason", "_"), REJECTED)
def test_the_schema_refuses_what_the_page_calls_rejected(field, sent, reason, _):
    schema = Draft202012Validator(json_schema(), format_checker=Draft202012Validator.FORMAT_CHECKER)
    assert schema.is_valid(asyncapi.EXAMPLE)
    valid = schema.is_valid({**asyncapi.EXAMPLE, field: json.loads(sent)})
    assert valid == (
        reason == "Input should be a valid datetime"
    )  # jsonschema checks date-time only with one more package


def test_the_first_example_is_the_one_with_every_field():
    assert json.loads(next(blocks(PAGE)).text) == asyncapi.EXAMPLE
    assert set(asyncapi.EXAMPLE["metadata"]) == set(Metadata.model_fields)


def test_the_size_limit_is_that_of_the_code():
    assert f"{PAYLOAD_MAX_BYTES:,} bytes" in PAGE.read_text(encoding="utf-8")


def test_the_message_on_the_page_is_applied_as_it_stands(running, wait_until):
    shown = [block.text for block in blocks(PAGE) if block.language == "json"]
    (message,) = (text for text in shown if '"headers"' in text)
    body = json.loads(base64.b64decode(json.loads(message)["body"]))
    assert body == json.loads(shown[shown.index(message) + 1])
    with closing(redis.Redis.from_url(running.broker_url)) as client:
        client.lpush("celery", message)
    wait_until(lambda: running.status(body[0][0]["audio_id"]) == ["COMPLETED"])
