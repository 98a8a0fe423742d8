"""Every pair of states, tried by the API and by bare SQL, against the one table in db/status.py."""

from uuid import uuid4

import psycopg2
import pytest

from db import (
    ConstraintError,
    IllegalTransitionError,
    LeaseLostError,
    ResourceNotFoundError,
    TrackStatus,
    get_audio_metadata_by_id,
    mark_as_completed,
    mark_as_failed,
    mark_as_processing,
    update_processing_status,
    update_processing_status_batch,
)
from db.limits import CUT_MARK
from db.status import INITIAL, TRANSITIONS, sources_of
from tests.tracks import STATES, everything, findable, query, saved, track_in, transitions_of

PAIRS = [(source, target) for source in STATES for target in STATES]


def entered(pair):
    return "to".join(pair)


@pytest.mark.parametrize(("source", "target"), PAIRS, ids=map(entered, PAIRS))
def test_the_api_allows_exactly_what_the_table_allows(conn, source, target):
    audio_id = track_in(conn, source)
    before = everything(conn)
    if target in TRANSITIONS[source]:
        assert update_processing_status(conn, audio_id, target).status == target
        assert transitions_of(conn, audio_id)[-1] == (source, target)
        return
    with pytest.raises(IllegalTransitionError) as caught:
        update_processing_status(conn, audio_id, target)
    assert (caught.value.audio_id, caught.value.current, caught.value.target) == (audio_id, source, target)
    assert all(word in str(caught.value) for word in (str(audio_id), source, target, *TRANSITIONS[source]))
    assert everything(conn) == before


@pytest.mark.parametrize(("source", "target"), PAIRS, ids=map(entered, PAIRS))
def test_postgresql_allows_exactly_what_the_table_allows(conn, source, target):
    audio_id = track_in(conn, source)
    history = transitions_of(conn, audio_id)
    conn.commit()
    if target in TRANSITIONS[source]:
        query(conn, "UPDATE audio_tracks SET status = %s WHERE id = %s", target, audio_id)
        assert transitions_of(conn, audio_id) == [*history, (source, target)]
    elif source == target:  # writing what is there already is no transition, and leaves no trace
        query(conn, "UPDATE audio_tracks SET status = %s WHERE id = %s", target, audio_id)
        assert transitions_of(conn, audio_id) == history
    else:
        with pytest.raises(psycopg2.Error) as caught:
            query(conn, "UPDATE audio_tracks SET status = %s WHERE id = %s", target, audio_id)
        assert caught.value.pgcode == "TA001"
        conn.rollback()
        assert transitions_of(conn, audio_id) == history


@pytest.mark.parametrize("status", STATES)
def test_a_track_begins_as_pending_only(conn, status):
    insert = (
        "INSERT INTO audio_tracks (id, status, title, audio_path, completed_at, lease_token, lease_expires_at) "
        "SELECT %s, %s, 't', 'gs://b/a', now(), t, CASE WHEN t IS NULL THEN NULL ELSE now() END "
        "FROM (SELECT CASE WHEN %s = 'PROCESSING' THEN gen_random_uuid() END) x (t)"
    )
    audio_id = uuid4()
    if status == INITIAL:
        query(conn, insert, audio_id, status, status)
        assert transitions_of(conn, audio_id) == [(None, status)]
    else:
        with pytest.raises(psycopg2.Error) as caught:
            query(conn, insert, audio_id, status, status)
        assert caught.value.pgcode == "TA001"


def test_a_track_cannot_change_its_id(conn):
    audio_id = saved(conn).id
    with pytest.raises(psycopg2.Error) as caught:
        query(conn, "UPDATE audio_tracks SET id = %s WHERE id = %s", uuid4(), audio_id)
    assert caught.value.pgcode == "TA001"


