"""Saving tracks: every combination of fields, again and again, in batches, all or nothing."""

import itertools
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from db import (
    IllegalTransitionError,
    TrackStatus,
    ValidationError,
    get_audio_metadata_by_id,
    get_audio_metadata_by_ids,
    mark_as_completed,
    mark_as_processing,
    save_audio_metadata,
    save_audio_metadata_batch,
)
from db.prepared import FEW
from tests.tracks import AUDIO_PATH, FULL_METADATA, everything, findable, query, saved, track_in, transitions_of

WALK = [(None, "PENDING"), ("PENDING", "PROCESSING"), ("PROCESSING", "COMPLETED")]


def item(**metadata):
    return {"audio_id": uuid4(), "metadata": metadata or FULL_METADATA, "audio_path": AUDIO_PATH}


def test_a_track_saved_is_returned_as_stored_completed_and_findable(conn):
    began = datetime.now(UTC)
    audio_id = uuid4()
    track = save_audio_metadata(conn, str(audio_id), FULL_METADATA, AUDIO_PATH, "s3://b/t.jpg")
    assert {field: getattr(track, field) for field in FULL_METADATA} == FULL_METADATA
    assert (track.id, track.audio_path, track.thumbnail_path) == (audio_id, AUDIO_PATH, "s3://b/t.jpg")
    assert track.status is TrackStatus.COMPLETED
    assert track.retry_count == 0
    assert track.lease_token is track.error_code is track.next_attempt_at is None
    assert began - timedelta(seconds=5) < track.created_at <= track.updated_at == track.completed_at
    assert track == get_audio_metadata_by_id(conn, audio_id)
    assert findable(conn, audio_id) == "Jóga"
    assert transitions_of(conn, audio_id) == WALK


def test_every_combination_of_fields_is_stored_as_given(conn):
    names = list(FULL_METADATA)
    combinations = [
        {name: FULL_METADATA[name] for name, there in zip(names, mask, strict=True) if there}
        for mask in itertools.product((True, False), repeat=len(names))
    ]
    items = [item() | {"metadata": metadata} for metadata in combinations]
    for index, one in enumerate(items):
        if index % 2:
            one["thumbnail_path"] = "file:///t.jpg"
    assert save_audio_metadata_batch(conn, items).count == 2 ** len(names)
    stored = get_audio_metadata_by_ids(conn, [one["audio_id"] for one in items])
    for one, track in zip(items, stored, strict=True):
        expected = dict.fromkeys(names) | {"title": "Untitled"} | one["metadata"]
        assert {name: getattr(track, name) for name in names} == expected
        assert track.thumbnail_path == one.get("thumbnail_path")
    assert query(conn, "SELECT count(*) FROM track_search") == [(2 ** len(names),)]


@pytest.mark.parametrize("left_out", [None, *FULL_METADATA])
def test_each_field_alone_may_be_left_out(conn, left_out):
    metadata = {name: value for name, value in FULL_METADATA.items() if name != left_out}
    track = saved(conn, **metadata)
    assert {name: getattr(track, name) for name in metadata} == metadata
    if left_out:
        assert getattr(track, left_out) == ("Untitled" if left_out == "title" else None)


def test_saving_again_replaces_everything_also_with_nothing(conn):
    first = saved(conn)
    again = save_audio_metadata(conn, first.id, {"title": "Jóga (Live)"}, "s3://b/other.flac")
    assert (again.title, again.artist, again.audio_path) == ("Jóga (Live)", None, "s3://b/other.flac")
    assert again.created_at == first.created_at
    assert again.completed_at > first.completed_at
    assert findable(conn, first.id) == "Jóga (Live)"
    assert transitions_of(conn, first.id) == [*WALK, ("COMPLETED", "PROCESSING"), ("PROCESSING", "COMPLETED")]


@pytest.mark.parametrize("status", [TrackStatus.PENDING, TrackStatus.FAILED])
def test_a_track_that_waits_or_failed_is_saved_and_starts_again_at_nought(conn, status):
    audio_id = track_in(conn, status)
    track = saved(conn, audio_id)
    assert track.status == TrackStatus.COMPLETED
    assert track.retry_count == 0
    assert track.error_message is None
    assert transitions_of(conn, audio_id)[-2:] == [(status, "PROCESSING"), ("PROCESSING", "COMPLETED")]


def test_a_track_that_an_attempt_holds_is_not_overwritten(conn):
    audio_id = track_in(conn, TrackStatus.PROCESSING)
    before = everything(conn)
    with pytest.raises(IllegalTransitionError, match=f"{audio_id} is PROCESSING: .* holds it until") as caught:
        saved(conn, audio_id)
    assert caught.value.current == TrackStatus.PROCESSING
    assert everything(conn) == before
    mark_as_completed(conn, audio_id)  # the transaction goes on


