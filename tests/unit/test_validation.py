"""The strict rules of the Python API."""

from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from db import ValidationError, validation
from db.limits import CUT_MARK, ERROR_MESSAGE_MAX, TITLE_MAX, cut
from db.status import TrackStatus
from tests.tracks import AUDIO_PATH, FULL_METADATA

AN_ID = "7b4a0c52-3d1e-4c8f-9a6b-2f5d8e1c7043"  # fixed: every xdist worker must collect the same tests


def track(**changes: Any) -> dict[str, Any]:
    return {"audio_id": uuid4(), "metadata": FULL_METADATA, "audio_path": AUDIO_PATH, **changes}


def reasons_for(**changes: Any) -> tuple[str, ...]:
    with pytest.raises(ValidationError) as caught:
        validation.new_track(track(**changes))
    return caught.value.reasons


def test_a_whole_track_is_accepted_as_it_is():
    accepted = validation.new_track(track(thumbnail_path="s3://b/t.jpg"))
    assert accepted.metadata.model_dump() == FULL_METADATA
    assert accepted.thumbnail_path == "s3://b/t.jpg"


def test_a_track_may_have_no_metadata_at_all():
    assert set(validation.new_track(track(metadata={})).metadata.model_dump().values()) == {None}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("year", 1800),
        ("year", 2100),
        ("channels", 1),
        ("channels", 16),
        ("duration", 0.001),
        ("duration", 3),
        ("sample_rate", 1),
        ("bitrate", 2**31 - 1),
        ("file_size", 0),
        ("file_size", 2**63 - 1),
        ("title", "x" * 500),
        ("genre", ""),
        ("format", "𝄞" * 50),
    ],
)
def test_values_at_the_edge_are_accepted(field, value):
    assert getattr(validation.new_track(track(metadata={field: value})).metadata, field) == value


@pytest.mark.parametrize(
    ("field", "value", "rule"),
    [
        ("year", 1799, "greater than or equal to 1800"),
        ("year", 2101, "less than or equal to 2100"),
        ("year", "1997", "valid integer"),
        ("year", True, "valid integer"),
        ("year", 1997.0, "valid integer"),
        ("channels", 0, "greater than or equal to 1"),
        ("channels", 17, "less than or equal to 16"),
        ("duration", 0, "greater than 0"),
        ("duration", -3.5, "greater than 0"),
        ("duration", float("nan"), "finite"),
        ("duration", float("inf"), "finite"),
        ("duration", "305", "valid number"),
        ("duration", 10**400, "valid number"),
        ("sample_rate", 0, "greater than 0"),
        ("sample_rate", 2**31, "less than or equal to 2147483647"),
        ("bitrate", -1, "greater than 0"),
        ("file_size", -1, "greater than or equal to 0"),
        ("file_size", 2**63, "less than or equal to"),
        ("title", "x" * 501, "has 501 characters and should have at most 500"),
        ("title", " \t", "not be blank"),
        ("artist", "x" * 501, "at most 500"),
        ("album", b"bytes", "valid string"),
        ("genre", "x" * 201, "at most 200"),
        ("format", "x" * 51, "at most 50"),
        ("artist", "a\0b", "NUL"),
        ("artist", "\ud800", "valid string"),
        ("titel", "Jóga", "not a field that is known"),
    ],
)
def test_a_wrong_value_is_refused_with_its_field_its_value_and_the_rule(field, value, rule):
    (reason,) = reasons_for(metadata={field: value})
    assert reason.startswith(f"{field}: ")
    assert repr(value)[:20] in reason
    assert rule in reason
    assert len(reason) < 250


@pytest.mark.parametrize("path", ["joga.mp3", "/music/joga.mp3", "C://joga.mp3", "gs://", "", "gs:/b/a", 5, "g s://a"])
@pytest.mark.parametrize("field", ["audio_path", "thumbnail_path"])
def test_a_path_without_a_scheme_is_refused(field, path):
    (reason,) = reasons_for(**{field: path})
    assert reason.startswith(f"{field}: {path!r}")


@pytest.mark.parametrize(
    "audio_id",
    ["", "abc", 5, None, b"x", f"{AN_ID}0", "{" + AN_ID + "}", "'; DROP TABLE audio_tracks; --"],
)
def test_what_is_no_uuid_is_refused(audio_id):
    (reason,) = reasons_for(audio_id=audio_id)
    assert reason.startswith("audio_id: ")
    assert "UUID" in reason


def test_an_id_may_be_text_in_either_case():
    audio_id = uuid4()
    assert validation.new_track(track(audio_id=str(audio_id).upper())).audio_id == audio_id


def test_everything_that_is_wrong_is_named_at_once():
    metadata = {"year": 3000, "channels": 40, "duration": -1.0, "title": "", "nonsense": 1}
    reasons = reasons_for(audio_id="x", audio_path="y", metadata=metadata)
    assert {reason.partition(":")[0] for reason in reasons} == {*metadata, "audio_id", "audio_path"}


