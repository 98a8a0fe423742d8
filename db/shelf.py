"""Where a pool keeps its connections."""

from collections.abc import Callable, Hashable
from threading import Lock

from psycopg2.extensions import connection
from psycopg2.pool import ThreadedConnectionPool

from db.session import Session


class _NothingIdle(Exception):  # noqa: N818 - a signal between two methods, never an error to a caller
    pass


class Shelf(ThreadedConnectionPool):
    """The driver's pool, with three differences.

    It connects outside its lock, so that one slow connection does not keep others from coming back. It keeps
    whatever comes back, where the driver's closes all but its minimum. Closing it leaves those in use alone: they are
    closed when they come back. It counts what it opened and closed; whoever borrows limits how many are out.
    """

    _pool: list[Session]
    _used: dict[Hashable, Session]
    _rused: dict[int, Hashable]
    _lock: Lock

    def __init__(self, maxconn: int, connect: Callable[[], Session]) -> None:
        super().__init__(0, maxconn)
        self._make = connect
        self._created = self._destroyed = 0

    def _connect(self, _key: Hashable | None = None) -> Session:
        raise _NothingIdle

    def take(self) -> Session:
        """Return the idle connection used last, else a new one. Raises psycopg2.OperationalError, PoolError."""
        while True:
            try:
                found: connection = self.getconn()
            except _NothingIdle:
                pass
            else:
                assert isinstance(found, Session)  # noqa: S101 - for the type checker: we make nothing else
                return found
            made = self._make()
            with self._lock:
                self._created += 1
                if not self.closed:
                    self._pool.append(made)
                    continue
                self._destroyed += 1
            made.close()

    def give_back(self, conn: Session, *, close: bool = False) -> None:
        """Keep a connection, unless it is broken, to be closed, or the shelf is closed."""
        with self._lock:
            del self._used[self._rused.pop(id(conn))]
            conn.is_new = False
            if close or self.closed:
                conn.close()
            if conn.closed:
                self._destroyed += 1
            else:
                self._pool.append(conn)

    def trim(self, keep: int, idle_seconds: float) -> None:
        """Close the connection that has been idle longest, if it was for so long and more than ``keep`` are idle."""
        with self._lock:
            if len(self._pool) <= keep or self._pool[0].idle_seconds < idle_seconds:
                return
            oldest = self._pool.pop(0)
            self._destroyed += 1
        oldest.close()

    def close_idle(self) -> None:
        """Close what is idle, and from now on whatever comes back."""
        with self._lock:
            idle, self._pool = self._pool, []
            self._destroyed += len(idle)
            self.closed = True
        for conn in idle:
            conn.close()

    def counts(self) -> dict[str, int]:
        """Return created, closed, in_use and idle, as of one moment: created - closed = in_use + idle."""
        with self._lock:
            return {
                "created": self._created,
                "closed": self._destroyed,
                "in_use": len(self._used),
                "idle": len(self._pool),
            }
