"""The pool: lending, waiting, checking, forks, counters."""

import os
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import psycopg2
import pytest
from psycopg2.pool import ThreadedConnectionPool

import db
from db import DatabaseOperationError, DatabasePool, DatabaseUnavailableError, PoolTimeoutError, ValidationError
from db import session as session_module
from tests.tracks import query, saved


@pytest.fixture
def opened(database_url):
    """Open pools on this file's database; closed when the test is over."""
    pools = []

    def open_pool(**parameters):
        pools.append(DatabasePool(database_url, **{"timeout": 5, **parameters}))
        return pools[-1]

    yield open_pool
    for pool in pools:
        pool.close()


def pid_of(conn):
    return conn.info.backend_pid


def add_up(pool):
    stats = pool.get_stats()
    return stats.created - stats.closed == stats.in_use + stats.idle


def test_the_drivers_threaded_pool_is_underneath(opened):
    assert isinstance(opened()._shelf, ThreadedConnectionPool)


def test_the_smallest_number_is_opened_at_once(opened):
    stats = opened(min_size=3, max_size=5).get_stats()
    assert (stats.created, stats.idle, stats.in_use) == (3, 3, 0)
    assert opened(min_size=0).get_stats().created == 0


@pytest.mark.parametrize("sizes", [(-1, 5), (0, 0)])
def test_sizes_that_make_no_sense_are_refused(database_url, sizes):
    with pytest.raises(ValueError, match="sizes"):
        DatabasePool(database_url, min_size=sizes[0], max_size=sizes[1])


def test_a_connection_given_back_is_lent_again(opened):
    pool = opened(min_size=0, max_size=3)
    with pool.get_connection() as first, pool.get_connection() as second:
        pids = {pid_of(first), pid_of(second)}
    with pool.get_connection() as first, pool.get_connection() as second:
        assert {pid_of(first), pid_of(second)} == pids
    assert (pool.get_stats().created, pool.get_stats().closed) == (2, 0)


def test_a_transaction_is_committed_at_its_end(opened):
    pool = opened()
    with pool.transaction() as conn:
        track = saved(conn)
    with pool.get_connection() as conn:
        assert db.get_audio_metadata_by_id(conn, track.id) == track


def test_what_was_not_committed_is_rolled_back(opened):
    pool = opened(max_size=1, min_size=0)
    with pool.get_connection() as conn:
        saved(conn)
    with pool.get_connection() as conn:
        assert query(conn, "SELECT count(*) FROM audio_tracks") == [(0,)]


def test_changed_defaults_of_a_connection_do_not_reach_the_next_borrower(opened):
    pool = opened(max_size=1, min_size=0)
    with pool.get_connection() as conn:
        first = pid_of(conn)
        conn.set_session(isolation_level="SERIALIZABLE", readonly=True, deferrable=True, autocommit=True)
        query(conn, "SELECT 1")
    with pool.get_connection() as conn:
        assert pid_of(conn) == first
        assert not conn.autocommit
        shown = query(conn, "SELECT current_setting('transaction_isolation'), current_setting('transaction_read_only')")
        assert shown == [("read committed", "off")]
        saved(conn)


def test_a_borrower_waits_for_a_connection_to_come_back(opened, wait_until):
    pool = opened(max_size=1)
    lent = pool.get_connection()
    lent.__enter__()
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(lambda: pool.health_check().healthy)
        wait_until(lambda: pool._slots._cond._waiters)
        assert not waiting.done()
        lent.__exit__(None, None, None)
        assert waiting.result(timeout=5)
    stats = pool.get_stats()
    assert (stats.waits, stats.timeouts) == (1, 0)
    assert stats.wait_seconds > 0


def test_a_borrower_who_waited_long_enough_is_told_so(opened):
    pool = opened(max_size=1, timeout=0.05)
    with pool.get_connection(), pytest.raises(PoolTimeoutError, match=r"within 0\.05 s: all 1 are in use") as caught:
        pool.get_connection().__enter__()
    assert caught.value.retryable
    stats = pool.get_stats()
    assert (stats.waits, stats.timeouts, stats.in_use) == (1, 1, 0)
    with pool.get_connection() as conn:
        assert query(conn, "SELECT 1") == [(1,)]


def test_a_dead_connection_is_replaced_before_anybody_sees_it(opened, conn):
    pool = opened(min_size=0, max_size=2)
    with pool.get_connection() as own:
        dead = pid_of(own)
    query(conn, "SELECT pg_terminate_backend(%s, 5000)", dead)
    with pool.get_connection() as own:
        assert pid_of(own) != dead
        assert query(own, "SELECT 1") == [(1,)]
    assert (pool.get_stats().created, pool.get_stats().closed) == (2, 1)
    assert add_up(pool)


