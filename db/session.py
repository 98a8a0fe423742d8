"""One connection of a pool: how it is made, what is set on it, whether it is still good."""

import math
import random
import select
import time
from typing import Any, ClassVar, Final

import psycopg2
from psycopg2.extensions import (
    TRANSACTION_STATUS_IDLE,
    TRANSACTION_STATUS_INERROR,
    TRANSACTION_STATUS_INTRANS,
    connection,
    cursor,
    parse_dsn,
)

from db.watchdog import Watchdog

CHECK_AFTER_IDLE_SECONDS: Final = 5.0
"""A connection that was idle for longer is asked whether the server is still there before it is lent."""

_SETTINGS_IN_FORCE = "SELECT count(*) FROM pg_settings WHERE name = ANY(%s) AND source = 'client'"


class Session(connection):
    """A pooled connection that knows its age. Subclassed because the driver's own class takes no attributes."""

    expires_at: float
    idle_since: float
    is_new = True
    """Nobody has given it back yet: there is nothing to check."""
    settings: str | None = None
    """SET LOCAL statements for every transaction, where the settings could not be given when connecting."""
    watchdog: Watchdog
    keeps_statements: ClassVar[bool] = True
    """False once a pooler has shown itself by not having what was prepared."""
    prepared: set[str] | None = None
    """The names of what was prepared in this session; None where the next transaction may be in another one."""

    @property
    def idle_seconds(self) -> float:
        """How long nobody has used it."""
        return time.monotonic() - self.idle_since

    def is_sound(self) -> bool:
        """Tell whether it can be lent: young enough, and the server is still at its other end."""
        if self.is_new:
            return True
        if self.closed or time.monotonic() > self.expires_at or self._has_something_to_say():
            return False
        if self.idle_seconds < CHECK_AFTER_IDLE_SECONDS:
            return True
        try:
            with self.cursor() as asking:
                asking.execute("SELECT 1")
            self.rollback()
        except psycopg2.Error:
            return False
        return True

    def commit(self) -> None:
        """Commit, waiting no longer for the answer than for a statement's."""
        with self.watchdog.watching(self.fileno()):
            super().commit()

    def rollback(self) -> None:
        """Roll back, waiting no longer for the answer than for a statement's."""
        with self.watchdog.watching(self.fileno()):
            super().rollback()

    def _has_something_to_say(self) -> bool:
        """Tell whether there is something to read: an idle connection's server has hung up, then."""
        poll = select.poll()
        poll.register(self.fileno(), select.POLLIN)
        return bool(poll.poll(0))

    def tidy(self) -> None:
        """Make it as new for the next borrower: no transaction, no changed defaults. Closes it where that fails."""
        status = self.info.transaction_status
        try:
            if status in {TRANSACTION_STATUS_INTRANS, TRANSACTION_STATUS_INERROR}:
                self.rollback()
            elif status != TRANSACTION_STATUS_IDLE:
                self.close()  # lost, or still busy with a statement that nobody waits for
            if not self.closed and (self.autocommit or self._has_other_defaults()):
                self.set_session(isolation_level="DEFAULT", readonly="default", deferrable="default", autocommit=False)
        except psycopg2.Error:
            self.close()
        self.idle_since = time.monotonic()

    def _has_other_defaults(self) -> bool:
        return (self.isolation_level, self.readonly, self.deferrable) != (None, None, None)


class _WatchedCursor(cursor):
    """Does not wait for ever for a server that has gone silent."""

    connection: Session

    def execute(self, query: Any, vars: Any = None) -> None:  # noqa: A002 - the driver's own name for it
        session = self.connection
        with session.watchdog.watching(session.fileno()):
            super().execute(query, vars)


class _CarefulCursor(_WatchedCursor):
    """Puts the session's settings before the first statement of every transaction."""

    def execute(self, query: Any, vars: Any = None) -> None:  # noqa: A002 - as above
        session = self.connection
        if not session.autocommit and session.info.transaction_status == TRANSACTION_STATUS_IDLE:
            super().execute(session.settings)
        super().execute(query, vars)


class Connector:
    """Makes sessions, all alike.

    The timeouts are libpq ``options``, so that they hold from the first statement on and cost nothing. PgBouncer
    refuses or drops those; then every transaction sets them for itself, which survives its transaction mode.
    """

    def __init__(
        self,
        dsn: str,
        *,
        parameters: dict[str, Any],
        settings: dict[str, int],
        max_lifetime: float,
        watchdog: Watchdog,
    ) -> None:
        """Take libpq parameters, which the ``dsn`` overrides, settings in milliseconds, and the lifetime in seconds."""
        given = parse_dsn(dsn)
        self._dsn = dsn
        self._parameters = {key: value for key, value in parameters.items() if key not in given}
        self._names = list(settings)
        self._options = " ".join(
            [*(f"-c {name}={value}" for name, value in settings.items()), given.get("options", "")]
        )
        self._set_local = "; ".join(f"SET LOCAL {name} = {value}" for name, value in settings.items())
        self._max_lifetime = max_lifetime
        self._watchdog = watchdog
        self._options_refused = False

    def connect(self) -> Session:
        """Return a new session. Raises psycopg2.OperationalError, of which libpq tells no SQLSTATE."""
        session = self._connect_somehow()
        session.watchdog = self._watchdog
        session.cursor_factory = _WatchedCursor
        now = time.monotonic()
        session.idle_since = now
        # Jittered, so that connections opened together are not all replaced together.
        session.expires_at = now + self._max_lifetime * random.uniform(0.9, 1.1)  # noqa: S311 - jitter, not a secret
        if self._options_refused or not self._in_force(session):
            session.settings = self._set_local
            session.cursor_factory = _CarefulCursor
        elif Session.keeps_statements:
            session.prepared = set()
        return session

    def _connect_somehow(self) -> Session:
        if self._options_refused:
            return self._connect()
        try:
            return self._connect(options=self._options)
        except psycopg2.OperationalError as error:
            refused = error
        try:
            bare = self._connect()
        except psycopg2.OperationalError:
            raise refused from None
        try:
            session = self._connect(options=self._options)  # was it the options, or a server just coming up?
        except psycopg2.OperationalError:
            self._options_refused = True
            return bare
        bare.close()
        return session

    def _connect(self, **more: str) -> Session:
        parameters: dict[str, Any] = {**self._parameters, **more}
        session: Session = psycopg2.connect(self._dsn, connection_factory=Session, **parameters)
        return session

    def _in_force(self, session: Session) -> bool:
        with session.cursor() as asking:
            asking.execute(_SETTINGS_IN_FORCE, (self._names,))
            row = asking.fetchone()
        session.rollback()
        return row == (len(self._names),)


def milliseconds(seconds: float) -> int:
    """Return a timeout as PostgreSQL takes it: never 0, which would mean none at all, unless ``seconds`` is 0."""
    return math.ceil(seconds * 1000)
