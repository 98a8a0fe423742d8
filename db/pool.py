"""The connection pool: waits instead of failing, checks before it lends, throws away what is broken.

``psycopg2.pool.ThreadedConnectionPool`` keeps the connections; what it lacks (waiting, checking, lifetimes, counters,
a guard against forks) is here.
"""

import os
import random
import select
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import psycopg2
from psycopg2.extensions import TRANSACTION_STATUS_IDLE, TRANSACTION_STATUS_UNKNOWN, connection
from psycopg2.pool import ThreadedConnectionPool

from db.dsn import resolve
from db.errors import DatabaseOperationError, DatabaseUnavailableError, PoolTimeoutError, translate, translated
from db.models import PoolHealth, PoolStats

_CHECK_AFTER_IDLE_SECONDS = 5.0
_HEALTH = "SELECT current_setting('server_version'), pg_is_in_recovery()"


class _Session(connection):
    """A pooled connection that knows its age. Subclassed because the driver's own class takes no attributes."""

    born: float
    lifetime: float
    idle_since: float


class DatabasePool:
    """A thread-safe pool of connections to one PostgreSQL.

    ``database_url`` is a PostgreSQL URL; without it ``DATABASE_URL`` or the ``DB_*`` variables are read. ``timeout`` is
    how long to wait for a free connection, ``connect_timeout`` how long to go on trying for the first one; both in
    seconds, as are ``statement_timeout``, ``lock_timeout``, ``idle_in_transaction_timeout`` and ``max_lifetime``, which
    is jittered by a tenth so that connections are not all replaced at once.

    Raises ValidationError where nothing says which database, DatabaseUnavailableError where it cannot be reached,
    PoolTimeoutError where no connection becomes free.
    """

    def __init__(
        self,
        database_url: str | None = None,
        *,
        min_size: int = 2,
        max_size: int = 10,
        timeout: float = 30.0,
        connect_timeout: float = 10.0,
        application_name: str | None = None,
        statement_timeout: float = 30.0,
        lock_timeout: float = 10.0,
        idle_in_transaction_timeout: float = 60.0,
        max_lifetime: float = 3600.0,
    ) -> None:
        if not 0 <= min_size <= max_size or max_size < 1:
            raise ValueError(f"pool sizes make no sense: min_size={min_size} max_size={max_size}")
        self._dsn = resolve(database_url)
        self._timeout = timeout
        self._max_size = max_size
        self._max_lifetime = max_lifetime
        self._pid = os.getpid()
        self._slots = threading.BoundedSemaphore(max_size)
        self._lock = threading.Lock()
        self._closed = False
        self._counts = {"created": 0, "closed": 0, "failed": 0, "waits": 0, "timeouts": 0, "in_use": 0}
        self._wait_seconds = 0.0
        self._settings = {
            "statement_timeout": f"{int(statement_timeout * 1000)}ms",
            "lock_timeout": f"{int(lock_timeout * 1000)}ms",
            "idle_in_transaction_session_timeout": f"{int(idle_in_transaction_timeout * 1000)}ms",
        }
        # Sent when connecting. A pooler between us and the server may drop them; then each transaction sets them.
        self._settings_per_transaction = False
        self._connect_kwargs = {
            "application_name": (application_name or f"tonearm@{socket.gethostname()}:{self._pid}")[:63],
            "connect_timeout": max(2, int(connect_timeout)),
            "keepalives_idle": 30,
            "keepalives_interval": 10,
            "keepalives_count": 3,
            "tcp_user_timeout": 30_000,
        }
        self._pool = self._open(min_size, connect_timeout)

    # -- lending -----------------------------------------------------------------------------------------------------

    @contextmanager
    def transaction(self) -> Iterator[connection]:
        """Lend a connection for one transaction: committed at the end, rolled back on any exception."""
        with self.get_connection() as conn:
            yield conn
            with translated():
                conn.commit()

    @contextmanager
    def get_connection(self) -> Iterator[connection]:
        """Lend a connection; what was not committed when the block ends is rolled back."""
        conn = self._acquire()
        try:
            if self._settings_per_transaction:
                with translated(), conn.cursor() as cursor:
                    cursor.execute("; ".join(f"SET LOCAL {name} = '{value}'" for name, value in self._settings.items()))
            yield conn
        finally:
            self._release(conn)

    def _acquire(self) -> _Session:
        if os.getpid() != self._pid:
            raise DatabaseOperationError(
                f"this pool was opened in process {self._pid} and cannot be used across a fork: open one per process"
            )
        if self._closed:
            raise DatabaseOperationError("the pool is closed")
        self._wait_for_slot()
        try:
            conn = self._take_sound()
        except BaseException:
            self._slots.release()
            raise
        with self._lock:
            self._counts["in_use"] += 1
        return conn

    def _wait_for_slot(self) -> None:
        if self._slots.acquire(blocking=False):
            return
        began = time.monotonic()
        got = self._slots.acquire(timeout=self._timeout)
        with self._lock:
            self._counts["waits"] += 1
            self._wait_seconds += time.monotonic() - began
            self._counts["timeouts"] += not got
        if not got:
            raise PoolTimeoutError(
                f"no database connection became free within {self._timeout:g} s; all {self._max_size} are in use"
            )

    def _take_sound(self) -> _Session:
        """Take connections until one is sound; at most all the idle ones are stale, then a new one is made."""
        while True:
            try:
                conn: _Session = self._pool.getconn()
            except psycopg2.Error as error:
                with self._lock:
                    self._counts["failed"] += 1
                raise translate(error) from error
            if self._is_sound(conn):
                return conn
            self._discard(conn)

    @staticmethod
    def _is_sound(conn: _Session) -> bool:
        now = time.monotonic()
        if conn.closed or now - conn.born > conn.lifetime:
            return False
        idle = now - conn.idle_since
        # An idle connection has nothing to say: readable means that the server hung up.
        if idle and select.select([conn], [], [], 0)[0]:
            return False
        if idle < _CHECK_AFTER_IDLE_SECONDS:
            return True
        try:
            with conn.cursor() as cursor:
                cursor.execute("SELECT 1")
            conn.rollback()
        except psycopg2.Error:
            return False
        return True

    def _release(self, conn: _Session) -> None:
        with self._lock:
            self._counts["in_use"] -= 1
        try:
            if conn.info.transaction_status != TRANSACTION_STATUS_IDLE and not conn.closed:
                conn.rollback()
        except psycopg2.Error:
            conn.close()
        broken = conn.closed or conn.info.transaction_status == TRANSACTION_STATUS_UNKNOWN
        conn.idle_since = time.monotonic()
        try:
            if broken:
                self._discard(conn)
            elif self._closed:
                conn.close()
            else:
                self._pool.putconn(conn)
        finally:
            self._slots.release()

    def _discard(self, conn: _Session) -> None:
        with self._lock:
            self._counts["closed"] += 1
        self._pool.putconn(conn, close=True)

    # -- connecting --------------------------------------------------------------------------------------------------

    def _open(self, min_size: int, connect_timeout: float) -> ThreadedConnectionPool:
        deadline = time.monotonic() + connect_timeout
        delay = 0.1
        while True:
            try:
                return ThreadedConnectionPool(
                    min_size, self._max_size, self._dsn, connection_factory=self._new_session, **self._connect_kwargs
                )
            except psycopg2.OperationalError as error:
                self._counts["failed"] += 1
                if error.pgcode is not None or time.monotonic() + delay > deadline:
                    raise DatabaseUnavailableError(f"the database cannot be reached: {str(error).strip()}") from error
            time.sleep(delay * random.uniform(0.5, 1.0))  # noqa: S311 - jitter, not a secret
            delay = min(delay * 2, 2.0)

    def _new_session(self, dsn: str, async_: int = 0) -> _Session:
        session = _Session(dsn, async_)
        now = time.monotonic()
        session.born = session.idle_since = now
        session.lifetime = self._max_lifetime * random.uniform(0.9, 1.1)  # noqa: S311 - jitter, not a secret
        with self._lock:
            self._counts["created"] += 1
        return session

    # -- watching ----------------------------------------------------------------------------------------------------

    def health_check(self) -> PoolHealth:
        """Ask the server whether it answers; never raises for a database that does not."""
        began = time.monotonic()
        version: str | None = None
        replica: bool | None = None
        error: str | None = None
        try:
            with self.get_connection() as conn, translated(), conn.cursor() as cursor:
                cursor.execute(_HEALTH)
                row = cursor.fetchone()
                version, replica = row or (None, None)
        except DatabaseOperationError as failure:
            error = str(failure)
        stats = self.get_stats()
        return PoolHealth(
            healthy=error is None,
            error=error,
            server_version=version,
            is_replica=replica,
            latency_seconds=time.monotonic() - began,
            pool_size=stats.in_use + stats.idle,
            in_use=stats.in_use,
            max_size=self._max_size,
            checked_at=datetime.now(UTC),
        )

    def get_stats(self) -> PoolStats:
        """Return the pool's counters since it was opened."""
        with self._lock:
            return PoolStats(
                **self._counts,
                wait_seconds=self._wait_seconds,
                idle=self._counts["created"] - self._counts["closed"] - self._counts["in_use"],
            )

    def close(self) -> None:
        """Close every idle connection; those lent are closed when they come back. Closing twice is harmless."""
        if not self._closed:
            self._closed = True
            self._pool.closeall()


_shared: DatabasePool | None = None
_shared_lock = threading.Lock()


def get_connection_pool() -> DatabasePool:
    """Return this process's shared pool, opening it by the environment when it is first asked for."""
    global _shared  # noqa: PLW0603 - the one shared pool that the public API promises
    with _shared_lock:
        if _shared is None or _shared._pid != os.getpid():  # noqa: SLF001 - a forked child opens its own
            _shared = DatabasePool()
        return _shared


@contextmanager
def get_connection() -> Iterator[connection]:
    """Lend a connection from the shared pool; see DatabasePool.get_connection."""
    with get_connection_pool().get_connection() as conn:
        yield conn


def close_pool() -> None:
    """Close the shared pool, if there is one."""
    global _shared  # noqa: PLW0603 - the one shared pool that the public API promises
    with _shared_lock:
        if _shared is not None:
            _shared.close()
            _shared = None