def test_a_connection_that_idled_is_asked_before_it_is_lent(opened, monkeypatch):
    monkeypatch.setattr(session_module, "CHECK_AFTER_IDLE_SECONDS", 0.0)
    pool = opened(min_size=0, max_size=1)
    with pool.get_connection() as conn:
        first = pid_of(conn)
    monkeypatch.setattr(session_module.Session, "_has_something_to_say", lambda _: False)
    with pool.get_connection() as conn:
        assert pid_of(conn) == first
        assert conn.info.transaction_status == 0
    os.close(os.dup2(os.open(os.devnull, os.O_RDWR), conn.fileno()))  # a connection half open: nobody at the other end
    with pool.get_connection() as conn:
        assert pid_of(conn) != first


def test_a_connection_broken_while_lent_is_thrown_away(opened, conn):
    pool = opened(min_size=0, max_size=1)
    with pytest.raises(DatabaseUnavailableError), pool.get_connection() as own:
        _use_after_it_was_terminated(own, conn)
    assert pool.get_stats().idle == 0
    with pool.get_connection() as own:
        assert query(own, "SELECT 1") == [(1,)]
    assert add_up(pool)


def _use_after_it_was_terminated(own, conn):
    query(conn, "SELECT pg_terminate_backend(%s, 5000)", pid_of(own))
    query(own, "SELECT 1")


def test_a_connection_closed_by_its_borrower_is_thrown_away(opened):
    pool = opened(min_size=0, max_size=1)
    with pool.get_connection() as conn:
        conn.close()
    assert (pool.get_stats().idle, pool.get_stats().closed) == (0, 1)
    assert pool.health_check().healthy


def test_a_connection_left_in_the_middle_of_a_copy_is_thrown_away(opened):
    pool = opened(min_size=0, max_size=1)
    with pytest.raises(KeyError), pool.get_connection() as conn, conn.cursor() as cursor:
        cursor.copy_expert("COPY (SELECT generate_series(1, 1000000)) TO STDOUT", _Failing())
    assert pool.health_check().healthy
    assert add_up(pool)


class _Failing:
    def write(self, _data):
        raise KeyError


def test_lifetimes_end_and_are_jittered(opened):
    pool = opened(min_size=8, max_size=8, max_lifetime=1000)
    remaining = [conn.expires_at - time.monotonic() for conn in pool._shelf._pool]
    assert all(890 < seconds < 1100 for seconds in remaining)
    assert len({round(seconds, 3) for seconds in remaining}) == 8


def test_a_connection_past_its_lifetime_is_replaced(opened):
    pool = opened(min_size=1, max_size=1, max_lifetime=0)
    with pool.get_connection() as conn:
        first = pid_of(conn)
    with pool.get_connection() as conn:
        assert pid_of(conn) != first
    assert add_up(pool)


def test_connections_beyond_the_smallest_number_are_closed_when_long_idle(opened, monkeypatch):
    pool = opened(min_size=1, max_size=3)
    with pool.get_connection(), pool.get_connection(), pool.get_connection():
        pass
    assert pool.get_stats().idle == 3
    monkeypatch.setattr("db.pool._MAX_IDLE_SECONDS", 0.0)
    for _ in range(3):
        with pool.get_connection():
            pass
    assert pool.get_stats().idle == 1
    assert add_up(pool)


def test_timeouts_and_name_are_set_on_the_server(opened):
    settings = ("application_name", "statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")
    pool = opened(application_name="x" * 100, statement_timeout=1.5, lock_timeout=0, idle_in_transaction_timeout=45)
    with pool.get_connection() as conn:
        assert [query(conn, f"SHOW {name}")[0][0] for name in settings] == ["x" * 63, "1500ms", "0", "45s"]


def test_a_timeout_however_short_is_not_rounded_to_none_at_all():
    assert [session_module.milliseconds(seconds) for seconds in (0, 0.0001, 0.0015, 2)] == [0, 1, 2, 2000]


def test_an_application_name_says_where_and_who(opened):
    with opened().get_connection() as conn:
        name = query(conn, "SHOW application_name")[0][0]
    assert name == f"tonearm@{socket.gethostname()}:{os.getpid()}"[:63]


