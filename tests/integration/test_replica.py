"""A streaming replica made with pg_basebackup: searches through READ_DATABASE_URL work there, and its lag is told."""

import subprocess
from contextlib import closing
from urllib.parse import quote
from uuid import uuid4

import pytest
from prometheus_client import CollectorRegistry

from db import DatabasePool, save_audio_metadata
from db.errors import ReadOnlyDatabaseError
from db.read.throughput import replica_lag
from tests.programs import Programs
from worker.app import create_app
from worker.embedded.account import server_account
from worker.embedded.postgres import programs_directory
from worker.metrics import TonearmCollector
from worker.settings import Settings

PORT = "5432"


@pytest.fixture
def replica_url(postgres_server, wait_until):
    """A replica of ``postgres_server``."""
    primary = postgres_server.running
    account = server_account(primary.data_dir)
    programs = programs_directory(postgres_server.home)
    data = account.own_directory(primary.data_dir.parent / "replica")
    sockets = account.own_temporary_directory()
    copied = subprocess.run(
        [programs / "pg_basebackup", "-d", primary.url, "-D", data, "--write-recovery-conf", "--checkpoint=fast"],
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
        **account.popen_options(),
    )
    assert copied.returncode == 0, copied.stderr
    command = [programs / "postgres", "-D", data, "-c", "listen_addresses=", "-c", f"unix_socket_directories={sockets}"]
    command += ["-c", f"port={PORT}", "-c", "fsync=off"]
    with (postgres_server.home / "replica.log").open("wb") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log, cwd="/", **account.popen_options())
    url = f"postgresql://tonearm@/tonearm?host={quote(str(sockets), safe='')}&port={PORT}"

    def answers():
        with closing(DatabasePool(url, min_size=0, max_size=1, timeout=1)) as pool:
            return pool.health_check(timeout=1).is_replica

    try:
        wait_until(answers, timeout=20)
        yield url
    finally:
        server.terminate()
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            server.kill()


def test_searches_on_a_replica_find_what_the_primary_has_and_its_lag_is_told(
    postgres_server, replica_url, broker_url, wait_until
):
    with (
        closing(DatabasePool(postgres_server.url, min_size=1)) as primary,
        closing(DatabasePool(replica_url, min_size=1)) as replica,
    ):
        with primary.transaction() as conn:
            save_audio_metadata(conn, uuid4(), {"title": "Jóga", "artist": "Björk"}, "gs://b/a.mp3")
            assert replica_lag(conn) is None
        programs = Programs(
            DATABASE_URL="postgresql://nobody@127.0.0.1:1/none", READ_DATABASE_URL=replica_url, BROKER_URL=broker_url
        )
        found = wait_until(
            lambda: (ran := programs.tonearm("search", "joga", "--json")).code == 0 and ran.json()["hits"], timeout=20
        )
        assert [hit["title"] for hit in found] == ["Jóga"]
        with replica.transaction() as conn:
            assert replica_lag(conn) < 60
        with replica.transaction() as conn, pytest.raises(ReadOnlyDatabaseError):
            save_audio_metadata(conn, uuid4(), {"title": "x"}, "gs://b/x.mp3")
        app = create_app(Settings(broker_url=broker_url))
        with closing(app):
            registry = CollectorRegistry(auto_describe=False)
            registry.register(TonearmCollector(primary, app, replica=replica))
            assert registry.get_sample_value("tonearm_replica_up") == 1
            assert registry.get_sample_value("tonearm_replica_lag_seconds") < 60
