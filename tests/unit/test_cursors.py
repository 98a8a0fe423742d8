"""Cursors: what comes back is what went out, or nothing."""

import base64
import json
from hashlib import blake2s

import pytest
from hypothesis import given
from hypothesis import strategies as st

from db import ValidationError
from db.cursors import decode, encode

KEYS = frozenset({"value", "id"})
values = st.none() | st.booleans() | st.integers() | st.text() | st.floats(allow_nan=False)


@given(values, st.text())
def test_a_cursor_holds_what_was_put_in(value, text):
    position = {"value": value, "id": text}
    assert decode(encode(position), KEYS) == position


@given(st.text() | st.binary().map(lambda raw: base64.urlsafe_b64encode(raw).decode()))
def test_no_text_but_a_cursor_is_one(text):
    with pytest.raises(ValidationError, match="cursor"):
        decode(text, KEYS)


@given(values, st.data())
def test_a_cursor_that_was_cut_or_changed_is_refused(value, data):
    cursor = encode({"value": value, "id": "x"})
    where = data.draw(st.integers(0, len(cursor) - 2))
    other = data.draw(st.sampled_from("AZaz09-_").filter(lambda letter: letter != cursor[where]))
    for changed in (cursor[:where], cursor[:where] + other + cursor[where + 1 :], cursor + other):
        with pytest.raises(ValidationError):
            decode(changed, KEYS)


@pytest.mark.parametrize("given_", [None, 5, b"bytes", "", "x" * 10_000, "é", "\0", "' OR 1=1 --"])
def test_garbage_is_refused(given_):
    with pytest.raises(ValidationError, match="begin again without a cursor"):
        decode(given_, KEYS)


@pytest.mark.parametrize(
    "body", [b"[1]", b"{}", b'{"value": 1}', b'{"value": 1, "id": 2, "x": 3}', b"nonsense", b"\xff", b"[" * 4000]
)
def test_a_forged_cursor_of_another_shape_is_refused(body):
    digest = blake2s(body, digest_size=6, person=b"cursor1").digest()
    with pytest.raises(ValidationError):
        decode(base64.urlsafe_b64encode(digest + body).decode().rstrip("="), KEYS)


def test_the_forgery_above_would_be_taken_if_its_shape_were_right():
    body = json.dumps({"value": 1, "id": 2}).encode()
    digest = blake2s(body, digest_size=6, person=b"cursor1").digest()
    assert decode(base64.urlsafe_b64encode(digest + body).decode().rstrip("="), KEYS) == {"value": 1, "id": 2}