def test_what_the_address_says_goes_before_what_the_pool_would_set(database_url):
    joint = "&" if "?" in database_url else "?"
    address = f"{database_url}{joint}application_name=mine&options=-c%20statement_timeout%3D7s"
    with closing(DatabasePool(address)) as pool, pool.get_connection() as conn:
        assert query(conn, "SHOW application_name") == [("mine",)]
        assert query(conn, "SHOW statement_timeout") == [("7s",)]
        assert query(conn, "SHOW lock_timeout") == [("10s",)]


def test_a_pool_that_was_closed_lends_nothing_and_says_so(opened):
    pool = opened()
    pool.close()
    pool.close()
    with pytest.raises(DatabaseOperationError, match="the pool is closed"):
        pool.get_connection().__enter__()
    assert not pool.health_check().healthy
    assert pool.get_stats().idle == 0


def test_closing_leaves_a_lent_connection_to_its_borrower(opened):
    pool = opened(min_size=0)
    with pool.transaction() as conn:
        pool.close()
        saved(conn)
        pid = pid_of(conn)
    assert conn.closed
    assert add_up(pool)
    with opened().get_connection() as other:
        assert query(other, "SELECT count(*) FROM audio_tracks") == [(1,)]
        assert query(other, "SELECT count(*) FROM pg_stat_activity WHERE pid = %s", pid) == [(0,)]


def test_a_connection_made_while_the_pool_is_closed_is_not_kept(opened, monkeypatch):
    pool = opened(min_size=0)
    make = pool._shelf._make

    def closing_meanwhile():
        made = make()
        pool.close()
        return made

    monkeypatch.setattr(pool._shelf, "_make", closing_meanwhile)
    with pytest.raises(DatabaseOperationError, match="closed"):
        pool.get_connection().__enter__()
    assert add_up(pool)
    assert pool.get_stats().created == pool.get_stats().closed == 1


def test_health_tells_what_answers(opened):
    pool = opened(min_size=2, max_size=4)
    with pool.get_connection() as conn:
        health = pool.health_check()
        version = query(conn, "SHOW server_version")[0][0]
    assert (health.healthy, health.error, health.is_replica) == (True, None, False)
    assert health.server_version == version
    assert (health.pool_size, health.in_use, health.max_size) == (2, 1, 4)
    assert 0 < health.latency_seconds < 5
    assert health.checked_at.tzinfo is not None


def test_health_of_a_server_that_is_not_there_is_told_in_time(postgres_server):
    with closing(DatabasePool(postgres_server.url, timeout=30)) as pool:
        postgres_server.stop()
        began = time.monotonic()
        health = pool.health_check(timeout=0.3)
        assert time.monotonic() - began < 3
    assert not health.healthy
    assert "cannot be reached" in health.error
    assert health.server_version is None


def test_a_server_that_is_not_there_is_waited_for_and_then_named(unused_port):
    began = time.monotonic()
    with pytest.raises(DatabaseUnavailableError, match="cannot be reached") as caught:
        DatabasePool(f"postgresql://u:secret@127.0.0.1:{unused_port}/d", connect_timeout=0.3)
    assert time.monotonic() - began < 5
    assert caught.value.retryable
    assert "secret" not in str(caught.value)


@pytest.fixture
def unused_port():
    with socket.socket() as taken:  # bound, but not listening: nobody else gets it, and nobody answers
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


def test_the_first_connection_is_tried_again_until_the_server_is_there(postgres_server):
    url = postgres_server.url
    postgres_server.stop()
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(DatabasePool, url, connect_timeout=30)
        postgres_server.start()
        with closing(waiting.result(timeout=30)) as pool:
            assert pool.health_check().healthy


def test_a_forked_child_cannot_use_its_parents_pool(opened):
    pool = opened()
    answers, write = os.pipe()
    child = os.fork()
    if child == 0:  # pragma: no cover - another process
        try:
            pool.get_connection().__enter__()
            os.write(write, b"lent")
        except DatabaseOperationError as error:
            os.write(write, str(error).encode())
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    os.close(write)
    with os.fdopen(answers, "rb") as told:
        assert b"across a fork" in told.read()
    assert pool.health_check().healthy


