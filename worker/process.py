"""What one worker process holds: its pool, opened after the fork, and its ingestor."""

import os
import socket
import threading
from uuid import uuid4

from db.pool import DatabasePool
from worker.hooks import Hooks, load_hooks
from worker.hooks.counts import HookCounts
from worker.hooks.runner import HookRunner
from worker.ingest import Ingestor
from worker.retry import Backoff
from worker.settings import Settings

_INSTANCE = f"{socket.gethostname()[:32]}:{os.getpid()}:{uuid4().hex[:4]}"
_lock = threading.Lock()
_opened: tuple[int, Ingestor] | None = None
_hooks: tuple[Hooks, HookCounts | None] | None = None
_runner: tuple[int, HookRunner] | None = None


def instance() -> str:
    """Return the name of this worker: host, parent process and a mark that tells two lives of a container apart."""
    return _INSTANCE


def owner() -> str:
    """Return the name of this process within its worker, as leases and the history carry it."""
    return f"{_INSTANCE}/{os.getpid()}"


def prepare_hooks() -> HookCounts | None:
    """Load the hooks and make what counts their calls: before the fork, so that all processes share it.

    Returns None where no hook is set. Raises HookError.
    """
    global _hooks  # noqa: PLW0603 - one per worker
    if _hooks is None:
        loaded = load_hooks(Settings())
        _hooks = (loaded, HookCounts() if any(loaded) else None)
    return _hooks[1]


def hooks() -> HookRunner | None:
    """Return what calls this process's hooks, made when first asked for after the fork; None where no hook is set."""
    global _runner  # noqa: PLW0603 - one per process
    counts = prepare_hooks()
    if _hooks is None or counts is None:
        return None
    if _runner is None or _runner[0] != os.getpid():
        seconds = Settings().tonearm_hook_seconds
        _runner = (os.getpid(), HookRunner(_hooks[0], counts, seconds=seconds, worker=owner()))
    return _runner[1]


def close_hooks(patience: float) -> None:
    """Make the hook calls that wait, for ``patience`` seconds at most. This process calls no more."""
    if _runner is not None and _runner[0] == os.getpid():
        _runner[1].close(patience)


def ingestor() -> Ingestor:
    """Return this process's ingestor, made when first asked for after the fork. The database need not be up."""
    global _opened  # noqa: PLW0603 - one per process is the point
    with _lock:
        if _opened is None or _opened[0] != os.getpid():
            settings = Settings()
            pool = DatabasePool(
                settings.database(),
                min_size=0,
                max_size=2,
                timeout=settings.lease_seconds / 10,
                connect_timeout=min(5.0, settings.lease_seconds / 10),
                application_name=owner(),
                statement_timeout=settings.statement_timeout,
                lock_timeout=settings.statement_timeout / 2,
                # A frozen or vanished process must not keep its locks for longer than its lease.
                idle_in_transaction_timeout=settings.statement_timeout,
            )
            _opened = (
                os.getpid(),
                Ingestor(
                    pool,
                    owner=owner(),
                    lease_seconds=settings.lease_seconds,
                    max_attempts=settings.max_attempts,
                    backoff=Backoff(settings.retry_base_seconds),
                    patience=settings.lease_seconds * 0.4,
                    hooks=hooks(),
                ),
            )
        return _opened[1]
