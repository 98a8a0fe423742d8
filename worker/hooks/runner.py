"""Calls hooks after the commit, from a thread of their own: what they do, or fail to do, holds up no attempt."""

import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Final
from uuid import UUID

import structlog

from db.models import AudioTrack
from worker.events import Event
from worker.hooks import result
from worker.hooks.counts import HookCounts
from worker.hooks.loading import Hook, Hooks, When
from worker.hooks.result import TrackResult

log = structlog.get_logger()

CAPACITY: Final = 10_000
"""Results that wait for their hooks; what comes on top is dropped, logged and counted."""
_MOST_HUNG: Final = 4
"""Calls that have outlived their time limit and may go on at once; a thread cannot be killed."""
_SAY_EVERY_SECONDS: Final = 10.0
_TOO_LONG: Final = TimeoutError("the call goes on")


class HookRunner:
    """Calls one process's hooks, one after the other; made after the fork.

    A call that takes longer than ``seconds`` is given up: its thread is left to itself, and the next call gets another.
    """

    def __init__(
        self, hooks: Hooks, counts: HookCounts, *, seconds: float, worker: str, capacity: int = CAPACITY
    ) -> None:
        self._hooks = hooks
        self._counts = counts
        self._seconds = seconds
        self._worker = worker
        self._capacity = capacity
        self._changed = threading.Condition()
        self._waiting: deque[tuple[When, Callable[[], TrackResult]]] = deque()
        self._keeper: threading.Thread | None = None
        self._busy = self._closed = False
        self._caller: _Caller | None = None
        self._hung: list[_Caller] = []
        self._unsaid = 0
        self._said_at = float("-inf")

    def wants(self, when: When) -> bool:
        """Whether there are hooks of this kind."""
        return bool(self._hooks.of(when))

    # -- what has happened -------------------------------------------------------------------------------------------

    def completed(self, done: Iterable[tuple[Event, int]]) -> None:
        """Call on_completed for events that were applied, each with the number of its attempt. Never raises."""
        if self.wants("on_completed"):
            made = partial(result.completed, at=datetime.now(UTC), worker=self._worker)
            self._put("on_completed", [partial(made, event, attempt) for event, attempt in done])

    def failed(
        self, tried: Iterable[tuple[Event, int]], due: Mapping[UUID, datetime | None], code: str, message: str
    ) -> None:
        """Call on_failed for those of the attempts whose track is in ``due``: with when it goes on. Never raises."""
        if self.wants("on_failed"):
            made = partial(
                result.failed, error_code=code, error_message=message, at=datetime.now(UTC), worker=self._worker
            )
            self._put(
                "on_failed",
                [
                    partial(made, event, attempt, next_attempt_at=due[event.audio_id])
                    for event, attempt in tried
                    if event.audio_id in due
                ],
            )

    def expired(self, tracks: Iterable[AudioTrack]) -> None:
        """Call on_failed for tracks whose lease ran out. Never raises."""
        self._put("on_failed", [partial(result.expired, track, worker=self._worker) for track in tracks])

    def close(self, patience: float) -> None:
        """Make the calls that wait, for ``patience`` seconds at most; those that are left are dropped."""
        with self._changed:
            self._changed.wait_for(lambda: not self._waiting and not self._busy, timeout=patience)
            self._closed = True
            self._changed.notify_all()
            for when, _ in self._waiting:
                self._drop(when, 1)
            self._waiting.clear()
            self._say_dropped(now=True)

    # -- the queue ---------------------------------------------------------------------------------------------------

    def _put(self, when: When, results: list[Callable[[], TrackResult]]) -> None:
        with self._changed:
            room = 0 if self._closed or not self._started() else max(0, self._capacity - len(self._waiting))
            self._waiting.extend((when, made) for made in results[:room])
            self._drop(when, len(results[room:]))
            self._say_dropped()
            self._changed.notify_all()

    def _started(self) -> bool:
        if self._keeper is None:
            keeper = threading.Thread(target=self._run, name="hooks", daemon=True)
            try:
                keeper.start()
            except RuntimeError:  # the machine has no thread left for us; the next event may find one
                return False
            self._keeper = keeper
        return True

    def _drop(self, when: When, number: int) -> None:
        if number:
            self._counts.add(when, "dropped", number)
            self._unsaid += number

    def _say_dropped(self, *, now: bool = False) -> None:
        if self._unsaid and (now or time.monotonic() > self._said_at + _SAY_EVERY_SECONDS):
            log.error("hook_calls_dropped", count=self._unsaid, waiting=len(self._waiting))
            self._unsaid, self._said_at = 0, time.monotonic()

    def _count(self, when: When, what: str) -> None:
        with self._changed:
            self._counts.add(when, what)

    # -- the calls ---------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while True:
            with self._changed:
                self._busy = False
                self._changed.notify_all()
                self._changed.wait_for(lambda: self._waiting or self._closed)
                if not self._waiting:
                    return
                when, made = self._waiting.popleft()
                self._busy = True
            try:
                about = made()
                for hook in self._hooks.of(when):
                    self._call(when, hook, about)
            except Exception:
                # A defect of ours: the other calls must still be made.
                self._count(when, "failed")
                log.exception("hook_failed", hook=None, when=when)

    def _call(self, when: When, hook: Hook, about: TrackResult) -> None:
        self._hung = [caller for caller in self._hung if caller.is_alive()]
        if len(self._hung) >= _MOST_HUNG:
            with self._changed:
                self._drop(when, 1)
                self._say_dropped()
            return
        self._caller = self._caller or _Caller()
        marks = {"hook": hook.name, "audio_id": about.audio_id, "event_id": about.event_id, "attempt": about.attempt}
        error = self._caller.call(hook.call, about, self._seconds)
        if error is _TOO_LONG:
            self._hung.append(self._caller)
            self._caller = None
            self._count(when, "timed_out")
            log.error("hook_timed_out", **marks, seconds=self._seconds, hung=len(self._hung))
            return
        self._count(when, "failed" if error else "done")
        if error:
            log.error("hook_failed", **marks, exc_info=error)


class _Caller:
    """A thread that makes calls for another one, which waits no longer than it wants to."""

    def __init__(self) -> None:
        self._calls: queue.SimpleQueue[tuple[Callable[[TrackResult], object], TrackResult] | None] = queue.SimpleQueue()
        self._ends: queue.SimpleQueue[BaseException | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="hook", daemon=True)
        self._thread.start()
        self.is_alive = self._thread.is_alive

    def call(
        self, function: Callable[[TrackResult], object], about: TrackResult, seconds: float
    ) -> BaseException | None:
        """Return what the call raised, if anything; return _TOO_LONG, and take no more, where it goes on for longer."""
        self._calls.put((function, about))
        try:
            return self._ends.get(timeout=seconds)
        except queue.Empty:
            self._calls.put(None)
            return _TOO_LONG

    def _run(self) -> None:
        while call := self._calls.get():
            function, about = call
            try:
                function(about)
            except BaseException as error:  # noqa: BLE001 - sys.exit in a hook, too, ends nothing but the call
                self._ends.put(error)
            else:
                self._ends.put(None)