def test_a_forked_child_gets_a_shared_pool_of_its_own(database_url, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", database_url)
    with db.get_connection() as conn:
        parents = pid_of(conn)
    answers, write = os.pipe()
    child = os.fork()
    if child == 0:  # pragma: no cover - another process
        try:
            with db.get_connection() as conn:
                os.write(write, str(query(conn, "SELECT pg_backend_pid()")[0][0]).encode())
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    os.close(write)
    with os.fdopen(answers, "rb") as told:
        assert int(told.read()) != parents
    with db.get_connection() as conn:
        assert pid_of(conn) == parents  # the parent's connections are as they were
    db.close_pool()


def test_the_shared_pool_is_opened_by_the_environment_and_closed_on_demand(database_url, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", database_url)
    pool = db.get_connection_pool()
    assert db.get_connection_pool() is pool
    with db.get_connection() as conn:
        saved(conn)
    db.close_pool()
    db.close_pool()
    assert db.get_connection_pool() is not pool
    db.close_pool()


def test_without_an_address_the_shared_pool_says_what_to_set(monkeypatch):
    monkeypatch.delenv("DATABASE_URL", raising=False)
    with pytest.raises(ValidationError, match="DATABASE_URL"):
        db.get_connection_pool()


def test_sixty_four_threads_share_eight_connections(opened, conn):
    pool = opened(min_size=0, max_size=8, timeout=60)
    most = []

    def work(_):
        with pool.transaction() as own:
            most.append(pool.get_stats().in_use)
            assert add_up(pool)
            saved(own)

    with ThreadPoolExecutor(64) as threads:
        list(threads.map(work, range(256)))
    stats = pool.get_stats()
    assert query(conn, "SELECT count(*) FROM audio_tracks") == [(256,)]
    assert max(most) <= 8
    assert (stats.in_use, stats.failed, stats.timeouts) == (0, 0, 0)
    assert stats.created <= 8
    assert stats.waits > 0
    assert add_up(pool)


def test_a_slow_connection_does_not_keep_others_from_coming_back(opened, monkeypatch):
    pool = opened(min_size=1, max_size=2)
    make, slow, go_on = pool._shelf._make, threading.Event(), threading.Event()

    def slowly():
        slow.set()
        assert go_on.wait(10)
        return make()

    monkeypatch.setattr(pool._shelf, "_make", slowly)
    with ThreadPoolExecutor(1) as threads:
        with pool.get_connection():
            second = threads.submit(lambda: pool.health_check(timeout=10).healthy)
            assert slow.wait(10)
        with pool.get_connection() as conn:  # the first is back, and lent again, while the second still connects
            assert query(conn, "SELECT 1") == [(1,)]
        go_on.set()
        assert second.result(timeout=10)


def test_driver_errors_when_connecting_never_show(opened, monkeypatch):
    pool = opened(min_size=0, timeout=0.05)

    def refused():
        raise psycopg2.OperationalError("password=secret refused")

    monkeypatch.setattr(pool._shelf, "_make", refused)
    with pytest.raises(DatabaseUnavailableError, match=r"password=\*\*\* refused"):
        pool.get_connection().__enter__()
    stats = pool.get_stats()
    assert stats.failed >= 1
    assert (stats.created, stats.in_use) == (0, 0)


SETTINGS = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")


def a_pooler_that_refuses_options(self, **more):
    if "options" in more:
        raise psycopg2.OperationalError("unsupported startup parameter: options")
    return CONNECT(self)


def a_pooler_that_drops_options(self, **_more):
    return CONNECT(self)


CONNECT = session_module.Connector._connect


@pytest.mark.parametrize("pooler", [a_pooler_that_refuses_options, a_pooler_that_drops_options])
def test_behind_a_pooler_every_transaction_sets_its_own_timeouts(opened, monkeypatch, pooler):
    monkeypatch.setattr(session_module.Connector, "_connect", pooler)
    pool = opened(max_size=1, statement_timeout=7, lock_timeout=3, idle_in_transaction_timeout=11)
    for _ in range(2):
        with pool.get_connection() as conn:
            for _ in range(2):
                assert [query(conn, f"SHOW {name}")[0][0] for name in SETTINGS] == ["7s", "3s", "11s"]
                conn.rollback()
            conn.autocommit = True
            assert query(conn, "SHOW statement_timeout") == [("0",)]


def test_a_server_that_was_only_late_is_not_taken_for_a_pooler(opened, monkeypatch):
    failures = iter([psycopg2.OperationalError("the database system is starting up")])

    def late(self, **more):
        for failure in failures:
            raise failure
        return CONNECT(self, **more)

    monkeypatch.setattr(session_module.Connector, "_connect", late)
    with opened(max_size=1).get_connection() as conn:
        assert conn.settings is None
        assert query(conn, "SHOW statement_timeout") == [("30s",)]


def test_a_connection_lost_while_it_is_given_back_is_thrown_away(opened, conn):
    pool = opened(min_size=0, max_size=1)
    with pool.get_connection() as own:
        query(own, "SELECT 1")
        query(conn, "SELECT pg_terminate_backend(%s, 5000)", pid_of(own))
    assert pool.get_stats().idle == 0
    assert pool.health_check().healthy
    assert add_up(pool)