@pytest.mark.parametrize("metadata", [None, 5, "title", ["title"], {5: "x"}])
def test_metadata_must_be_a_mapping_with_names(metadata):
    (reason,) = reasons_for(metadata=metadata)
    assert "mapping" in reason


def test_the_value_that_is_shown_is_cut():
    (reason,) = reasons_for(metadata={"title": "x" * 100_000})
    assert len(reason) < 200


@given(st.text(max_size=600))
def test_a_title_is_stored_unchanged_or_refused(text):
    try:
        accepted = validation.new_track(track(metadata={"title": text})).metadata.title
    except ValidationError:
        assert not text.strip() or "\0" in text or len(text) > TITLE_MAX
    else:
        assert accepted == text


def test_a_batch_names_every_wrong_item_with_all_its_reasons():
    good, bad = track(), track(audio_id="nonsense", audio_path="nowhere", metadata={"year": 1})
    accepted, errors = validation.new_tracks([good, bad, "no mapping", {}])
    assert [one.audio_id for one in accepted] == [good["audio_id"]]
    assert [(error.index, error.audio_id) for error in errors] == [(1, "nonsense"), (2, None), (3, None)]
    assert all(field in errors[0].message for field in ("audio_id", "audio_path", "year"))
    assert errors[2].message.count("is missing") == 3


def test_a_track_given_twice_in_a_batch_is_wrong_in_both_places():
    audio_id = uuid4()
    _, errors = validation.new_tracks([track(audio_id=audio_id), track(), track(audio_id=str(audio_id).upper())])
    assert [error.index for error in errors] == [0, 2]
    assert all("2 times" in error.message for error in errors)


@pytest.mark.parametrize("items", [None, 5, "text", b"bytes", {"audio_id": 1}])
def test_a_batch_must_be_a_sequence(items):
    with pytest.raises(ValidationError, match="sequence"):
        validation.new_tracks(items)


def test_a_batch_has_a_largest_size():
    with pytest.raises(ValidationError, match="10001 are too many"):
        validation.new_tracks({} for _ in range(10_001))


def test_ids_that_are_none_are_all_named():
    with pytest.raises(ValidationError) as caught:
        validation.track_ids([uuid4(), "x", str(uuid4()), None])
    assert [reason.partition(":")[0] for reason in caught.value.reasons] == ["audio_ids[1]", "audio_ids[3]"]


@pytest.mark.parametrize("values", [None, 5, "text", AN_ID, {"a": 1}])
def test_ids_must_be_a_sequence(values):
    with pytest.raises(ValidationError, match="sequence"):
        validation.track_ids(values)


def update(**changes: Any) -> dict[str, Any]:
    return {"audio_id": uuid4(), "status": "FAILED", **changes}


def test_a_status_may_be_its_name():
    assert validation.status_update(update(status="PENDING")).status is TrackStatus.PENDING


@pytest.mark.parametrize("status", ["DONE", "failed", "", None, 5, "FAILED'; --"])
def test_an_unknown_status_is_refused(status):
    with pytest.raises(ValidationError, match="status: "):
        validation.status_update(update(status=status))


@pytest.mark.parametrize("status", ["PENDING", "PROCESSING", "COMPLETED"])
@pytest.mark.parametrize("field", ["error_code", "error_message"])
def test_only_a_failure_has_an_error(status, field):
    with pytest.raises(ValidationError, match=f"{field}: only a track that becomes FAILED"):
        validation.status_update(update(status=status, **{field: "x"}))


def test_a_long_error_message_is_cut_with_a_mark():
    message = validation.status_update(update(error_message="x" * 5000)).error_message
    assert len(message) == ERROR_MESSAGE_MAX
    assert message.endswith(CUT_MARK)


def test_an_error_message_that_cannot_be_stored_is_kept_readable():
    message = validation.status_update(update(error_message="a\0b\ud800c")).error_message
    assert message == "a\\x00b\\ud800c"


def test_an_error_code_that_is_too_long_is_refused():
    with pytest.raises(ValidationError, match="error_code: "):
        validation.status_update(update(error_code="x" * 101))


def test_a_lease_token_must_be_a_uuid():
    with pytest.raises(ValidationError, match="lease_token: "):
        validation.status_update(update(lease_token="x"))
    token = uuid4()
    assert validation.status_update(update(lease_token=str(token))).lease_token == token


@pytest.mark.parametrize("size", [CUT_MARK, "x" * 10, "x" * 11])
def test_cutting_leaves_what_fits(size):
    assert cut(size, len(size)) == size
    assert len(cut(size + "x", len(size))) == len(size)


def test_ids_come_back_as_uuids():
    audio_id = uuid4()
    assert validation.track_id(str(audio_id)) == audio_id
    assert isinstance(validation.track_id(audio_id), UUID)
