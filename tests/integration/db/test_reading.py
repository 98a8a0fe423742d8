"""Getting tracks one by one and many at once, and their timelines."""

from uuid import uuid4

import pytest

from db import (
    TrackStatus,
    ValidationError,
    get_audio_metadata_by_id,
    get_audio_metadata_by_ids,
    get_track_history,
    mark_as_failed,
    mark_as_processing,
)
from tests.tracks import query, saved, track_in, transitions_of


def test_a_track_that_is_not_there_is_none(conn):
    assert get_audio_metadata_by_id(conn, uuid4()) is None


def test_an_id_may_be_text(conn):
    track = saved(conn)
    assert get_audio_metadata_by_id(conn, str(track.id).upper()) == track


@pytest.mark.parametrize("audio_id", ["", "nonsense", None, 5, "' OR true --"])
def test_an_id_that_is_none_does_not_reach_the_database(conn, audio_id):
    conn.close()
    with pytest.raises(ValidationError, match="audio_id"):
        get_audio_metadata_by_id(conn, audio_id)


def test_many_come_in_the_order_asked_for_each_once_and_the_missing_are_absent(conn):
    tracks = [saved(conn, title=f"T{n}") for n in range(5)]
    asked = [tracks[3].id, uuid4(), str(tracks[0].id), tracks[3].id, str(tracks[4].id).upper()]
    assert get_audio_metadata_by_ids(conn, asked) == [tracks[3], tracks[0], tracks[4]]


def test_none_asked_for_is_none_found_without_a_query(conn):
    conn.close()
    assert get_audio_metadata_by_ids(conn, []) == []


def test_many_are_one_query(conn, sent):
    tracks = [saved(conn) for _ in range(3)]
    sent.clear()
    assert len(get_audio_metadata_by_ids(conn, [track.id for track in tracks])) == 3
    assert len(sent) == 1


def test_every_wrong_id_is_named(conn):
    with pytest.raises(ValidationError) as caught:
        get_audio_metadata_by_ids(conn, ["x", uuid4(), "y"])
    assert len(caught.value.reasons) == 2


def test_a_track_read_does_not_change(conn):
    with pytest.raises(ValueError, match="frozen"):
        saved(conn).title = "other"


def test_the_timeline_tells_every_transition_in_order(conn):
    audio_id = track_in(conn, TrackStatus.PROCESSING)
    mark_as_failed(conn, audio_id, "no luck", error_code="luck")
    mark_as_processing(conn, audio_id)
    timeline = get_track_history(conn, audio_id)
    assert [(entry.from_status, entry.to_status) for entry in timeline] == transitions_of(conn, audio_id)
    assert [entry.attempt for entry in timeline] == [0, 1, 1, 1, 1, 2]
    assert [entry.error_code for entry in timeline] == [None, None, None, None, "luck", None]
    assert timeline[4].error_message == "no luck"
    assert all(entry.worker and entry.audio_id == audio_id for entry in timeline)
    assert sorted(entry.at for entry in timeline) == [entry.at for entry in timeline]
    assert timeline[0].from_status is None
    assert timeline[0].to_status is TrackStatus.PENDING


def test_the_timeline_comes_in_pages(conn):
    audio_id = saved(conn).id
    saved(conn, audio_id)
    whole = get_track_history(conn, audio_id)
    paged = []
    while page := get_track_history(conn, audio_id, limit=2, after_id=paged[-1].id if paged else 0):
        assert len(page) <= 2
        paged += page
    assert paged == whole
    assert len(whole) == 5


def test_a_timeline_outlives_its_track(conn):
    audio_id = saved(conn).id
    query(conn, "DELETE FROM audio_tracks WHERE id = %s", audio_id)
    assert len(get_track_history(conn, audio_id)) == 3
    assert get_track_history(conn, uuid4()) == []


@pytest.mark.parametrize("wrong", [{"limit": 0}, {"limit": 1001}, {"limit": True}, {"after_id": -1}, {"after_id": "0"}])
def test_a_wrong_page_of_a_timeline_is_refused(conn, wrong):
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        get_track_history(conn, uuid4(), **wrong)