def test_a_transition_by_hand_is_recorded_with_who_made_it(pool, conn):
    audio_id = track_in(conn, TrackStatus.PENDING)
    conn.commit()
    with pool.get_connection() as other:
        query(other, "SET application_name = 'psql'")
        query(other, "UPDATE audio_tracks SET status = 'PROCESSING' WHERE id = %s", audio_id)
        other.commit()
    (worker,) = query(conn, "SELECT worker FROM audio_track_history WHERE audio_id = %s ORDER BY id", audio_id)[-1]
    assert worker == "psql"


def test_many_tracks_changed_by_one_statement_are_all_recorded(conn):
    ids = [track_in(conn, TrackStatus.PENDING) for _ in range(5)]
    query(conn, "UPDATE audio_tracks SET status = 'PROCESSING' WHERE id = ANY(%s)", ids)
    assert {transitions_of(conn, audio_id)[-1] for audio_id in ids} == {("PENDING", "PROCESSING")}


def test_every_state_can_be_left_and_reached():
    assert all(TRANSITIONS[state] for state in STATES)
    assert all(sources_of(state) for state in STATES)


def test_marking_walks_a_track_through_its_states(conn):
    audio_id = track_in(conn, TrackStatus.PENDING)
    claimed = mark_as_processing(conn, audio_id)
    assert claimed.status == TrackStatus.PROCESSING
    assert claimed.lease_token is not None
    assert (claimed.lease_expires_at - claimed.updated_at).total_seconds() == pytest.approx(60, abs=5)
    assert claimed.lease_owner
    failed = mark_as_failed(conn, audio_id, "no such codec", error_code="codec")
    assert (failed.error_message, failed.error_code, failed.retry_count) == ("no such codec", "codec", 1)
    assert failed.lease_token is failed.lease_owner is failed.next_attempt_at is None
    mark_as_processing(conn, audio_id)
    completed = mark_as_completed(conn, audio_id)
    assert completed.status == TrackStatus.COMPLETED
    assert completed.error_message is completed.error_code is None


def test_every_failure_counts_and_giving_back_does_not(conn):
    audio_id = track_in(conn, TrackStatus.PENDING)
    for expected in (1, 2):
        mark_as_processing(conn, audio_id)
        assert mark_as_failed(conn, audio_id, "again").retry_count == expected
    mark_as_processing(conn, audio_id)
    assert update_processing_status(conn, audio_id, "PENDING").retry_count == 2


def test_completing_by_hand_makes_a_track_findable(conn):
    audio_id = uuid4()
    query(conn, "INSERT INTO audio_tracks (id, title, audio_path) VALUES (%s, 'Hidden', 'gs://b/a')", audio_id)
    mark_as_processing(conn, audio_id)
    assert findable(conn, audio_id) is None
    mark_as_completed(conn, audio_id)
    assert findable(conn, audio_id) == "Hidden"


def test_a_track_without_metadata_cannot_be_completed(conn):
    audio_id = uuid4()
    query(conn, "INSERT INTO audio_tracks (id) VALUES (%s)", audio_id)
    mark_as_processing(conn, audio_id)
    with pytest.raises(ConstraintError, match="no title or no audio_path") as caught:
        mark_as_completed(conn, audio_id)
    assert caught.value.constraint == "audio_tracks_completed_is_whole"
    assert get_audio_metadata_by_id(conn, audio_id).status == TrackStatus.PROCESSING


def test_the_current_lease_token_is_honoured(conn):
    audio_id = track_in(conn, TrackStatus.PENDING)
    token = mark_as_processing(conn, audio_id).lease_token
    assert mark_as_completed(conn, audio_id, lease_token=token).status == TrackStatus.COMPLETED


@pytest.mark.parametrize("change", [mark_as_completed, lambda c, i, **k: mark_as_failed(c, i, "late", **k)])
def test_another_lease_token_is_refused_and_changes_nothing(conn, change):
    audio_id = track_in(conn, TrackStatus.PROCESSING)
    before = everything(conn)
    with pytest.raises(LeaseLostError, match="another attempt has taken over") as caught:
        change(conn, audio_id, lease_token=uuid4())
    assert caught.value.current == TrackStatus.PROCESSING
    assert everything(conn) == before


