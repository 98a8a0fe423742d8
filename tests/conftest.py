"""What every test can ask for: a migrated database and an empty broker of its own, and waiting for conditions.

The servers are started once for each pytest process from the wheels; ``TEST_DATABASE_URL`` (a superuser's) and
``TEST_BROKER_URL`` make the suite run against others instead.
"""

import itertools
import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit
from uuid import uuid4

import psycopg2
import pytest
import redis
from psycopg2.extensions import connection

from db.migrate import migrate
from db.pool import DatabasePool
from tests.servers import BROKER_OPTIONS, POSTGRES_OPTIONS, BrokerServer, PostgresServer, named, throwaway_home
from worker.embedded import start_broker, start_postgres

T = TypeVar("T")
OURS = ("DATABASE_URL", "READ_DATABASE_URL", "BROKER_URL", "TONEARM_HOME", "DB_HOST", "DB_CONNECTION_NAME")
DATABASES_PER_PROCESS = (
    7  # logical databases of a broker: 16, of which 0 is left alone and two processes share the rest
)


@pytest.fixture(scope="session", autouse=True)
def _nobody_elses_servers() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name in OURS:
            patch.delenv(name, raising=False)
        yield


@pytest.fixture(scope="session")
def _home() -> Iterator[Path]:
    with throwaway_home() as home:
        yield home


@pytest.fixture(scope="session")
def session_postgres_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """The server that all tests of this process share; it must not be stopped or changed."""
    if given := os.environ.get("TEST_DATABASE_URL"):
        yield given
        return
    with start_postgres(request.getfixturevalue("_home"), options=POSTGRES_OPTIONS) as server:
        yield server.url


@pytest.fixture(scope="session")
def session_broker_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """The broker that all tests of this process share; it must not be stopped or changed."""
    if given := os.environ.get("TEST_BROKER_URL"):
        yield given
        return
    with start_broker(request.getfixturevalue("_home"), options=BROKER_OPTIONS) as server:
        yield server.url


@pytest.fixture(scope="session")
def _admin(session_postgres_url: str) -> Iterator[connection]:
    with closing(psycopg2.connect(session_postgres_url, application_name="tests")) as admin:
        admin.autocommit = True
        yield admin


@pytest.fixture(scope="session")
def _create_database(session_postgres_url: str, _admin: connection) -> Callable[[str | None], str]:
    def create(template: str | None = None) -> str:
        name = f"test_{uuid4().hex}"
        source = f"TEMPLATE {template}" if template else "TEMPLATE template0"
        with _admin.cursor() as cursor:
            cursor.execute(f"CREATE DATABASE {name} {source}")
        return named(session_postgres_url, name)

    return create


@pytest.fixture(scope="session")
def _drop_database(_admin: connection) -> Callable[[str], None]:
    def drop(url: str) -> None:
        with _admin.cursor() as cursor:
            cursor.execute(f"DROP DATABASE {urlsplit(url).path[1:]} WITH (FORCE)")

    return drop


@pytest.fixture(scope="session")
def _template(_create_database: Callable[..., str], _drop_database: Callable[[str], None]) -> Iterator[str]:
    url = _create_database()
    migrate(url)
    yield urlsplit(url).path[1:]
    _drop_database(url)


@pytest.fixture
def database_url(
    _create_database: Callable[..., str], _drop_database: Callable[[str], None], _template: str
) -> Iterator[str]:
    """A migrated, empty database, copied for this test."""
    url = _create_database(_template)
    yield url
    _drop_database(url)


@pytest.fixture
def empty_database_url(_create_database: Callable[..., str], _drop_database: Callable[[str], None]) -> Iterator[str]:
    """A database in which no migration was ever applied."""
    url = _create_database()
    yield url
    _drop_database(url)


@pytest.fixture
def pool(database_url: str) -> Iterator[DatabasePool]:
    """A pool on this test's database."""
    with closing(DatabasePool(database_url, min_size=1, max_size=5, timeout=10)) as opened:
        yield opened


@pytest.fixture
def conn(pool: DatabasePool) -> Iterator[connection]:
    """A connection from the pool; commit to let other connections see, what is left is rolled back."""
    with pool.get_connection() as lent:
        yield lent


@pytest.fixture(scope="session")
def _broker_numbers(worker_id: str) -> Iterator[int]:
    process = int(worker_id.removeprefix("gw")) if worker_id.startswith("gw") else 0
    first = 1 + process % 2 * DATABASES_PER_PROCESS
    return itertools.cycle(range(first, first + DATABASES_PER_PROCESS))


@pytest.fixture
def broker_url(session_broker_url: str, _broker_numbers: Iterator[int]) -> Iterator[str]:
    """An empty logical database of the broker."""
    url = named(session_broker_url, str(next(_broker_numbers)))
    with closing(redis.Redis.from_url(url)) as client:
        client.flushdb()
        yield url
        client.flushdb()


@pytest.fixture
def postgres_server() -> Iterator[PostgresServer]:
    """A migrated PostgreSQL of this test's own, to stop, kill, start and restart."""
    with throwaway_home() as home:
        server = PostgresServer(home)
        try:
            migrate(server.url)
            yield server
        finally:
            server.stop()


@pytest.fixture
def broker_server() -> Iterator[BrokerServer]:
    """A broker of this test's own, to stop, kill, start and restart."""
    with throwaway_home() as home:
        server = BrokerServer(home)
        try:
            yield server
        finally:
            server.stop()


@pytest.fixture(scope="session")
def wait_until() -> Callable[..., T]:
    """Return ``wait_until(condition, timeout=10)``: calls until the result is true, and returns that result."""

    def wait(condition: Callable[[], T], timeout: float = 10.0, message: str = "") -> T:
        deadline = time.monotonic() + timeout
        while True:
            result = condition()
            if result:
                return result
            if time.monotonic() > deadline:
                pytest.fail(f"not within {timeout:g} s: {message or condition!r} (last result {result!r})")
            time.sleep(0.01)

    return wait


@pytest.fixture
def unused_port() -> int:
    """A TCP port of 127.0.0.1 that nothing listens on."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
