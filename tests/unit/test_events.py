"""The message contract: what is cleaned, what is refused, and that nothing else can happen."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BeforeValidator, create_model

from db.limits import TEXT_MAX
from worker.cleaning import clean_duration, clean_text, clean_thumbnail, clean_whole, clean_year
from worker.events import PAYLOAD_MAX_BYTES, AudioProcessed, InvalidEventError, json_schema, parse_event, parse_json

AUDIO_ID = "5d098d5b-adcd-4b71-925a-9eedf497a0f4"


def event(metadata=None, **envelope):
    return {"audio_id": AUDIO_ID, "audio_path": "gs://bucket/a.mp3", "metadata": metadata or {}} | envelope


CLEANERS = (
    dict.fromkeys(("title", "artist", "album", "genre", "format"), clean_text)
    | dict.fromkeys(("channels", "sample_rate", "bitrate", "file_size"), clean_whole)
    | {"year": clean_year, "duration": clean_duration, "thumbnail_path": clean_thumbnail}
)
AlwaysCleaned = create_model(
    "AlwaysCleaned",
    **{
        field: (Annotated[float | None if cleaner is clean_duration else Any, BeforeValidator(cleaner)], None)
        for field, cleaner in CLEANERS.items()
    },
)
EDGES = st.sampled_from(
    ["\u2028", "\u00a0", "\u200b", "\ufeff", "\x7f", "\x85", "\x1c", "\n", " ", "a", "\U0001f3b8", "\u0301"]
)
VALUES = st.one_of(
    st.text(),
    st.text(EDGES, max_size=4),
    st.text(EDGES).map(lambda text: "gs://b/" + text),
    st.sampled_from([50, 51, 200, 201, 500, 501]).flatmap(lambda size: st.text("ab ", min_size=size, max_size=size)),
    st.integers(),
    st.integers(-1, 2101),
    st.sampled_from([2**31 - 1, 2**31, 2**63 - 1, 2**63, 0.0, -0.0, 16.0, 17, "1997", "0"]),
    st.floats(),
    st.booleans(),
    st.none(),
    st.lists(st.integers(), max_size=1),
)


@given(st.dictionaries(st.sampled_from(sorted(CLEANERS)), VALUES))
def test_what_is_taken_as_it_is_is_what_the_cleaners_return_unchanged(values):
    notes, expected = [], []
    thumbnail = {"thumbnail_path": values["thumbnail_path"]} if "thumbnail_path" in values else {}
    metadata = {field: value for field, value in values.items() if not field.endswith("path")}
    always = AlwaysCleaned.model_validate(values, context=expected)
    once = AudioProcessed.model_validate(event(metadata, **thumbnail), context=notes)
    for field in values:
        found = once.thumbnail_path if field == "thumbnail_path" else getattr(once.metadata, field)
        wanted = getattr(always, field)
        assert (found, type(found)) == (wanted, type(wanted))
    assert sorted(notes) == sorted(expected)


def cleaned(field, value):
    """What is stored of one metadata field, and the notes."""
    parsed = parse_event(event({field: value}))
    return getattr(parsed.model.metadata, field), parsed.notes


@pytest.mark.parametrize(
    ("field", "sent", "stored", "note"),
    [
        ("title", "Jóga", "Jóga", None),
        ("title", "  Jóga\t", "Jóga", "surrounding space"),
        ("title", "\u200bJóga\u200b", "Jóga", "surrounding space"),
        ("title", "Jó\x00ga", "Jóga", "control characters"),
        ("title", "\ufeffJóga", "Jóga", "control characters"),
        ("title", "Jóga\ud800", "Jóga", "control characters"),
        ("title", "two\r\nlines", "two lines", "control characters"),
        ("title", 1999, "1999", None),
        ("title", "", None, None),
        ("title", {"no": "text"}, None, "left out"),
        ("artist", "", None, None),
        ("year", 1997, 1997, None),
        ("year", "1997", 1997, None),
        ("year", "1997-09-22", 1997, None),
        ("year", "1997-09-22T00:00:00Z", 1997, None),
        ("year", 1997.0, 1997, None),
        ("year", "0", None, None),
        ("year", 0, None, None),
        ("year", "0000", None, None),
        ("year", 3000, None, "year left out: 3000"),
        ("year", 1799, None, "left out"),
        ("year", "next year", None, "left out"),
        ("year", 1997.5, None, "left out"),
        ("duration", 305.2, 305.2, None),
        ("duration", "305.2", 305.2, None),
        ("duration", -1, None, "left out"),
        ("duration", 0, None, "left out"),
        ("duration", float("inf"), None, "left out"),
        ("channels", 2, 2, None),
        ("channels", "2", 2, None),
        ("channels", 40, None, "left out"),
        ("channels", True, None, "left out"),
        ("sample_rate", 44100.0, 44100, None),
        ("sample_rate", 44100.4, 44100, "rounded"),
        ("bitrate", 10**12, None, "left out"),
        ("file_size", 2**63 - 1, 2**63 - 1, None),
        ("file_size", 2**63, None, "left out"),
        ("file_size", 0, 0, None),
    ],
)
def test_a_field_is_cleaned_or_left_out_and_a_note_says_so(field, sent, stored, note):
    value, notes = cleaned(field, sent)
    assert value == stored
    if note is None:
        assert notes == []
    else:
        assert note in "; ".join(notes)
        assert all(text.startswith(field) for text in notes)


@pytest.mark.parametrize("field", ["title", "artist", "album", "genre", "format"])
def test_over_long_text_is_cut_at_the_columns_size(field):
    value, notes = cleaned(field, "x" * 5000)
    assert len(value) == TEXT_MAX[field]
    assert "cut from 5000" in notes[0]


def test_a_cut_leaves_no_combining_mark_without_its_base():
    value, _ = cleaned("title", "x" * 499 + "e\u0301")
    assert value == "x" * 499 + "e"


def test_a_missing_title_is_untitled():
    assert parse_event(event()).completion()["title"] == "Untitled"


def test_a_thumbnail_that_is_no_uri_costs_the_thumbnail_only():
    parsed = parse_event(event(thumbnail_path="C:\\cover.jpg"))
    assert parsed.model.thumbnail_path is None
    assert "thumbnail_path left out" in parsed.notes[0]


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        ({"audio_id": "nope"}, "audio_id"),
        ({"audio_id": None}, "audio_id"),
        ({"event_id": "nope"}, "event_id"),
        ({"audio_path": "a.mp3"}, "audio_path"),
        ({"audio_path": ""}, "audio_path"),
        ({"audio_path": 7}, "audio_path"),
        ({"audio_path": "gs://b/a\x00.mp3"}, "audio_path"),
        ({"audio_path": "gs://" + "a" * 3000}, "audio_path"),
        ({"occurred_at": "yesterday"}, "occurred_at"),
        ({"occurred_at": "9999-12-31T23:59:59-12:00"}, "occurred_at"),
        ({"schema_version": 2}, "schema_version"),
        ({"metadata": ["title"]}, "metadata"),
        ({"metadata": None}, "metadata"),
    ],
)
def test_a_broken_envelope_makes_the_event_invalid_and_names_the_field(broken, reason):
    with pytest.raises(InvalidEventError) as caught:
        parse_event(event() | broken)
    assert any(text.startswith(reason) for text in caught.value.reasons)


def test_every_reason_is_given_not_just_the_first():
    with pytest.raises(InvalidEventError) as caught:
        parse_event({"audio_id": "x", "audio_path": "y", "occurred_at": "z"})
    assert len(caught.value.reasons) == 3


@pytest.mark.parametrize("raw", [None, [], "text", 7, True])
def test_what_is_no_object_is_no_event(raw):
    with pytest.raises(InvalidEventError, match="JSON object"):
        parse_event(raw)


def test_a_payload_over_the_limit_is_refused_whole():
    with pytest.raises(InvalidEventError) as caught:
        parse_event(event(comment="x" * PAYLOAD_MAX_BYTES))
    assert "bytes" in caught.value.reasons[0]
    assert len(caught.value.raw) > PAYLOAD_MAX_BYTES


def test_a_line_that_is_not_json_is_kept_as_it_came():
    with pytest.raises(InvalidEventError, match="not JSON") as caught:
        parse_json(b'{"audio_id": \xff')
    assert caught.value.raw.startswith('{"audio_id"')


def test_unknown_fields_are_kept_in_the_payload():
    parsed = parse_event(event({"mood": "sad"}, uploader={"name": "Ann"}))
    stored = parsed.as_sent()
    assert stored["uploader"] == {"name": "Ann"}
    assert stored["metadata"]["mood"] == "sad"


def test_the_same_content_is_the_same_event_whatever_the_order_of_its_keys():
    one = {"audio_id": AUDIO_ID, "audio_path": "gs://b/a.mp3", "metadata": {"title": "A", "artist": "B"}}
    other = {"metadata": {"artist": "B", "title": "A"}, "audio_path": "gs://b/a.mp3", "audio_id": AUDIO_ID}
    assert parse_event(one).event_id == parse_event(other).event_id


def test_other_content_is_another_event():
    assert parse_event(event({"title": "A"})).event_id != parse_event(event({"title": "B"})).event_id


def test_what_is_stored_parses_to_the_same_event_again():
    first = parse_event(event({"title": "A\x00", "year": 3000}))
    again = parse_event(first.as_sent())
    assert (again.event_id, again.occurred_at, again.notes) == (first.event_id, first.occurred_at, first.notes)


def test_a_time_without_a_zone_is_utc_and_others_are_converted():
    assert parse_event(event(occurred_at="2026-11-01T12:00:00")).occurred_at == datetime(2026, 11, 1, 12, tzinfo=UTC)
    assert parse_event(event(occurred_at="2026-11-01T12:00:00+02:00")).occurred_at.hour == 10


def test_a_missing_time_is_now():
    assert datetime.now(UTC) - parse_event(event()).occurred_at < timedelta(seconds=5)


def test_a_given_event_id_is_kept():
    given_id = uuid4()
    assert parse_event(event(event_id=str(given_id))).event_id == given_id


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None)),
    lambda children: st.lists(children, max_size=4) | st.dictionaries(st.text(max_size=8), children, max_size=4),
    max_leaves=12,
)
envelopes = st.fixed_dictionaries(
    {},
    optional={
        "audio_id": st.just(AUDIO_ID) | json_values,
        "audio_path": st.just("gs://b/a.mp3") | json_values,
        "event_id": json_values,
        "occurred_at": json_values,
        "schema_version": st.just(1) | json_values,
        "thumbnail_path": json_values,
        "metadata": st.dictionaries(
            st.sampled_from(["title", "artist", "year", "duration", "channels", "bitrate", "file_size", "x"]),
            json_values,
        )
        | json_values,
    },
)


@given(json_values | envelopes)
def test_whatever_arrives_is_an_event_or_is_refused_with_reasons(raw):
    try:
        parsed = parse_event(raw)
    except InvalidEventError as error:
        refused = error
    else:
        refused = None
    if refused:
        assert refused.reasons
        assert refused.raw.encode()
    else:
        assert parsed.completion()["title"]
        assert b"\\u0000" not in parsed.payload
        json.loads(parsed.inbox_row())


def test_the_published_schema_is_that_of_the_code():
    committed = Path(__file__).parents[2] / "docs" / "audio-processed.schema.json"
    assert json.loads(committed.read_text()) == json_schema(), "run: make docs-reference"