def test_a_token_of_an_attempt_that_ended_is_refused(conn):
    audio_id = track_in(conn, TrackStatus.PENDING)
    token = mark_as_processing(conn, audio_id).lease_token
    mark_as_completed(conn, audio_id, lease_token=token)
    with pytest.raises(LeaseLostError):
        mark_as_completed(conn, audio_id, lease_token=token)
    with pytest.raises(LeaseLostError):
        mark_as_processing(conn, audio_id, lease_token=token)


def test_a_track_that_is_not_there_cannot_change(conn):
    with pytest.raises(ResourceNotFoundError, match="no track"):
        mark_as_processing(conn, uuid4())


def test_a_long_error_message_is_cut_with_a_mark(conn):
    failed = mark_as_failed(conn, track_in(conn, TrackStatus.PROCESSING), "x" * 100_000)
    assert len(failed.error_message) == 2000
    assert failed.error_message.endswith(CUT_MARK)
    assert query(conn, "SELECT max(length(error_message)) FROM audio_track_history") == [(2000,)]


def test_a_batch_changes_all_in_a_constant_number_of_statements(conn):
    ids = [track_in(conn, TrackStatus.PENDING) for _ in range(20)]
    result = update_processing_status_batch(conn, [{"audio_id": one, "status": "PROCESSING"} for one in ids])
    assert (result.success, result.count, result.track_ids) == (True, 20, tuple(ids))
    (stamps,) = query(conn, "SELECT count(DISTINCT xmin::text) FROM audio_tracks WHERE status = 'PROCESSING'")[0]
    assert stamps == 1
    wishes = [
        {"audio_id": one, "status": "FAILED", "error_message": f"no {n}", "error_code": "c"}
        for n, one in enumerate(ids)
    ]
    assert update_processing_status_batch(conn, wishes).success
    assert get_audio_metadata_by_id(conn, ids[7]).error_message == "no 7"


def test_a_batch_with_one_refusal_changes_nothing_and_says_which(conn):
    held, done, pending = (track_in(conn, s) for s in ("PROCESSING", "COMPLETED", "PENDING"))
    absent = uuid4()
    before = everything(conn)
    result = update_processing_status_batch(
        conn,
        [
            {"audio_id": pending, "status": "PROCESSING"},
            {"audio_id": held, "status": "COMPLETED", "lease_token": uuid4()},
            {"audio_id": done, "status": "FAILED"},
            {"audio_id": absent, "status": "PENDING"},
        ],
    )
    assert (result.success, result.count, result.track_ids) == (False, 0, ())
    assert [(error.index, error.audio_id) for error in result.errors] == [
        (1, str(held)),
        (2, str(done)),
        (3, str(absent)),
    ]
    assert ["lease token" in e.message or "COMPLETED" in e.message or "no track" in e.message for e in result.errors]
    assert everything(conn) == before


def test_a_batch_with_wrong_input_does_not_reach_the_database(conn):
    conn.close()
    result = update_processing_status_batch(conn, [{"audio_id": "x", "status": "DONE"}])
    assert not result.success
    assert "audio_id" in result.errors[0].message
    assert "status" in result.errors[0].message


def test_an_empty_batch_is_done_at_once(conn):
    assert update_processing_status_batch(conn, []).success


def test_a_failure_by_hand_settles_its_event_as_the_workers_would(conn):
    audio_id, event_id = track_in(conn, TrackStatus.PENDING), uuid4()
    query(
        conn,
        "INSERT INTO audio_events (event_id, audio_id, occurred_at, payload) VALUES (%s, %s, now(), '{}')",
        event_id,
        audio_id,
    )
    query(conn, "UPDATE audio_tracks SET current_event_id = %s WHERE id = %s", event_id, audio_id)
    mark_as_processing(conn, audio_id)
    outcome = "SELECT outcome, settled_at IS NULL FROM audio_events"
    assert query(conn, outcome) == [(None, True)]
    mark_as_failed(conn, audio_id, "broken file")
    assert query(conn, outcome) == [("rejected", False)]
