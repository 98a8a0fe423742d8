"""Finds lost and dead work and puts it back: a thread in every worker's parent process, outside the queue.

One sweeps at a time, by a transaction-level advisory lock. What it decides is committed before it talks to the broker.
"""

import contextlib
import inspect
import os
import signal
import threading
import time
from collections.abc import Sequence
from typing import Any, NamedTuple
from uuid import UUID

import structlog
from celery import Celery, bootsteps
from celery.worker import state
from celery.worker.components import Pool

from db.errors import MusicLibraryError
from db.models import AudioTrack
from db.pool import DatabasePool
from db.read.tracks import get_audio_metadata_by_ids
from db.statements import Connection
from db.write import inbox, transitions
from worker import process
from worker.hooks.runner import HookRunner
from worker.messages import OperationalError, queue_depth, send
from worker.settings import Settings

log = structlog.get_logger()

_BATCH = 500
_PER_SWEEP = 5000
_DEEP_ENOUGH = 200
"""Messages waiting in the queues beyond which a sweep adds no more: what seems lost may only be waiting its turn."""
_RESTART_GRACE_SECONDS = 5.0
_DRAIN_SECONDS = 8.0
"""How long a shutdown waits for attempts, which take milliseconds: less than Docker waits before it kills (10 s)."""
_RETRY_CAP_SECONDS = 600.0
_HOOKS_DRAIN_SECONDS = 1.0


class Swept(NamedTuple):
    """What one sweep did; ``elected`` is False where another sweeper was at it."""

    elected: bool = False
    expired: int = 0
    enqueued: int = 0


