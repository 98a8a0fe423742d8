"""Reader processes, and the work they share: a file that crashes one, or never lets it go, costs only itself."""

import contextlib
import json
import os
import selectors
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

from db.errors import MusicLibraryError
from worker.scan.child import READY, TAGGED

_WINDOW = 1000
"""Files that may be under way or read but not taken: how far the quick ones get ahead of a slow one."""
_AHEAD_BYTES = 32 * 1024
"""Jobs that wait in a reader's pipe: less than any pipe holds, so that handing one over never blocks."""
_SLOWEST = 2 * 1024 * 1024
"""Bytes a second of the slowest disk or network that a file may come from."""
_TICK_SECONDS = 0.5
_START_SECONDS = 60.0


class Job(NamedTuple):
    """A file to read, its size in bytes, and where to put its picture, if anywhere."""

    path: Path
    size: int
    thumbnails: Path | None


Answer = dict[str, Any]
"""What worker.scan.child says of a file."""


@dataclass
class _Slot:
    job: Job
    line: bytes
    answer: Answer | None = None


@dataclass
class _Reader:
    process: "subprocess.Popen[bytes]"
    ready: bool = False
    given: deque[_Slot] = field(default_factory=deque)
    ahead: int = 0
    unread: bytes = b""
    deadline: float = 0.0
    limit: float = 0.0

    def allow(self, seconds: float) -> None:
        """Give it so much time from now."""
        self.limit, self.deadline = seconds, time.monotonic() + seconds


class Readers:
    """Reads files in ``count`` processes; ``time_limit`` is the seconds that a file's tags may take.

    Reading the whole of it may take as long again, and longer the larger it is.

    A context manager: at its end no reader is left, whatever it was doing. Raises MusicLibraryError where readers
    cannot even start.
    """

    def __init__(self, count: int, *, time_limit: float = 60.0) -> None:
        self._count, self._time_limit = count, time_limit
        self._selector = selectors.DefaultSelector()
        self._readers: list[_Reader] = []
        self._window: deque[_Slot] = deque()

    def __enter__(self) -> Self:
        for _ in range(self._count):
            self._start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for reader in list(self._readers):
            self._end(reader)
        self._selector.close()

    def read(self, jobs: Iterable[Job]) -> Iterator[tuple[Job, Answer] | None]:
        """Yield each job with its answer, in the order of the jobs; None now and then while there is none yet."""
        coming = iter(jobs)
        exhausted = False
        while True:
            while not exhausted and len(self._window) < _WINDOW and (reader := self._with_room()):
                job = next(coming, None)
                if job is None:
                    exhausted = True
                else:
                    self._give(reader, self._slot(job))
            while self._window and self._window[0].answer is not None:
                slot = self._window.popleft()
                yield slot.job, slot.answer or {}
            if not self._window:
                if exhausted:
                    return
                continue
            self._wait()
            if self._window[0].answer is None:
                yield None

    def _slot(self, job: Job) -> _Slot:
        thumbnails = None if job.thumbnails is None else str(job.thumbnails)
        seconds = self._time_limit + self._whole(job)
        # A reader outlives its time a little, so that whoever waits for it ends it and says why.
        line = json.dumps({"path": str(job.path), "thumbnails": thumbnails, "seconds": int(seconds) + 5})
        slot = _Slot(job, line.encode() + b"\n")
        self._window.append(slot)
        return slot

    def _whole(self, job: Job) -> float:
        return self._time_limit + job.size / _SLOWEST

    def _with_room(self) -> _Reader | None:
        reader = min(self._readers, key=lambda reader: reader.ahead)
        return reader if reader.ahead < _AHEAD_BYTES else None

    def _give(self, reader: _Reader, slot: _Slot) -> None:
        if not reader.given:
            reader.allow(self._time_limit if reader.ready else _START_SECONDS)
        reader.given.append(slot)
        reader.ahead += len(slot.line)
        stdin = reader.process.stdin
        if stdin is not None:
            with contextlib.suppress(BrokenPipeError):  # it died: found out when its answers end
                os.write(stdin.fileno(), slot.line)

    def _wait(self) -> None:
        """Take what readers have said; then end those that took too long."""
        for key, _ in self._selector.select(_TICK_SECONDS):
            self._hear(key.data)
        now = time.monotonic()
        for reader in [reader for reader in self._readers if reader.given and now > reader.deadline]:
            self._replace(reader, f"reading it took more than {reader.limit:.0f} s")

    def _hear(self, reader: _Reader) -> None:
        stdout = reader.process.stdout
        said = os.read(stdout.fileno(), 1 << 20) if stdout is not None else b""
        if not said:
            self._replace(reader, _how_it_ended(reader.process))
            return
        *lines, reader.unread = (reader.unread + said).split(b"\n")
        for line in lines:
            if line == TAGGED:
                reader.allow(self._whole(reader.given[0].job))
                continue
            if line == READY:
                reader.ready = True
            else:
                slot = reader.given.popleft()
                reader.ahead -= len(slot.line)
                slot.answer = json.loads(line)
            reader.allow(self._time_limit)

    def _replace(self, reader: _Reader, reason: str) -> None:
        """Start another reader for one that is no use any more; the file that it was at is to blame."""
        self._end(reader)
        if not reader.ready:
            raise MusicLibraryError(
                f"the processes that read files cannot start ({reason}); "
                f"`{sys.executable} -P -m worker.scan.child </dev/null` says why"
            )
        if reader.given:
            reader.given.popleft().answer = {"reason": reason}
        successor = self._start()
        for slot in reader.given:
            self._give(successor, slot)

    def _start(self) -> _Reader:
        process = subprocess.Popen(
            # -P: nothing of the current directory is imported, whatever its name is.
            [sys.executable, "-P", "-m", "worker.scan.child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
        )
        reader = _Reader(process)
        self._readers.append(reader)
        if process.stdout is not None:
            self._selector.register(process.stdout, selectors.EVENT_READ, reader)
        return reader

    def _end(self, reader: _Reader) -> None:
        self._readers.remove(reader)
        for pipe in (reader.process.stdout, reader.process.stdin):
            if pipe is not None:
                if pipe is reader.process.stdout:
                    self._selector.unregister(pipe)
                pipe.close()
        reader.process.kill()
        # One that waits for a dead disk dies when the disk answers; nobody has to wait for that.
        with contextlib.suppress(subprocess.TimeoutExpired):
            reader.process.wait(timeout=2)


def _how_it_ended(process: "subprocess.Popen[bytes]") -> str:
    code = process.wait()
    if code < 0:
        return f"reading it crashed the reader ({signal.Signals(-code).name})"
    return f"reading it ended the reader (exit code {code})"
