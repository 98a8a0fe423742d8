"""Servers for the tests: throw-away homes, and servers that a test may stop, kill and start again."""

import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from worker.embedded import EmbeddedBroker, EmbeddedPostgres, start_broker, start_postgres

POSTGRES_OPTIONS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",  # a test that needs statistics runs ANALYZE itself
}
BROKER_OPTIONS = {"appendfsync": "no"}


def named(url: str, database: str) -> str:
    """Return a server's URL with another database in it."""
    return urlsplit(url)._replace(path=f"/{database}").geturl()


@contextmanager
def throwaway_home() -> Iterator[Path]:
    """Make a home with a short path that the servers' account can reach, and remove it afterwards."""
    home = Path(tempfile.mkdtemp(prefix="tonearm-test-")).resolve()
    home.chmod(0o711)
    try:
        yield home
    finally:
        shutil.rmtree(home)


class PostgresServer:
    """A PostgreSQL of the test's own: the same address after every ``start``."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self._running: EmbeddedPostgres | None = None
        self.start()

    @property
    def running(self) -> EmbeddedPostgres:
        assert self._running, "the server is not running: the test stopped it"
        return self._running

    @property
    def url(self) -> str:
        return self.running.url

    def start(self) -> None:
        self._running = start_postgres(self.home, options=POSTGRES_OPTIONS)

    def stop(self, mode: str = "immediate") -> None:
        if self._running:
            self._running.stop(mode)

    def restart(self) -> None:
        self.stop("fast")
        self.start()

    def kill(self) -> None:
        os.kill(self.running.pid, signal.SIGKILL)
        self.stop()


class BrokerServer:
    """A broker of the test's own: the same address after every ``start``."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self._running: EmbeddedBroker | None = None
        self.start()

    @property
    def running(self) -> EmbeddedBroker:
        assert self._running, "the broker is not running: the test stopped it"
        return self._running

    @property
    def url(self) -> str:
        return self.running.url

    def start(self) -> None:
        self._running = start_broker(self.home, options=BROKER_OPTIONS)

    def stop(self) -> None:
        if self._running:
            self._running.stop()

    def restart(self) -> None:
        self.stop()
        self.start()

    def kill(self) -> None:
        os.kill(self.running.pid, signal.SIGKILL)
        self.stop()