def test_a_lease_that_ran_out_does_not_keep_a_track_from_being_saved(conn):
    audio_id = track_in(conn, TrackStatus.PROCESSING)
    query(conn, "UPDATE audio_tracks SET lease_expires_at = now() - interval '1 s' WHERE id = %s", audio_id)
    assert saved(conn, audio_id).status == TrackStatus.COMPLETED
    assert transitions_of(conn, audio_id)[-3:] == [
        ("PROCESSING", "FAILED"),
        ("FAILED", "PROCESSING"),
        ("PROCESSING", "COMPLETED"),
    ]
    code = "SELECT error_code, error_message FROM audio_track_history WHERE to_status = 'FAILED'"
    ((error_code, message),) = query(conn, code)
    assert error_code == "worker_lost"
    assert "ran out" in message


def test_saving_settles_older_events_as_stale_and_leaves_newer_ones_open(conn):
    audio_id = uuid4()
    insert = (
        "INSERT INTO audio_events (event_id, audio_id, occurred_at, payload) "
        "VALUES (gen_random_uuid(), %s, now() + %s * interval '1 hour', '{}')"
    )
    query(conn, insert, audio_id, -1)
    query(conn, insert, audio_id, 1)
    saved(conn, audio_id)
    assert query(conn, "SELECT outcome FROM audio_events ORDER BY occurred_at") == [("stale",), (None,)]


def test_nothing_is_seen_by_others_before_the_caller_commits(pool, conn):
    audio_id = saved(conn).id
    with pool.get_connection() as other:
        assert get_audio_metadata_by_id(other, audio_id) is None
        conn.commit()
        assert get_audio_metadata_by_id(other, audio_id).title == "Jóga"


def test_wrong_input_does_not_reach_the_database(conn):
    conn.close()
    with pytest.raises(ValidationError, match="year"):
        saved(conn, year=3000)
    assert not save_audio_metadata_batch(conn, [item(year=3000)]).success


def test_a_batch_is_saved_whole_and_names_its_tracks_in_order(conn):
    items = [item(title=f"Title {n}") for n in range(50)]
    result = save_audio_metadata_batch(conn, (one for one in items))
    assert (result.success, result.count, result.errors) == (True, 50, ())
    assert result.track_ids == tuple(one["audio_id"] for one in items)
    stored = get_audio_metadata_by_ids(conn, result.track_ids)
    assert [track.title for track in stored] == [f"Title {n}" for n in range(50)]
    assert transitions_of(conn, items[49]["audio_id"]) == WALK


def test_a_batch_takes_the_same_few_statements_however_large(conn, sent):
    save_audio_metadata_batch(conn, [item(title=f"T{n}") for n in range(FEW + 1)])
    for_some = len(sent)
    save_audio_metadata_batch(conn, [item(title=f"T{n}") for n in range(10 * FEW)])
    assert len(sent) == 2 * for_some <= 2 * 8


def test_a_batch_with_one_wrong_item_saves_nothing_and_names_it(conn):
    items = [item(), item(year=3000, channels=99), item()]
    before = everything(conn)
    result = save_audio_metadata_batch(conn, items)
    assert (result.success, result.count, result.track_ids) == (False, 0, ())
    (error,) = result.errors
    assert (error.index, error.audio_id) == (1, str(items[1]["audio_id"]))
    assert "year: 3000" in error.message
    assert "channels: 99" in error.message
    assert everything(conn) == before


def test_a_batch_with_a_held_track_saves_nothing_and_names_it(conn):
    held = track_in(conn, TrackStatus.PROCESSING)
    before = everything(conn)
    result = save_audio_metadata_batch(conn, [item(), item() | {"audio_id": held}, item()])
    assert not result.success
    assert [(error.index, error.audio_id) for error in result.errors] == [(1, str(held))]
    assert "holds it until" in result.errors[0].message
    assert everything(conn) == before
    conn.commit()  # the caller's transaction goes on


def test_what_the_caller_did_before_a_failed_batch_stays(conn):
    first = saved(conn)
    held = track_in(conn, TrackStatus.PROCESSING)
    assert not save_audio_metadata_batch(conn, [item() | {"audio_id": held}]).success
    conn.commit()
    assert get_audio_metadata_by_id(conn, first.id) is not None


def test_an_empty_batch_is_saved_at_once(conn):
    assert save_audio_metadata_batch(conn, []).success


def test_in_autocommit_a_save_is_a_transaction_of_its_own(pool, conn):
    conn.autocommit = True
    audio_id = saved(conn).id
    with pool.get_connection() as other:
        assert get_audio_metadata_by_id(other, audio_id).status == TrackStatus.COMPLETED
    mark_as_processing(conn, audio_id)
    result = save_audio_metadata_batch(conn, [item(), item() | {"audio_id": audio_id}])
    assert not result.success
    assert query(conn, "SELECT count(*) FROM audio_tracks") == [(1,)]


def test_two_batches_over_the_same_tracks_do_not_deadlock(pool):
    items = [item(title=f"T{n}") for n in range(60)]

    def save(turned):
        with pool.transaction() as conn:
            return save_audio_metadata_batch(conn, items[::-1] if turned else items).success

    with ThreadPoolExecutor(4) as threads:
        assert all(threads.map(save, [True, False] * 8))
