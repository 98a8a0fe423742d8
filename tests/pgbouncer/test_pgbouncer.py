"""The public API and the worker's transitions through PgBouncer in transaction mode, which keeps no session state."""

import os
import shutil
import signal
import socket
import subprocess
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from urllib.parse import quote
from uuid import uuid4

import psycopg2
import pytest
from psycopg2.extensions import parse_dsn
from pydantic_core import to_json

import db
from db import DatabasePool, DatabaseTimeoutError, IllegalTransitionError, LeaseLostError, TrackStatus
from db.write import inbox, transitions
from tests.servers import throwaway_home
from tests.tracks import FULL_METADATA, query, saved, track_in, transitions_of

PROGRAM = shutil.which("pgbouncer")
SERVER_CONNECTIONS = 3
pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(PROGRAM is None, reason="pgbouncer is not installed"),
]

CONFIGURATION = """
[databases]
* = {server}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = {size}
max_client_conn = 200
query_wait_timeout = 30
{more}
"""


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def answers(port):
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture(params=["", "ignore_startup_parameters = options"], ids=["refuses options", "drops options"])
def bounced_url(request, database_url, wait_until):
    """The address of this test's database through a PgBouncer."""
    parts = parse_dsn(database_url)
    database = parts.pop("dbname")
    port = free_port()
    with throwaway_home() as home:
        configuration = home / "pgbouncer.ini"
        server = " ".join(
            f"{name}={value}" for name, value in parts.items() if name in {"host", "port", "user", "password"}
        )
        configuration.write_text(
            CONFIGURATION.format(server=server, port=port, size=SERVER_CONNECTIONS, more=request.param)
        )
        command = [PROGRAM, "-q", str(configuration)]
        if os.geteuid() == 0:  # which it refuses to be; the server's own account can reach the server's socket
            owner = Path(parts["host"]).owner() if parts["host"].startswith("/") else "root"
            command += ["-u", "nobody" if owner == "root" else owner]
        with subprocess.Popen(command, stderr=subprocess.PIPE) as running:
            try:
                wait_until(lambda: answers(port) or running.poll() is not None)
                assert running.poll() is None, running.stderr.read()
                yield f"postgresql://{quote(parts.get('user', 'postgres'))}@127.0.0.1:{port}/{database}"
            finally:
                running.send_signal(signal.SIGTERM)
                running.wait(10)


@pytest.fixture
def bounced(bounced_url):
    with closing(DatabasePool(bounced_url, min_size=2, max_size=8, timeout=20, application_name="bounced")) as pool:
        yield pool


def test_it_is_transaction_mode_indeed(bounced_url):
    """Otherwise the other tests would show nothing."""
    with closing(psycopg2.connect(bounced_url)) as first, closing(psycopg2.connect(bounced_url)) as second:
        pids = []
        for conn in (first, second):
            pids += query(conn, "SELECT pg_backend_pid()")
            conn.rollback()
        assert pids[0] == pids[1]


def test_the_public_api_works(bounced):
    with bounced.transaction() as conn:
        track = saved(conn)
        batch = db.save_audio_metadata_batch(
            conn,
            [{"audio_id": uuid4(), "metadata": {"title": f"T{n}"}, "audio_path": "gs://b/a"} for n in range(20)],
        )
        assert batch.success
    with bounced.transaction() as conn:
        assert db.get_audio_metadata_by_id(conn, track.id) == track
        assert len(db.get_audio_metadata_by_ids(conn, batch.track_ids)) == 20
        first = db.get_all_audio_metadata(conn, limit=15, order_by="title", descending=False)
        rest = db.get_all_audio_metadata(conn, limit=15, order_by="title", descending=False, cursor=first.next_cursor)
        assert (len(first.tracks), len(rest.tracks), rest.total) == (15, 6, 21)
        assert [hit.id for hit in db.search_audio_tracks(conn, "björk")] == [track.id]
        assert db.search_audio_tracks_advanced(conn, "joga", facets=["artist"], highlight=True).total == 1
    with bounced.transaction() as conn:
        token = db.mark_as_processing(conn, track.id).lease_token
    with bounced.transaction() as conn:
        with pytest.raises(LeaseLostError):
            db.mark_as_failed(conn, track.id, "not mine", lease_token=uuid4())
        with pytest.raises(IllegalTransitionError):
            db.save_audio_metadata(conn, track.id, FULL_METADATA, "gs://b/a")
        assert db.mark_as_completed(conn, track.id, lease_token=token).status == TrackStatus.COMPLETED
        assert [entry.worker for entry in db.get_track_history(conn, track.id)] == ["bounced"] * 5
        result = db.update_processing_status_batch(
            conn, [{"audio_id": one, "status": "PROCESSING"} for one in batch.track_ids]
        )
        assert result.success


