"""Gathers single events into batches: waits a little for company, never for long (as Kafka's linger.ms does)."""

import atexit
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Generic, TypeVar

from db.errors import MusicLibraryError

Item = TypeVar("Item")
Answer = TypeVar("Answer")


class Gatherer(Generic[Item, Answer]):
    """Hands what many threads submit to ``deliver`` in batches, one at a time, from a thread of its own.

    A batch goes when it has ``max_batch`` items or its first has waited ``linger`` seconds. ``submit`` waits while
    ``max_waiting`` items are not delivered yet. What waits at the interpreter's exit is delivered first.
    """

    def __init__(
        self,
        deliver: Callable[[Sequence[Item]], Sequence[Answer]],
        *,
        linger: float,
        max_batch: int,
        max_waiting: int,
    ) -> None:
        self._deliver = deliver
        self._linger, self._max_batch, self._max_waiting = linger, max_batch, max_waiting
        self._changed = threading.Condition()
        self._waiting: deque[tuple[Item, Future[Answer], float]] = deque()
        self._under_way = 0
        self._flushing = 0
        self._closed = False
        self._pid = os.getpid()
        self._thread = threading.Thread(target=self._run, name="gatherer", daemon=True)
        self._thread.start()
        atexit.register(self.close)

    def submit(self, item: Item) -> "Future[Answer]":
        """Take an item; the future gives its answer, or raises what delivering its batch raised.

        Raises MusicLibraryError where this was closed.
        """
        future: Future[Answer] = Future()
        # An event that was handed over is on its way: cancelling would only pretend otherwise.
        future.set_running_or_notify_cancel()
        with self._changed:
            self._changed.wait_for(lambda: self._closed or len(self._waiting) < self._max_waiting)
            if self._closed:
                raise MusicLibraryError("the publisher is closed: open another one")
            self._waiting.append((item, future, time.monotonic() + self._linger))
            if len(self._waiting) in {1, self._max_batch}:
                self._changed.notify_all()
        return future

    def flush(self) -> None:
        """Deliver what waits without lingering, and return when it is delivered."""
        with self._changed:
            self._flushing += 1
            self._changed.notify_all()
            try:
                self._changed.wait_for(lambda: not self._waiting and not self._under_way)
            finally:
                self._flushing -= 1

    def close(self) -> None:
        """Deliver what waits and end the thread. Closing twice is harmless, in a forked child it does nothing."""
        if os.getpid() != self._pid:
            return  # what waits is the parent's, and so is the thread
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._thread.join()
        atexit.unregister(self.close)

    def _run(self) -> None:
        while batch := self._next_batch():
            self._settle(batch)

    def _is_full(self) -> bool:
        return len(self._waiting) >= self._max_batch or self._closed or self._flushing > 0

    def _next_batch(self) -> "list[tuple[Item, Future[Answer], float]]":
        """Return the next batch, none once this is closed and everything has been delivered."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closed)
            if self._waiting:
                self._changed.wait_for(self._is_full, timeout=self._waiting[0][2] - time.monotonic())
            batch = [self._waiting.popleft() for _ in range(min(self._max_batch, len(self._waiting)))]
            self._under_way = len(batch)
            self._changed.notify_all()
            return batch

    def _settle(self, batch: "list[tuple[Item, Future[Answer], float]]") -> None:
        try:
            answers = self._deliver([item for item, _, _ in batch])
            for (_, future, _), answer in zip(batch, answers, strict=True):
                future.set_result(answer)
        except BaseException as error:  # noqa: BLE001 - each caller hears of it; the thread goes on for the others
            for _, future, _ in batch:
                if not future.done():
                    future.set_exception(error)
        finally:
            with self._changed:
                self._under_way = 0
                self._changed.notify_all()