class Sweeper:
    """Sweeps once, or for ever in a thread of its own.

    ``app`` is what messages are sent through; ``hooks`` hears of every attempt whose lease ran out.
    """

    def __init__(self, pool: DatabasePool, app: Celery, settings: Settings, *, hooks: HookRunner | None = None) -> None:
        self._pool = pool
        self._app = app
        self._settings = settings
        self._hooks = hooks
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._database_failed_at: float | None = None
        self.last_run: float | None = None

    def sweep(self) -> Swept:
        """Fail attempts whose lease ran out and enqueue what is due or lost.

        Raises the database's error or kombu's OperationalError; the next sweep does then what this one could not.
        """
        settings = self._settings
        queues = [queue.name for queue in self._app.amqp.queues.values()]
        room = max(0, _DEEP_ENOUGH - queue_depth(self._app, queues))
        with self._pool.transaction() as conn:
            if not inbox.elect_sweeper(conn):
                return Swept()
            expired = (
                []
                if self._database_came_back_just_now()
                else transitions.expire_leases(
                    conn,
                    max_attempts=settings.max_attempts,
                    retry_base=settings.retry_base_seconds,
                    retry_cap=_RETRY_CAP_SECONDS,
                    restart_grace=_RESTART_GRACE_SECONDS,
                    limit=_PER_SWEEP,
                )
            )
            lost = self._for_the_hooks(conn, expired)
            due = inbox.take_due(conn, grace=settings.enqueue_grace, limit=min(_PER_SWEEP, room * _BATCH))
        if self._hooks and lost:
            self._hooks.expired(lost)
        self._send(due)
        if expired or due:
            log.info("swept", expired=len(expired), enqueued=len(due))
        return Swept(elected=True, expired=len(expired), enqueued=len(due))

    def _database_came_back_just_now(self) -> bool:
        """Let attempts that the outage interrupted give back what they hold before it counts as lost."""
        failed_at = self._database_failed_at
        return failed_at is not None and time.monotonic() < failed_at + _RESTART_GRACE_SECONDS

    def _for_the_hooks(self, conn: Connection, expired: Sequence[UUID]) -> list[AudioTrack]:
        wanted = bool(expired) and self._hooks is not None and self._hooks.wants("on_failed")
        return get_audio_metadata_by_ids(conn, expired) if wanted else []

    def _send(self, due: list[inbox.DueEvent]) -> None:
        together = [event for event in due if not event.alone]
        messages = [[event] for event in due if event.alone]
        messages += [together[start : start + _BATCH] for start in range(0, len(together), _BATCH)]
        for sent, message in enumerate(messages):
            try:
                send(self._app, [event.payload for event in message], stored=True, again=message[0].alone)
            except OperationalError:
                left = [event.event_id for rest in messages[sent:] for event in rest]
                with self._pool.transaction() as conn:
                    inbox.mark_not_enqueued(conn, left)
                raise

    # -- the thread ----------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Sweep every ``SWEEP_INTERVAL_SECONDS`` until stopped."""
        self._thread = threading.Thread(target=self._run, name="sweeper", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop sweeping; a sweep that is under way is finished, within reason."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout=5)

    def _run(self) -> None:
        failing = False
        while not self._stop.is_set():
            try:
                self.sweep()
                self.last_run = time.time()
                if failing:
                    log.info("sweeper_recovered")
                failing = False
            except (MusicLibraryError, OperationalError) as error:
                if isinstance(error, MusicLibraryError):
                    self._database_failed_at = time.monotonic()
                # Said once per outage, not once per sweep.
                (log.debug if failing else log.warning)("sweep_failed", error=str(error))
                failing = True
            except Exception:
                # Whatever it is, the sweeper goes on: it is what everything else relies on.
                log.exception("sweep_failed")
                failing = True
            self._stop.wait(self._settings.sweep_interval_seconds)


class SweeperStep(bootsteps.StartStopStep):
    """Runs the sweeper in the worker's parent process, and gives back its leases once the pool has stopped."""

    requires = (Pool,)

    def __init__(self, worker: Any, **_: Any) -> None:
        self._app = worker.app
        self._sweeper: Sweeper | None = None
        self._pool: DatabasePool | None = None
        self._impatience: threading.Timer | None = None

    @property
    def last_run(self) -> float | None:
        """When the last sweep ended well, Unix time."""
        return self._sweeper.last_run if self._sweeper else None

    def start(self, _worker: Any) -> None:
        """Start sweeping; the database need not be up yet."""
        settings = Settings()
        self._pool = DatabasePool(
            settings.database(),
            min_size=0,
            max_size=1,
            timeout=5.0,
            connect_timeout=5.0,
            application_name=f"{process.instance()}/sweeper",
            statement_timeout=settings.statement_timeout,
            idle_in_transaction_timeout=settings.statement_timeout,
        )
        self._sweeper = Sweeper(self._pool, self._app, settings, hooks=process.hooks())
        self._sweeper.start()

    def close(self, worker: Any) -> None:
        """Begin to count the time that a warm shutdown has, and hand over the jobs of which a process has a part."""
        if state.should_terminate in {None, False}:
            self._impatience = threading.Timer(_DRAIN_SECONDS, _kill_processes_of, [worker.pool])
            self._impatience.daemon = True
            self._impatience.start()
            _finish_writing(worker.pool)

    def stop(self, worker: Any) -> None:
        """Let the running attempts end, then give back to PENDING whatever they still hold."""
        # The pool's own step stops after this one; stopped here, what its processes held can be given back at once.
        worker.pool.stop()
        if self._impatience is not None:
            self._impatience.cancel()
        self._end()

    def terminate(self, worker: Any) -> None:
        """End the running attempts and give back to PENDING what they held."""
        worker.pool.terminate()
        self._end()

    def _end(self) -> None:
        if self._sweeper is None or self._pool is None:
            return
        self._sweeper.stop()
        process.close_hooks(_HOOKS_DRAIN_SECONDS)
        try:
            with self._pool.transaction() as conn:
                returned = transitions.give_back_all_of(conn, f"{process.instance()}/")
        except MusicLibraryError as error:
            log.warning("leases_left_to_run_out", error=str(error))
        else:
            if returned:
                log.info("leases_given_back", tracks=returned)
        self._pool.close()


def _finish_writing(pool: Any) -> None:
    """Write the jobs to the end that are larger than a pipe and half written when a worker stops.

    Celery forgets them: its pool is closed before it is flushed, and a closed one leaves them as they are
    (AsynPool.flush, 5.7). The process would take what tells it to stop for the rest of its job, and wait for more.
    """
    processes: Any = getattr(pool, "_pool", None)
    active = getattr(processes, "_active_writers", ())
    for job in tuple(processes._cache.values()) if active else ():  # noqa: SLF001 - there is no other way to them
        writer: Any = getattr(job, "_writer", lambda: None)()
        if writer in active and inspect.getgeneratorstate(writer) == inspect.GEN_SUSPENDED:
            process_of_it = job._write_to  # noqa: SLF001 - as above
            processes._flush_writer(process_of_it, writer)  # noqa: SLF001 - as above; ends with the process
            if not process_of_it._is_alive():  # noqa: SLF001 - as above
                # Nobody empties its pipe any more: telling it to stop, too, would wait for ever.
                processes._join_exited_workers()  # noqa: SLF001 - as above


def _kill_processes_of(pool: Any) -> None:
    """End attempts that wait for something, such as a database that is away; what they hold is given back."""
    for pid in pool.info["processes"]:
        log.warning("attempt_interrupted_by_shutdown", pid=pid)
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
