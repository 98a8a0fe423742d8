"""Shows from outside that a worker's event loop turns: the parent process touches a file once a second.

Asking the worker itself (``celery inspect ping``) does not do: one whose children are all busy may not answer, and one
that answers may have answered from a loop that hangs a moment later.
"""

import contextlib
import os
import stat
import tempfile
import time
from pathlib import Path
from typing import Any, Final, NamedTuple

import structlog
from celery import bootsteps

log = structlog.get_logger()

BEAT_SECONDS: Final = 1.0
STALE_SECONDS: Final = 15.0
"""A loop that has not turned for longer hangs: nothing that it waits for takes more than a socket's timeout (5 s)."""


class Beat(NamedTuple):
    """A worker on this machine: its parent's pid, and for how long its loop has not turned."""

    pid: int
    seconds_ago: float


def runtime_dir() -> Path:
    """Return the directory of this user's heartbeat files, in memory where /tmp is."""
    return Path(tempfile.gettempdir()) / f"tonearm-run-{os.geteuid()}"


def read_beats(directory: Path) -> list[Beat]:
    """Return the workers that run on this machine under this user; files that dead ones left behind are removed."""
    beats = []
    for path in sorted(directory.glob("worker-*")):
        pid = int(path.name.removeprefix("worker-"))
        if _is_alive(pid):
            with contextlib.suppress(FileNotFoundError):
                beats.append(Beat(pid, max(0.0, time.time() - path.stat().st_mtime)))
        else:
            path.unlink(missing_ok=True)
    return beats


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


class Heartbeat:
    """One worker's file. ``beat`` never raises: a full disk must not end a worker, it only makes it look hung."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / f"worker-{os.getpid()}"
        directory.mkdir(mode=0o700, exist_ok=True)
        status = directory.lstat()
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid():
            raise PermissionError(f"{directory} belongs to somebody else: remove it")

    def beat(self) -> None:
        """Say that the loop turns."""
        with contextlib.suppress(OSError):
            self._path.touch(mode=0o600)

    def stop(self) -> None:
        """Say that the worker is gone."""
        with contextlib.suppress(OSError):
            self._path.unlink(missing_ok=True)


class HeartbeatStep(bootsteps.StartStopStep):
    """Beats by a timer of the consumer's loop; started anew with every connection to the broker, which ends its timers.

    While the broker is away the loop does nothing but try to reach it, and the heartbeat rests.
    """

    def __init__(self, _consumer: Any, **_: Any) -> None:
        self._heartbeat: Heartbeat | None = None
        self._timer: Any = None

    def start(self, consumer: Any) -> None:
        """Begin to beat."""
        self._cancel()
        try:
            self._heartbeat = Heartbeat(runtime_dir())
        except OSError as error:
            log.warning("heartbeat_impossible", error=str(error))
            return
        self._heartbeat.beat()
        self._timer = consumer.timer.call_repeatedly(BEAT_SECONDS, self._heartbeat.beat)

    def stop(self, _consumer: Any) -> None:
        """Stop beating; the file stays, so that whoever looks sees for how long."""
        self._cancel()

    def shutdown(self, _consumer: Any) -> None:
        """Leave nothing behind."""
        self._cancel()
        if self._heartbeat is not None:
            self._heartbeat.stop()

    def _cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
