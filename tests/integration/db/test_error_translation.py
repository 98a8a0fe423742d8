"""Every class of error of the database, provoked for real, told apart by its SQLSTATE."""

import threading
from contextlib import closing
from urllib.parse import urlsplit
from uuid import uuid4

import psycopg2
import pytest

from db import (
    ConstraintError,
    DatabaseOperationError,
    DatabasePool,
    DatabaseTimeoutError,
    DatabaseUnavailableError,
    DeadlockError,
    DiskFullError,
    IllegalTransitionError,
    InvalidDataError,
    MusicLibraryError,
    ReadOnlyDatabaseError,
    SerializationError,
    ValidationError,
    get_audio_metadata_by_id,
)
from db.errors import translate
from db.statements import fetch_all, fetch_one, run
from tests.tracks import query, saved, track_in


def raised(sqlstate):
    return f"DO $$ BEGIN RAISE EXCEPTION 'provoked' USING ERRCODE = '{sqlstate}'; END $$"


def failure_of(conn, statement, params=None):
    with pytest.raises(MusicLibraryError) as caught:
        run(conn, statement, params)
    assert isinstance(caught.value.__cause__, psycopg2.Error)
    return caught.value


def test_a_broken_constraint_is_named(conn):
    audio_id = saved(conn).id
    error = failure_of(conn, "UPDATE audio_tracks SET year = 3000 WHERE id = %(id)s", {"id": audio_id})
    assert type(error) is ConstraintError
    assert error.constraint == "audio_tracks_year_range"
    assert error.sqlstate == "23514"
    assert "audio_tracks_year_range" in str(error)
    assert not error.retryable


def test_a_second_row_with_the_same_key_is_a_constraint_error(conn):
    audio_id = saved(conn).id
    error = failure_of(conn, "INSERT INTO audio_tracks (id) VALUES (%(id)s)", {"id": audio_id})
    assert (type(error), error.constraint) == (ConstraintError, "audio_tracks_pkey")


def test_data_that_cannot_be_is_invalid_data(conn):
    error = failure_of(conn, "SELECT 'x'::integer")
    assert (type(error), error.sqlstate, error.retryable) == (InvalidDataError, "22P02", False)


@pytest.mark.parametrize("text", ["a\0b", "\ud800"])
def test_text_that_the_driver_cannot_send_is_invalid_data(conn, text):
    with pytest.raises(InvalidDataError, match="parameter"):
        fetch_one(conn, "SELECT %(text)s", {"text": text})


def test_an_illegal_transition_by_sql_is_one(conn):
    audio_id = track_in(conn, "COMPLETED")
    error = failure_of(conn, "UPDATE audio_tracks SET status = 'PENDING' WHERE id = %(id)s", {"id": audio_id})
    assert type(error) is IllegalTransitionError
    assert "from COMPLETED to PENDING" in str(error)


def test_a_statement_that_takes_too_long_is_a_timeout(conn):
    run(conn, "SET LOCAL statement_timeout = 20")
    error = failure_of(conn, "SELECT pg_sleep(5)")
    assert (type(error), error.sqlstate, error.retryable) == (DatabaseTimeoutError, "57014", True)


def test_a_lock_that_takes_too_long_is_a_timeout(pool, conn):
    audio_id = saved(conn).id
    conn.commit()
    query(conn, "SELECT FROM audio_tracks WHERE id = %s FOR UPDATE", audio_id)
    with pool.get_connection() as other:
        run(other, "SET LOCAL lock_timeout = 20")
        with pytest.raises(DatabaseTimeoutError) as caught:
            saved(other, audio_id)
    assert (caught.value.sqlstate, caught.value.retryable) == ("55P03", True)


def test_idling_in_a_transaction_for_too_long_is_a_timeout(conn, wait_until):
    query(conn, "SET idle_in_transaction_session_timeout = 20")
    conn.commit()
    run(conn, "SELECT 1")
    wait_until(conn._has_something_to_say)
    error = failure_of(conn, "SELECT 1")  # whether libpq still reads the server's last words is a race
    assert isinstance(error, DatabaseTimeoutError | DatabaseUnavailableError)
    assert error.retryable


def test_a_deadlock_is_one(pool, conn):
    first, second = saved(conn).id, saved(conn).id
    conn.commit()
    lock = "SELECT FROM audio_tracks WHERE id = %(id)s FOR UPDATE"
    met = threading.Barrier(2, timeout=10)
    outcomes = []

    def take(mine, theirs):
        try:
            with pool.transaction() as own:
                run(own, "SET LOCAL deadlock_timeout = 20")
                run(own, lock, {"id": mine})
                met.wait()
                run(own, lock, {"id": theirs})
            outcomes.append(None)
        except MusicLibraryError as error:
            outcomes.append(error)

    threads = [threading.Thread(target=take, args=pair) for pair in ((first, second), (second, first))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=20)
    (error,) = [outcome for outcome in outcomes if outcome is not None]
    assert len(outcomes) == 2
    assert (type(error), error.sqlstate, error.retryable) == (DeadlockError, "40P01", True)


def test_a_serialization_failure_is_one(pool, conn):
    audio_id = saved(conn).id
    conn.commit()
    touch = "UPDATE audio_tracks SET genre = 'x' WHERE id = %(id)s"
    with pool.get_connection() as other:
        other.set_session(isolation_level="SERIALIZABLE")
        query(other, "SELECT count(*) FROM audio_tracks")
        run(conn, touch, {"id": audio_id})
        conn.commit()
        error = failure_of(other, touch, {"id": audio_id})
    assert (type(error), error.sqlstate, error.retryable) == (SerializationError, "40001", True)


