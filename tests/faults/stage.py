"""The stage of a run: throw-away servers behind proxies, workers and publishers as processes of their own."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import parse_qs, unquote, urlsplit

import psutil
import psycopg2
import redis
from psycopg2.extensions import connection

from db.migrate import migrate
from tests.faults.proxy import Proxy
from tests.faults.rabbitmq import RabbitMQ
from tests.servers import throwaway_home
from worker.embedded import EmbeddedBroker, EmbeddedPostgres, start_broker, start_postgres

T = TypeVar("T")

ROOT = Path(__file__).parents[2]
LEASE_SECONDS = 5.0
PROMISE_SECONDS = LEASE_SECONDS + 10
"""Nothing waits longer than this once a fault is over (DESIGN: lease + 10 s)."""
# What was committed must survive an immediate stop; the machine itself does not crash.
_POSTGRES = {"fsync": "off", "synchronous_commit": "on", "max_connections": "60"}
_BROKER = {"appendonly": "no"}
_READY_SECONDS = 60.0


def wait_for(condition: Callable[[], T], timeout: float, what: str) -> T:
    deadline = time.monotonic() + timeout
    while not (result := condition()):
        assert time.monotonic() < deadline, f"not within {timeout:g} s: {what} (last {result!r})"
        time.sleep(0.02)
    return result


class Worker:
    """A worker in a process group of its own."""

    def __init__(
        self, name: str, env: dict[str, str], log: Path, app: str, concurrency: int = 2, code: Path = ROOT
    ) -> None:
        self.name, self.log = name, log
        command = [sys.executable, "-m", "celery", "-A", app, "worker", "-l", "INFO"]
        command += ["-c", str(concurrency), "-n", f"{name}@%h"]
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                command, env=env, cwd=code, stdin=subprocess.DEVNULL, stdout=output, stderr=output, process_group=0
            )

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    def wait_ready(self) -> None:
        wait_for(lambda: " ready." in self.text() or not self.alive, _READY_SECONDS, f"{self.name} is ready")
        assert self.alive, f"{self.name} ended at once: {self.text()[-2000:]}"

    def text(self) -> str:
        return self.log.read_text(errors="replace")

    def children(self) -> list[int]:
        with contextlib.suppress(psutil.NoSuchProcess):
            return [child.pid for child in psutil.Process(self.process.pid).children()]
        return []

    def signal(self, number: int) -> None:
        """Signal the parent process, as an operator does."""
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(number)

    def signal_all(self, number: int) -> None:
        """Signal the parent and its children."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, number)

    def kill(self) -> None:
        self.signal_all(signal.SIGCONT)
        self.signal_all(signal.SIGKILL)
        self.process.wait()

    def wait_end(self, timeout: float) -> int:
        return self.process.wait(timeout)


