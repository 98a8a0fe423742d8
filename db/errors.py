"""What can go wrong, for callers: one root, and one place where the driver's errors become ours.

Errors are told apart by SQLSTATE (PostgreSQL manual, appendix A), never by message text.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import ClassVar
from uuid import UUID

import psycopg2

from db.status import TRANSITIONS, TrackStatus


class MusicLibraryError(Exception):
    """Something went wrong in the music library."""

    retryable: ClassVar[bool] = False
    code: ClassVar[str] = "error"

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or self.__doc__)


class ValidationError(MusicLibraryError):
    """The input cannot be accepted; nothing reached the database.

    ``reasons`` lists everything that is wrong, each naming the field, the value and the rule.
    """

    code = "invalid_input"

    def __init__(self, reasons: str | Sequence[str]) -> None:
        self.reasons: tuple[str, ...] = (reasons,) if isinstance(reasons, str) else tuple(reasons)
        super().__init__("; ".join(self.reasons))


class ResourceNotFoundError(MusicLibraryError):
    """There is no such track."""

    code = "not_found"


class IllegalTransitionError(MusicLibraryError):
    """The track cannot go from the state it is in to the one asked for."""

    code = "illegal_transition"

    def __init__(
        self,
        message: str | None = None,
        *,
        audio_id: UUID | None = None,
        current: TrackStatus | None = None,
        target: TrackStatus | None = None,
    ) -> None:
        self.audio_id, self.current, self.target = audio_id, current, target
        if message is None and current is not None:
            allowed = ", ".join(sorted(TRANSITIONS[current]))
            message = f"track {audio_id} is {current} and cannot become {target}; from {current} it can go to {allowed}"
        super().__init__(message)


class LeaseLostError(IllegalTransitionError):
    """The lease token given is not the track's current one: another attempt has taken over."""

    code = "lease_lost"


class DatabaseOperationError(MusicLibraryError):
    """The database refused or failed an operation."""

    code = "database_error"

    def __init__(
        self, message: str | None = None, *, sqlstate: str | None = None, constraint: str | None = None
    ) -> None:
        self.sqlstate, self.constraint = sqlstate, constraint
        super().__init__(message)


class DatabaseUnavailableError(DatabaseOperationError):
    """The database cannot be reached, has no room for us, or the connection to it was lost."""

    code, retryable = "database_unavailable", True


class PoolTimeoutError(DatabaseOperationError):
    """No connection became free in time."""

    code, retryable = "pool_timeout", True


class DatabaseTimeoutError(DatabaseOperationError):
    """A statement or a lock took longer than its timeout."""

    code, retryable = "database_timeout", True


class DeadlockError(DatabaseOperationError):
    """PostgreSQL broke a deadlock at this transaction's expense."""

    code, retryable = "deadlock", True


class SerializationError(DatabaseOperationError):
    """The transaction conflicted with a concurrent one."""

    code, retryable = "serialization_failure", True


class DiskFullError(DatabaseOperationError):
    """The database server's disk is full."""

    code, retryable = "disk_full", True


class ReadOnlyDatabaseError(DatabaseOperationError):
    """The database is read-only: a replica, or default_transaction_read_only is on."""

    code, retryable = "read_only_database", True


class ConstraintError(DatabaseOperationError):
    """The data breaks a rule of the schema."""

    code = "constraint_violation"


class InvalidDataError(DatabaseOperationError):
    """PostgreSQL cannot store the data as it is."""

    code = "invalid_data"


_ILLEGAL_TRANSITION = "TA001"
_NOT_MIGRATED = ("42P01", "42703", "42883")
"""No such table, column or function."""

_BY_SQLSTATE: dict[str, type[DatabaseOperationError]] = {
    "40P01": DeadlockError,
    "40001": SerializationError,
    "57014": DatabaseTimeoutError,  # query_canceled: statement_timeout
    "55P03": DatabaseTimeoutError,  # lock_not_available: lock_timeout
    "25P03": DatabaseTimeoutError,  # idle_in_transaction_session_timeout
    "25P04": DatabaseTimeoutError,  # transaction_timeout
    "57P01": DatabaseUnavailableError,  # admin_shutdown
    "57P02": DatabaseUnavailableError,  # crash_shutdown
    "57P03": DatabaseUnavailableError,  # cannot_connect_now
    "57P05": DatabaseUnavailableError,  # idle_session_timeout
    "53100": DiskFullError,
    "25006": ReadOnlyDatabaseError,
}
_BY_CLASS: dict[str, type[DatabaseOperationError]] = {
    "08": DatabaseUnavailableError,
    "22": InvalidDataError,
    "23": ConstraintError,
    "40": SerializationError,
    "53": DatabaseUnavailableError,  # insufficient_resources: no memory, too many connections
}


def translate(error: psycopg2.Error) -> MusicLibraryError:
    """Return the library's error for a driver's error; the caller raises it ``from`` the original."""
    sqlstate = error.pgcode
    constraint = getattr(error.diag, "constraint_name", None)
    message = (getattr(error.diag, "message_primary", None) or str(error)).strip()
    if sqlstate == _ILLEGAL_TRANSITION:
        return IllegalTransitionError(message)
    if sqlstate is None:
        # The driver itself noticed: no server answered, or the connection broke under a statement (a bare
        # DatabaseError where it broke in the middle of an answer).
        broken = isinstance(error, psycopg2.OperationalError | psycopg2.InterfaceError)
        broken = broken or type(error) is psycopg2.DatabaseError
        kind = DatabaseUnavailableError if broken else DatabaseOperationError
    else:
        kind = _BY_SQLSTATE.get(sqlstate) or _BY_CLASS.get(sqlstate[:2]) or DatabaseOperationError
    if constraint:
        message = f"{message} (constraint {constraint})"
    if sqlstate in _NOT_MIGRATED:
        message = f"{message}: run `tonearm migrate` if that is one of Tonearm's"
    return kind(message, sqlstate=sqlstate, constraint=constraint)


@contextmanager
def translated() -> Iterator[None]:
    """Let no driver error out: the one boundary that every statement passes."""
    try:
        yield
    except psycopg2.Error as error:
        raise translate(error) from error