def test_a_full_disk_is_told_from_other_errors(conn):
    error = failure_of(conn, raised("53100"))
    assert (type(error), error.retryable) == (DiskFullError, True)


def test_a_limit_on_temporary_files_is_not_a_full_disk(conn):
    query(conn, "SET LOCAL work_mem = '64kB'")
    query(conn, "SET LOCAL temp_file_limit = '64kB'")
    error = failure_of(conn, "SELECT count(*) FROM (SELECT * FROM generate_series(1, 200000) n ORDER BY -n) x")
    assert error.sqlstate == "53400"
    assert not isinstance(error, DiskFullError)


def test_a_read_only_transaction_is_one(conn):
    conn.set_session(readonly=True)
    with pytest.raises(ReadOnlyDatabaseError) as caught:
        saved(conn)
    assert (caught.value.sqlstate, caught.value.retryable) == ("25006", True)


def test_a_connection_that_is_terminated_is_lost_and_worth_another_try(pool, conn):
    with pool.get_connection() as other:
        query(conn, "SELECT pg_terminate_backend(%s)", other.info.backend_pid)
        error = failure_of(other, "SELECT 1")
        assert type(error) is DatabaseUnavailableError
        assert error.retryable
        assert type(failure_of(other, "SELECT 1")) is DatabaseUnavailableError  # and stays lost


def test_a_database_that_is_not_there_is_unavailable(database_url):
    with pytest.raises(DatabaseUnavailableError, match="cannot be reached"):
        DatabasePool(database_url.replace("/test_", "/absent_"), connect_timeout=0.2)


def test_too_many_connections_are_worth_another_try(database_url, conn):
    name = urlsplit(database_url).path[1:]
    query(conn, f"CREATE ROLE crowded_{name} LOGIN CONNECTION LIMIT 0")
    conn.commit()
    try:
        with pytest.raises(psycopg2.OperationalError) as caught:
            psycopg2.connect(database_url, user=f"crowded_{name}")
        assert translate(caught.value).retryable
    finally:
        query(conn, f"DROP ROLE crowded_{name}")
        conn.commit()


@pytest.mark.parametrize(
    ("sqlstate", "kind", "retryable"),
    [
        ("08006", DatabaseUnavailableError, True),
        ("08P01", DatabaseUnavailableError, True),
        ("53200", DatabaseUnavailableError, True),
        ("53300", DatabaseUnavailableError, True),
        ("57P02", DatabaseUnavailableError, True),
        ("57P03", DatabaseUnavailableError, True),
        ("57P05", DatabaseUnavailableError, True),
        ("25P03", DatabaseTimeoutError, True),
        ("25P04", DatabaseTimeoutError, True),
        ("40002", SerializationError, True),
        ("42601", DatabaseOperationError, False),
        ("XX000", DatabaseOperationError, False),
        ("23505", ConstraintError, False),
        ("22021", InvalidDataError, False),
    ],
)
def test_what_cannot_be_provoked_here_is_raised_by_the_server_all_the_same(conn, sqlstate, kind, retryable):
    error = failure_of(conn, raised(sqlstate))
    assert (type(error), error.sqlstate, error.retryable) == (kind, sqlstate, retryable)


def test_an_error_in_sql_is_no_reason_to_try_again(conn):
    error = failure_of(conn, "SELECT nonsense FROM nowhere")
    assert (type(error), error.retryable) == (DatabaseOperationError, False)


def test_errors_of_the_driver_outside_the_library_are_translated_by_the_pool(pool):
    with pytest.raises(ConstraintError), pool.transaction() as conn, conn.cursor() as cursor:
        cursor.execute("INSERT INTO audio_tracks (id, year) VALUES (gen_random_uuid(), 1)")


def test_an_error_that_is_not_the_databases_passes_through(pool):
    with pytest.raises(KeyError), pool.transaction() as conn:
        {}[saved(conn).id]
    with pool.get_connection() as conn:
        assert query(conn, "SELECT count(*) FROM audio_tracks") == [(0,)]


def test_every_error_has_a_code_of_its_own_and_words():
    kinds = [MusicLibraryError]
    for kind in kinds:
        kinds += [below for below in kind.__subclasses__() if below.__module__ == "db.errors"]
    assert len({kind.code for kind in kinds}) == len(kinds)
    assert all(str(kind("x")) for kind in kinds)
    assert str(DatabaseUnavailableError()).startswith("The database cannot be reached")


def test_a_validation_error_keeps_its_reasons_apart():
    assert ValidationError(["a", "b"]).reasons == ("a", "b")
    assert str(ValidationError(["a", "b"])) == "a; b"
    assert ValidationError("a").reasons == ("a",)


def test_an_illegal_transition_says_where_a_track_can_go():
    audio_id = uuid4()
    error = IllegalTransitionError(audio_id=audio_id, current="PROCESSING", target="PROCESSING")
    assert str(audio_id) in str(error)
    assert "COMPLETED, FAILED, PENDING" in str(error)


def test_rows_come_as_dictionaries_by_column(conn):
    assert fetch_all(conn, "SELECT 1 AS one, NULL AS none") == [{"one": 1, "none": None}]
    assert fetch_one(conn, "SELECT 1 AS one WHERE false") is None


def test_a_database_that_was_not_migrated_is_an_error_that_says_what_to_run(empty_database_url):
    with (
        pytest.raises(DatabaseOperationError, match="run `tonearm migrate`"),
        closing(DatabasePool(empty_database_url, min_size=0)) as unmigrated,
        unmigrated.transaction() as conn,
    ):
        get_audio_metadata_by_id(conn, "5d098d5b-adcd-4b71-925a-9eedf497a0f4")
