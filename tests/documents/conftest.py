"""One database, one broker and one worker for all the examples and pages of a module: what a reader has running."""

from collections.abc import Callable, Iterator
from contextlib import closing
from typing import NamedTuple

import psycopg2
import pytest
import redis

from tests.programs import Programs
from tests.servers import named


class Running(NamedTuple):
    """A database and a broker with a worker on them."""

    programs: Programs
    database_url: str
    broker_url: str

    def query(self, statement, *parameters):
        with closing(psycopg2.connect(self.database_url)) as conn, conn.cursor() as cursor:
            cursor.execute(statement, parameters)
            return cursor.fetchall()

    def is_settled(self):
        return self.query("SELECT count(*) FROM audio_events WHERE settled_at IS NULL") == [(0,)]

    def status(self, audio_id):
        return [status for (status,) in self.query("SELECT status FROM audio_tracks WHERE id = %s", audio_id)]


@pytest.fixture(scope="module")
def running(
    _create_database: Callable[..., str],
    _drop_database: Callable[[str], None],
    _template: str,
    session_broker_url: str,
    _broker_numbers: Iterator[int],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Running]:
    home = tmp_path_factory.mktemp("documents")
    database_url, broker_url = _create_database(_template), named(session_broker_url, str(next(_broker_numbers)))
    programs = Programs(
        DATABASE_URL=database_url,
        BROKER_URL=broker_url,
        TONEARM_HOME=str(home),
        LOG_FORMAT="json",
        SWEEP_INTERVAL_SECONDS="0.2",
    )
    with closing(redis.Redis.from_url(broker_url)) as client:
        client.flushdb()
        with programs.worker(home / "worker.log", "-c", "1"):
            yield Running(programs, database_url, broker_url)
        client.flushdb()
    _drop_database(database_url)