def test_the_workers_transitions_work(bounced):
    event_id, audio_id, token = uuid4(), uuid4(), uuid4()
    row = {"event_id": event_id, "audio_id": audio_id, "occurred_at": "2026-01-01T00:00:00Z", "audio_path": "gs://b/a"}
    with bounced.transaction() as conn:
        assert inbox.store_events(conn, [to_json(row | {"payload": {}})]) == set()

    def claimed(under):
        with bounced.transaction() as conn:
            return transitions.claim(conn, [event_id], token=under, lease_seconds=60, owner="w")[0].verdict

    assert claimed(token) == "claimed"
    with bounced.transaction() as conn:
        assert transitions.give_back(conn, token=token) == 1
    assert claimed(token) == "claimed"
    with bounced.transaction() as conn:
        failure = transitions.Failure(audio_id, "codec", "none", 0)
        assert transitions.fail(conn, [failure], token=token, max_attempts=5)
    assert claimed(token) == "claimed"
    with bounced.transaction() as conn:
        query(conn, "UPDATE audio_tracks SET lease_expires_at = now() - interval '1 s'")
    with bounced.transaction() as conn:
        assert inbox.elect_sweeper(conn)
        lost = {"max_attempts": 5, "retry_base": 0, "retry_cap": 0, "restart_grace": 0, "limit": 10}
        assert transitions.expire_leases(conn, **lost) == [audio_id]
        with bounced.transaction() as other:
            assert not inbox.elect_sweeper(other)  # the lock is the transaction's, not a session's
    fresh = uuid4()
    assert claimed(fresh) == "claimed"
    with bounced.transaction() as conn:
        item = {"id": audio_id, "event_id": event_id, "occurred_at": row["occurred_at"], "title": "T"}
        assert transitions.complete(conn, [item | {"audio_path": "gs://b/a"}], token=fresh) == {audio_id}
        assert transitions_of(conn, audio_id)[-1] == ("PROCESSING", "COMPLETED")
    with bounced.transaction() as conn:
        assert inbox.elect_sweeper(conn)  # and free again


def test_timeouts_hold_in_every_transaction_and_only_there(bounced_url, database_url):
    names = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")
    limits = {"statement_timeout": 7, "lock_timeout": 3, "idle_in_transaction_timeout": 11}
    with closing(DatabasePool(bounced_url, **limits)) as pool:
        for _ in range(3):
            with pool.get_connection() as conn:
                for _ in range(3):
                    assert [query(conn, f"SHOW {name}")[0][0] for name in names] == ["7s", "3s", "11s"]
                    conn.commit()
    with closing(psycopg2.connect(bounced_url)) as bare, closing(psycopg2.connect(database_url)) as direct:
        for name in names:
            assert query(bare, f"SHOW {name}") == query(direct, f"SHOW {name}")


def test_a_statement_that_takes_too_long_is_stopped(bounced_url):
    with closing(DatabasePool(bounced_url, statement_timeout=0.1)) as pool:
        with pytest.raises(DatabaseTimeoutError), pool.get_connection() as conn:
            query(conn, "SELECT pg_sleep(10)")
        assert pool.health_check().healthy


def test_in_autocommit_nothing_is_set_and_everything_works(bounced):
    with bounced.get_connection() as conn:
        conn.autocommit = True
        audio_id = saved(conn).id
    with bounced.get_connection() as conn:
        assert db.get_audio_metadata_by_id(conn, audio_id).status == TrackStatus.COMPLETED


def test_many_borrowers_share_few_server_connections(bounced, conn):
    def work(_):
        with bounced.transaction() as own:
            return saved(own).id

    with ThreadPoolExecutor(16) as threads:
        ids = set(threads.map(work, range(100)))
    assert {row[0] for row in query(conn, "SELECT id FROM audio_tracks")} == ids
    counted = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'bounced'"
    )
    assert query(conn, counted)[0][0] <= SERVER_CONNECTIONS
    stats = bounced.get_stats()
    assert stats.created - stats.closed == stats.idle


def test_a_failed_track_is_retried_through_it(bounced):
    with bounced.transaction() as conn:
        audio_id = track_in(conn, TrackStatus.FAILED)
    with bounced.transaction() as conn:
        assert saved(conn, audio_id).retry_count == 0
