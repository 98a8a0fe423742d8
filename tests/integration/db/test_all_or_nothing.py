"""A failure at any statement of an operation leaves nothing behind, whatever the caller does with the error."""

from uuid import uuid4

import pytest

import db.statements
from db import (
    DatabaseOperationError,
    TrackStatus,
    mark_as_completed,
    mark_as_failed,
    mark_as_processing,
    save_audio_metadata_batch,
    update_processing_status_batch,
)
from db.errors import DeadlockError
from db.write.atomic import all_or_nothing
from tests.tracks import AUDIO_PATH, FULL_METADATA, everything, query, saved, track_in


def a_new_track(conn):
    saved(conn)


def a_known_track(conn):
    saved(conn, query(conn, "SELECT id FROM audio_tracks WHERE status = 'COMPLETED'")[0][0], title="Other")


def a_batch(conn):
    save_audio_metadata_batch(
        conn, [{"audio_id": uuid4(), "metadata": FULL_METADATA, "audio_path": AUDIO_PATH} for _ in range(3)]
    )


def a_completion(conn):
    mark_as_completed(conn, query(conn, "SELECT id FROM audio_tracks WHERE status = 'PROCESSING'")[0][0])


def a_failure(conn):
    mark_as_failed(conn, query(conn, "SELECT id FROM audio_tracks WHERE status = 'PROCESSING'")[0][0], "x")


def a_batch_of_changes(conn):
    ids = query(conn, "SELECT id FROM audio_tracks WHERE status <> 'PROCESSING'")
    update_processing_status_batch(conn, [{"audio_id": one, "status": "PROCESSING"} for (one,) in ids])


OPERATIONS = [a_new_track, a_known_track, a_batch, a_completion, a_failure, a_batch_of_changes]


@pytest.fixture
def library(conn):
    for status in (TrackStatus.COMPLETED, TrackStatus.PROCESSING, TrackStatus.PENDING, TrackStatus.FAILED):
        track_in(conn, status)
    conn.commit()
    return conn


def statement_of(call):
    return next(line for line in str(call).splitlines() if line.startswith("-- name:"))


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.__name__)
def test_a_failure_before_or_after_any_statement_leaves_nothing_behind(library, monkeypatch, operation):
    execute = db.statements._execute
    before = everything(library)
    sent = []

    def run_failing_at(place, *, after):
        """Run the operation; its statement number ``place`` is answered by an error of the server itself."""
        sent.clear()

        def failing(cursor, statement, params):
            sent.append(statement)
            if len(sent) - 1 != place:
                return execute(cursor, statement, params)
            if after:
                execute(cursor, statement, params)
            return cursor.execute("DO $$ BEGIN RAISE EXCEPTION 'provoked' USING ERRCODE = '40P01'; END $$")

        monkeypatch.setattr(db.statements, "_execute", failing)
        try:
            operation(library)
        finally:
            monkeypatch.setattr(db.statements, "_execute", execute)

    run_failing_at(None, after=False)
    length = len(sent)
    library.rollback()
    assert length >= 3
    for place in range(1, length - 1):  # all that stands between the savepoint and its release
        for after in (False, True):
            with pytest.raises(DeadlockError):
                run_failing_at(place, after=after)
            library.commit()  # a caller that goes on, of all things
            assert everything(library) == before, f"left behind after {statement_of(sent[place])}"


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.__name__)
def test_a_connection_lost_in_the_middle_leaves_nothing_behind(pool, library, monkeypatch, operation):
    before = everything(library)
    library.commit()
    execute = db.statements._execute

    def run_dying_at(place):
        sent = []

        def dying(cursor, statement, params):
            sent.append(statement)
            if len(sent) - 1 == place:
                query(library, "SELECT pg_terminate_backend(%s, 5000)", cursor.connection.info.backend_pid)
            execute(cursor, statement, params)

        monkeypatch.setattr(db.statements, "_execute", dying)
        try:
            with pool.transaction() as conn:
                operation(conn)
                if place is None:
                    conn.rollback()
        finally:
            monkeypatch.setattr(db.statements, "_execute", execute)
        return len(sent)

    for place in range(run_dying_at(None)):
        with pytest.raises(DatabaseOperationError) as caught:
            run_dying_at(place)
        assert caught.value.retryable
        assert everything(library) == before


def test_a_transaction_is_rolled_back_on_any_exception(pool, conn):
    for error in (ValueError, KeyboardInterrupt, SystemExit):
        with pytest.raises(error):
            _save_and_raise(pool, error)
    assert query(conn, "SELECT count(*) FROM audio_tracks") == [(0,)]


def _save_and_raise(pool, error):
    with pool.transaction() as conn:
        saved(conn)
        raise error


def test_a_transaction_whose_error_was_swallowed_says_that_nothing_was_committed(pool, conn):
    with pytest.raises(DatabaseOperationError, match="nothing was committed"), pool.transaction() as own:
        _save_and_swallow_an_error(own)
    assert query(conn, "SELECT count(*) FROM audio_tracks") == [(0,)]


def _save_and_swallow_an_error(conn):
    saved(conn)
    with pytest.raises(DatabaseOperationError):
        db.statements.run(conn, "SELECT nonsense")


def test_several_calls_share_one_transaction(pool, conn):
    with pool.transaction() as own:
        first = saved(own)
        mark_as_processing(own, first.id)
        second = saved(own)
    assert {row[0] for row in query(conn, "SELECT id FROM audio_tracks")} == {first.id, second.id}


def test_blocks_of_all_or_nothing_can_be_nested(conn):
    with all_or_nothing(conn):
        outer = saved(conn)
        with pytest.raises(KeyError), all_or_nothing(conn):
            {}[saved(conn).id]
    assert query(conn, "SELECT id FROM audio_tracks") == [(outer.id,)]
