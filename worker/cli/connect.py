"""Connections for one command: to read, from the replica if there is one, or to write."""

from collections.abc import Iterator
from contextlib import closing, contextmanager

from db.pool import DatabasePool
from db.statements import Connection
from worker.settings import Settings


@contextmanager
def reading(settings: Settings) -> Iterator[Connection]:
    """Lend a connection to read with."""
    with _pool(settings.read_database()) as pool, pool.transaction() as conn:
        yield conn


@contextmanager
def writing(settings: Settings) -> Iterator[Connection]:
    """Lend a connection for one transaction."""
    with _pool(settings.database()) as pool, pool.transaction() as conn:
        yield conn


def _pool(url: str) -> closing[DatabasePool]:
    return closing(DatabasePool(url, min_size=0, max_size=1, timeout=5.0, application_name=actor()))


def actor() -> str:
    """Return who runs the command, as the history names them."""
    import getpass  # noqa: PLC0415 - slow to import, and rarely needed
    import socket  # noqa: PLC0415

    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container's user often has no name
        user = "unknown"
    return f"{user}@{socket.gethostname()}"
