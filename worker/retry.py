"""Which errors retry, and when.

Transient errors are tried again at once, in place. What outlasts that is the database's state, not the event's fault:
the message goes back to the broker, uncounted. Unexpected errors are counted and back off; permanent ones are final.
"""

import random
import time
from collections.abc import Callable
from typing import Literal, NamedTuple, TypeVar

import structlog

from db.errors import DatabaseOperationError, DatabaseTimeoutError, DeadlockError, MusicLibraryError, SerializationError

log = structlog.get_logger()
T = TypeVar("T")

ErrorClass = Literal["transient", "unexpected", "permanent"]

_CONFLICTS = (DeadlockError, SerializationError, DatabaseTimeoutError)
_CONFLICT_TRIES = 4
_FIRST_PAUSE_SECONDS = 0.05
_LONGEST_PAUSE_SECONDS = 2.0


class AttemptFailedError(Exception):
    """An attempt failed, for good or until it is retried: what Flower shows of it."""


def classify(error: BaseException) -> ErrorClass:
    """Say what kind of error this is (docs/architecture.md, error classes)."""
    if isinstance(error, MusicLibraryError) and error.retryable:
        return "transient"
    if isinstance(error, DatabaseOperationError) and error.sqlstate and error.sqlstate[:2] in ("22", "23"):
        return "permanent"
    return "unexpected"


def error_code(error: BaseException) -> str:
    """Return the short name under which an error is stored and counted."""
    return error.code if isinstance(error, MusicLibraryError) else type(error).__name__


class Backoff(NamedTuple):
    """Exponential backoff with full jitter (Brooker, "Exponential Backoff and Jitter", 2015); times in seconds."""

    base: float
    cap: float = 600.0

    def delay(self, retry_count: int) -> float:
        """Return how long to wait after this many earlier retries."""
        return random.uniform(0, min(self.cap, self.base * 2 ** min(retry_count, 30)))  # noqa: S311 - jitter


def in_place(operation: Callable[[], T], *, patience: float) -> T:
    """Run a transaction again while its errors are transient, and return what it returns.

    Conflicts with other transactions get a few tries; a database that is away, full or read-only gets ``patience``
    seconds, with growing pauses. Raises the last error when that did not help.
    """
    deadline = time.monotonic() + patience
    pause = _FIRST_PAUSE_SECONDS
    tries = 0
    while True:
        try:
            return operation()
        except MusicLibraryError as error:
            tries += 1
            if classify(error) != "transient":
                raise
            if isinstance(error, _CONFLICTS) and tries >= _CONFLICT_TRIES:
                raise
            if time.monotonic() + pause > deadline:
                raise
            log.warning("transaction_retried", error_code=error.code, error=str(error), tries=tries)
        time.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311 - jitter
        pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)
