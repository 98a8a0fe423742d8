"""The servers and worker processes of a benchmark run: the same PostgreSQL and broker for every contender."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import psycopg2
import redis

from worker.embedded import start_broker, start_postgres

POSTGRES_OPTIONS = {
    "shared_buffers": "512MB",
    "max_wal_size": "4GB",
    "shared_preload_libraries": "pg_stat_statements",
    # What production has, said aloud: nothing here is bought with durability.
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
}
_CHECKOUT = Path(__file__).parent.parent
_POLL_SECONDS = 0.05


class Workers:
    """The processes of one contender's workers, each in a group of its own."""

    def __init__(self, commands: list[list[str]], environment: dict[str, str], log: Path) -> None:
        self.log = log
        with log.open("ab") as output:
            self.processes = [
                subprocess.Popen(
                    [sys.executable, "-m", *command],
                    cwd=_CHECKOUT,
                    env=os.environ | environment,
                    stdout=output,
                    stderr=output,
                    start_new_session=True,
                )
                for command in commands
            ]

    def check(self) -> None:
        """Raise if a worker has ended by itself."""
        for process in self.processes:
            if process.poll() is not None:
                raise RuntimeError(f"a worker ended with {process.returncode}; its log ends: {_tail(self.log)}")

    def stop(self) -> None:
        """Stop the workers and whatever they started."""
        for process in self.processes:
            process.send_signal(signal.SIGTERM)
        for process in self.processes:
            try:
                process.wait(timeout=15)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


class Place:
    """Where one contender runs once: an empty database and an empty broker.

    ``environment`` is what its workers get.
    """

    def __init__(self, database_url: str, broker_url: str, home: Path) -> None:
        self.database_url, self.broker_url, self.home = database_url, broker_url, home
        self.environment = {"DATABASE_URL": database_url, "BROKER_URL": broker_url, "TONEARM_HOME": str(home)}
        self.conn = psycopg2.connect(database_url, application_name="benchmark")
        self.conn.autocommit = True
        self.broker = redis.Redis.from_url(broker_url)
        self.workers: list[Workers] = []

    def run(self, statement: str, params: Any = None) -> list[tuple[Any, ...]]:
        """Run a statement; return its rows."""
        with self.conn.cursor() as cursor:
            cursor.execute(statement, params)
            return cursor.fetchall() if cursor.description else []

    def start_workers(self, *commands: list[str], **environment: str) -> Workers:
        """Start worker processes: each command is what ``python -m`` takes."""
        workers = Workers(list(commands), self.environment | environment, self.home / "workers.log")
        self.workers.append(workers)
        return workers

    def wait_until(self, condition: Callable[[], bool], timeout: float = 180.0) -> None:
        """Wait for a condition. Raises TimeoutError with the end of the workers' log."""
        deadline = time.monotonic() + timeout
        while not condition():
            for workers in self.workers:
                workers.check()
            if time.monotonic() > deadline:
                raise TimeoutError(f"not done within {timeout:g} s; the workers' log ends: {self.log_tail()}")
            time.sleep(_POLL_SECONDS)

    def log_tail(self) -> str:
        """Return the end of the workers' log."""
        return _tail(self.home / "workers.log")

    def messages(self, *queues: str) -> int:
        """Return how many messages wait in these queues of Celery's or are not acknowledged."""
        with self.broker.pipeline(transaction=False) as pipe:
            for queue in queues:
                pipe.llen(queue)
            pipe.hlen("unacked")
            return sum(pipe.execute())

    def close(self) -> None:
        """Stop the workers and let go of the servers."""
        for workers in self.workers:
            workers.stop()
        self.conn.close()
        self.broker.close()


class Bench:
    """The servers of one run of the benchmark."""

    def __init__(self, postgres_url: str, broker_url: str, home: Path) -> None:
        self._postgres_url, self._broker_url, self._home = postgres_url, broker_url, home

    @contextmanager
    def place(self, *, set_up: Callable[[str], None] | str) -> Iterator[Place]:
        """Make an empty database, set it up by a function of its URL or by SQL, and empty the broker."""
        name = f"bench_{uuid4().hex[:12]}"
        self._admin(f"CREATE DATABASE {name} TEMPLATE template0")
        url = urlsplit(self._postgres_url)._replace(path=f"/{name}").geturl()
        try:
            with closing(redis.Redis.from_url(self._broker_url)) as broker:
                broker.flushall()
            place = Place(url, self._broker_url, self._home)
            try:
                if callable(set_up):
                    set_up(url)
                else:
                    place.run(set_up)
                self._admin("CHECKPOINT")
                yield place
            finally:
                place.close()
        finally:
            self._admin(f"DROP DATABASE {name} WITH (FORCE)")

    def _admin(self, statement: str) -> None:
        with closing(psycopg2.connect(self._postgres_url)) as admin:
            admin.autocommit = True
            with admin.cursor() as cursor:
                cursor.execute(statement)


@contextmanager
def servers() -> Iterator[Bench]:
    """Start a PostgreSQL with production's durability and a broker, and remove them afterwards."""
    home = Path(tempfile.mkdtemp(prefix="tonearm-bench-")).resolve()
    home.chmod(0o711)
    try:
        with start_postgres(home, options=POSTGRES_OPTIONS) as postgres, start_broker(home) as broker:
            yield Bench(postgres.url, broker.url, home)
    finally:
        shutil.rmtree(home)


def _tail(log: Path) -> str:
    return log.read_text(encoding="utf-8", errors="replace")[-2000:] if log.exists() else "(empty)"
