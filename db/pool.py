"""The connection pool: waits instead of failing, checks before it lends, throws away what is broken."""

import os
import random
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Final

import psycopg2
from psycopg2.extensions import TRANSACTION_STATUS_INERROR, connection
from psycopg2.pool import PoolError

from db.dsn import redacted, resolve
from db.errors import (
    DatabaseOperationError,
    DatabaseUnavailableError,
    PoolTimeoutError,
    ReadOnlyDatabaseError,
    translated,
)
from db.models import PoolHealth, PoolStats
from db.session import Connector, Session, milliseconds
from db.shelf import Shelf
from db.watchdog import Watchdog

_MAX_IDLE_SECONDS: Final = 600.0
_SILENCE_SECONDS: Final = 5.0
_FIRST_DELAY_SECONDS: Final = 0.05
_LAST_DELAY_SECONDS: Final = 2.0
_HEALTH = "SELECT current_setting('server_version'), pg_is_in_recovery()"


class DatabasePool:
    """A thread-safe pool of connections to one PostgreSQL.

    ``database_url`` is a PostgreSQL URL; without it ``DATABASE_URL`` or the ``DB_*`` variables are read. ``min_size``
    connections are opened at once and kept while idle. All times are in seconds: ``timeout`` is how long to wait for a
    connection, because all are in use or because the server is not there; ``connect_timeout`` how long to go on trying
    for the first one. ``max_lifetime`` is jittered by a tenth. A timeout of 0 means none.

    Driver errors that leave a ``with`` block of this pool are translated to those of db.errors.

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
        if min_size < 0 or max_size < 1:
            raise ValueError(f"pool sizes make no sense: min_size={min_size} max_size={max_size}")
        min_size = min(min_size, max_size)
        self._timeout = timeout
        self._min_size, self._max_size = min_size, max_size
        self._pid = os.getpid()
        self._slots = threading.BoundedSemaphore(max_size)
        self._lock = threading.Lock()
        self._failed = self._waits = self._timeouts = 0
        self._wait_seconds = 0.0
        # A server that still answers ends a statement itself; one that is silent beyond that is gone.
        self._watchdog = Watchdog(statement_timeout + min(_SILENCE_SECONDS, statement_timeout / 2))
        connector = Connector(
            resolve(database_url),
            parameters={
                "application_name": (application_name or f"tonearm@{socket.gethostname()}:{self._pid}")[:63],
                "connect_timeout": max(2, int(connect_timeout)),  # libpq's own minimum
                "keepalives_idle": 10,
                "keepalives_interval": 5,
                "keepalives_count": 3,
                "tcp_user_timeout": 15_000,
            },
            settings={
                "statement_timeout": milliseconds(statement_timeout),
                "lock_timeout": milliseconds(lock_timeout),
                "idle_in_transaction_session_timeout": milliseconds(idle_in_transaction_timeout),
            },
            max_lifetime=max_lifetime,
            watchdog=self._watchdog,
        )
        self._shelf = Shelf(max_size, connector.connect)
        self._warm_up(min_size, time.monotonic() + connect_timeout)

    def _warm_up(self, size: int, deadline: float) -> None:
        opened: list[Session] = []
        try:
            opened.extend(self._take_until(deadline) for _ in range(size))
        finally:
            for conn in opened:
                self._shelf.give_back(conn)

    # -- lending -----------------------------------------------------------------------------------------------------

    @contextmanager
    def transaction(self) -> Iterator[connection]:
        """Lend a connection for one transaction: committed at the end, rolled back on any exception.

        Raises DatabaseOperationError where the block swallowed an error of the database and went on: PostgreSQL would
        answer such a commit with a rollback and say nothing.
        """
        with self.get_connection() as conn:
            yield conn
            if conn.info.transaction_status == TRANSACTION_STATUS_INERROR:
                raise DatabaseOperationError(
                    "nothing was committed: a statement of this transaction failed and its error was swallowed; "
                    "let it out, or put a savepoint around the statement"
                )
            conn.commit()

    @contextmanager
    def get_connection(self) -> Iterator[connection]:
        """Lend a connection; what was not committed when the block ends is rolled back."""
        with self._lent(self._timeout) as conn, translated():
            yield conn

    @contextmanager
    def _lent(self, timeout: float) -> Iterator[Session]:
        conn = self._acquire(timeout)
        try:
            yield conn
        except ReadOnlyDatabaseError:
            conn.close()  # after a failover, a new connection reaches the new primary; this one never would
            raise
        finally:
            try:
                conn.tidy()
                self._shelf.give_back(conn)
                self._shelf.trim(self._min_size, _MAX_IDLE_SECONDS)
            finally:
                self._slots.release()

    def _acquire(self, timeout: float) -> Session:
        if os.getpid() != self._pid:
            raise DatabaseOperationError(
                f"this pool was opened in process {self._pid} and cannot be used across a fork: open one per process"
            )
        deadline = time.monotonic() + timeout
        self._wait_for_slot(timeout)
        try:
            return self._take_until(deadline)
        except BaseException:
            self._slots.release()
            raise

    def _wait_for_slot(self, timeout: float) -> None:
        if self._slots.acquire(blocking=False):
            return
        began = time.monotonic()
        got = self._slots.acquire(timeout=timeout)
        with self._lock:
            self._waits += 1
            self._wait_seconds += time.monotonic() - began
            self._timeouts += not got
        if not got:
            raise PoolTimeoutError(
                f"no database connection became free within {timeout:g} s: all {self._max_size} are in use; "
                "hold them for shorter, or open a larger pool"
            )

    def _take_until(self, deadline: float) -> Session:
        """Take a sound connection, trying again with growing pauses while the server is not there.

        libpq gives no SQLSTATE for a connection that was refused, so a wrong password waits for the deadline, too.
        """
        delay = _FIRST_DELAY_SECONDS
        while True:
            try:
                return self._take_sound()
            except PoolError as error:
                raise DatabaseOperationError("the pool is closed") from error
            except psycopg2.Error as error:
                with self._lock:
                    self._failed += 1
                if time.monotonic() + delay > deadline:
                    message = redacted(str(error).strip())
                    raise DatabaseUnavailableError(f"the database cannot be reached: {message}") from error
            time.sleep(delay * random.uniform(0.5, 1.0))  # noqa: S311 - jitter, not a secret
            delay = min(delay * 2, _LAST_DELAY_SECONDS)

    def _take_sound(self) -> Session:
        """Take connections until one is sound: at most all the idle ones are stale, then a new one is made."""
        while True:
            conn = self._shelf.take()
            try:
                if conn.is_sound():
                    return conn
            except BaseException:
                self._shelf.give_back(conn, close=True)
                raise
            self._shelf.give_back(conn, close=True)

    # -- watching ----------------------------------------------------------------------------------------------------

    def health_check(self, *, timeout: float = 5.0) -> PoolHealth:
        """Ask the server whether it answers, for ``timeout`` seconds at most; never raises for one that does not."""
        began = time.monotonic()
        version: str | None = None
        replica: bool | None = None
        error: str | None = None
        try:
            with self._lent(min(timeout, self._timeout)) as conn, translated(), conn.cursor() as cursor:
                cursor.execute(_HEALTH)
                version, replica = cursor.fetchone() or (None, None)
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
        """Return the pool's counters since it was opened: created - closed = in_use + idle."""
        with self._lock:
            return PoolStats(
                **self._shelf.counts(),
                failed=self._failed,
                waits=self._waits,
                wait_seconds=self._wait_seconds,
                timeouts=self._timeouts,
            )

    def close(self) -> None:
        """Close every idle connection; those lent are closed when they come back. Closing twice is harmless."""
        self._shelf.close_idle()
        self._watchdog.close()


class _Shared:
    """The shared pool of a process: opened when it is first asked for, forgotten by a forked child."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        self._lock = threading.Lock()
        self._pool: DatabasePool | None = None

    def get(self) -> DatabasePool:
        with self._lock:
            if self._pool is None:
                self._pool = DatabasePool()
            return self._pool

    def close(self) -> None:
        with self._lock:
            pool, self._pool = self._pool, None
        if pool is not None:
            pool.close()


_shared = _Shared()
os.register_at_fork(after_in_child=_shared.forget)


def get_connection_pool() -> DatabasePool:
    """Return this process's shared pool, opening it by the environment when it is first asked for."""
    return _shared.get()


@contextmanager
def get_connection() -> Iterator[connection]:
    """Lend a connection from the shared pool; see DatabasePool.get_connection."""
    with get_connection_pool().get_connection() as conn:
        yield conn


def close_pool() -> None:
    """Close the shared pool, if there is one; the next call that needs one opens another."""
    _shared.close()