class Valkey:
    """The embedded broker, keeping nothing on disk: what it held when it is killed is gone."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self.start()

    def start(self) -> None:
        self._running: EmbeddedBroker = start_broker(self._home, options=_BROKER)

    @property
    def url(self) -> str:
        return self._running.url

    def kill(self) -> None:
        os.kill(self._running.pid, signal.SIGKILL)
        self.stop()

    def flush(self) -> None:
        with closing(redis.Redis.from_url(self.url)) as client:
            client.flushall()

    def stop(self) -> None:
        self._running.stop()


class Stage:
    """Servers, proxies and workers of one run; ``environment`` is what the processes see."""

    def __init__(self, home: Path, app: str = "tests.faults.app", *, broker: str = "valkey", **settings: str) -> None:
        self.home, self._app, self._settings = home, app, settings
        self.points = home / "points"
        self.points.mkdir()
        self.workers: list[Worker] = []
        self._count = 0
        self.start_postgres()
        self.broker: RabbitMQ | Valkey = RabbitMQ(home) if broker == "rabbitmq" else Valkey(home)
        self.database = Proxy(_socket_of(self.postgres.url))
        address = urlsplit(self.broker.url)
        self.queue = Proxy(("127.0.0.1", address.port or 0))
        self.database_url = (
            f"postgresql://tonearm@127.0.0.1:{self.database.port}/tonearm?sslmode=disable&gssencmode=disable"
        )
        who = f"{address.username or ''}:{address.password}"
        self.broker_url = address._replace(netloc=f"{who}@127.0.0.1:{self.queue.port}").geturl()

    # -- servers -----------------------------------------------------------------------------------------------------

    def start_postgres(self) -> None:
        self.postgres: EmbeddedPostgres = start_postgres(self.home, options=_POSTGRES)

    @contextlib.contextmanager
    def connect(self) -> Iterator[connection]:
        """Connect past the proxy, as the one who looks on."""
        with closing(
            psycopg2.connect(
                self.postgres.url, application_name="stage", options="-c default_transaction_read_only=off"
            )
        ) as conn:
            yield conn

    def ask(self, sql: str, *params: Any) -> list[tuple[Any, ...]]:
        with self.connect() as conn, conn, conn.cursor() as cursor:
            cursor.execute(sql, params)
            return cursor.fetchall() if cursor.description else []

    # -- processes ---------------------------------------------------------------------------------------------------

    @property
    def environment(self) -> dict[str, str]:
        ours = {
            "DATABASE_URL": self.database_url,
            "BROKER_URL": self.broker_url,
            "LEASE_SECONDS": str(LEASE_SECONDS),
            "SWEEP_INTERVAL_SECONDS": "1",
            "RETRY_BASE_SECONDS": "0.5",
            "LOG_FORMAT": "json",
            "TONEARM_HOME": str(self.home),
            "FAULT_POINTS": str(self.points),
            "PYTHONUNBUFFERED": "1",
        }
        return {**os.environ, **ours, **self._settings}

    def start_worker(self, *, ready: bool = True, concurrency: int = 2, code: Path = ROOT) -> Worker:
        """Start a worker, of the checkout ``code``."""
        self._count += 1
        name = f"w{self._count}"
        environment = self.environment | {"PYTHONPATH": str(code)}
        worker = Worker(name, environment, self.home / f"{name}.log", self._app, concurrency, code)
        self.workers.append(worker)
        if ready:
            worker.wait_ready()
        return worker

    def start_publisher(
        self, seed: int, part: int, count: int, rate: float, *, code: Path = ROOT
    ) -> "subprocess.Popen[str]":
        command = [sys.executable, "-m", "tests.faults.load", f"--seed={seed}", f"--part={part}"]
        command += [f"--count={count}", f"--rate={rate}"]
        with (self.home / f"publisher{part}.log").open("ab") as log:
            return subprocess.Popen(
                command,
                env=self.environment | {"PYTHONPATH": str(code)},
                cwd=code,
                text=True,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
            )

    def drop_worker(self, worker: Worker) -> None:
        worker.kill()
        self.workers.remove(worker)

    # -- waiting -----------------------------------------------------------------------------------------------------

    def open_events(self) -> set[Any]:
        return {row[0] for row in self.ask("SELECT event_id FROM audio_events WHERE settled_at IS NULL")}

    def wait_settled(self, events: set[Any], timeout: float) -> float:
        """Wait until none of these events is open; return the seconds that it took."""
        began = time.monotonic()
        sql = "SELECT count(*) FROM audio_events WHERE settled_at IS NULL AND event_id = ANY(%s::uuid[])"
        ids = [str(event) for event in events]

        def left() -> bool:
            return self.ask(sql, ids)[0][0] == 0

        try:
            wait_for(left, timeout, f"{len(ids)} events are settled")
        except AssertionError as error:
            raise AssertionError(f"{error}: {self.describe_open()}") from error
        return time.monotonic() - began

    def describe_open(self) -> list[Any]:
        return self.ask(
            """SELECT e.event_id, e.audio_id, now() - e.enqueued_at, t.status, t.error_code, t.retry_count,
                      t.lease_expires_at - now(), t.next_attempt_at - now(), t.lease_owner
               FROM audio_events e JOIN audio_tracks t ON t.id = e.audio_id WHERE e.settled_at IS NULL LIMIT 5"""
        )

    def close(self) -> None:
        for worker in self.workers:
            worker.kill()
        self.database.close()
        self.queue.close()
        self.broker.stop()
        self.postgres.stop("immediate")


def _socket_of(url: str) -> Path:
    query = parse_qs(urlsplit(url).query)
    return Path(unquote(query["host"][0])) / f".s.PGSQL.{query['port'][0]}"


def finish(publisher: "subprocess.Popen[str]", timeout: float) -> dict[str, int]:
    """Wait for a publisher's end and return its tally."""
    out, _ = publisher.communicate(timeout=timeout)
    assert publisher.returncode == 0, f"a publisher failed with {publisher.returncode}"
    tally: dict[str, int] = json.loads(out.splitlines()[-1])
    return tally


@contextlib.contextmanager
def stage(app: str = "tests.faults.app", *, broker: str = "valkey", **settings: str) -> Iterator[Stage]:
    with throwaway_home() as home:
        opened = Stage(home, app, broker=broker, **settings)
        try:
            migrate(opened.postgres.url)
            yield opened
        finally:
            opened.close()
            if kept := os.environ.get("FAULT_LOGS"):
                for log in (*home.glob("*.log"), *home.glob("*/*.log")):
                    shutil.copy(log, kept)
