"""A server process: started in a session of its own, watched until it answers, stopped by its pid."""

import fcntl
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from worker.embedded.account import Account
from worker.embedded.home import EmbeddedError

_LOG_LIMIT = 10 * 2**20
_POLL_SECONDS = 0.01
_PATIENCE_SECONDS = 10.0
# Nothing of ours: PGPORT, PGDATA and the like would steer the servers.
_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}


class Server:
    """A running server: its address, its process, and whether this process started it."""

    def __init__(self, *, url: str, pid: int, description: str, child: "subprocess.Popen[bytes] | None") -> None:
        self.url = url
        self.pid = pid
        self.description = description
        self._child = child

    @property
    def started_here(self) -> bool:
        """Say whether this object started the server; only then does it stop it."""
        return self._child is not None

    def _end(self, signals: list[signal.Signals], timeout: float) -> None:
        """Send each signal in turn until the server has gone; nothing is done to a server found running."""
        if self._child is None:
            return
        for number in signals:
            if self._child.poll() is None:
                self._child.send_signal(number)
            try:
                self._child.wait(timeout)
            except subprocess.TimeoutExpired:
                continue
            return
        raise EmbeddedError(f"the server with pid {self.pid} does not stop: end it with kill -9 {self.pid}")

    def stop(self) -> None:
        """Stop the server if this object started it; a second call does nothing."""
        self._end([signal.SIGTERM, signal.SIGKILL], timeout=30)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


@contextmanager
def hold(lock: Path, what: str) -> Iterator[int]:
    """Lend the lock of a data directory, to be inherited by all that works there: held until the last of them is gone.

    A note of a pid can be out of date, or not be written yet; a lock that a live process holds cannot. Raises
    EmbeddedError where ``what`` has it already.
    """
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise EmbeddedError(f"{what} runs but does not answer: stop it, then start again") from None
        yield descriptor
    finally:
        os.close(descriptor)  # and not LOCK_UN, which would let go for those who inherited it, too


def is_held(lock: Path) -> bool:
    """Say whether something lives that works in the data directory with this lock."""
    try:
        descriptor = os.open(lock, os.O_RDWR)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    else:
        return False
    finally:
        os.close(descriptor)


def run(
    command: list[str | Path], account: Account, lock: int, *, stdin: str = ""
) -> "subprocess.CompletedProcess[str]":
    """Run a program to its end under the servers' account."""
    return subprocess.run(  # noqa: S603 - a program of our own wheels, no shell, arguments from us
        [str(part) for part in command],
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
        pass_fds=(lock,),
        env=_ENVIRONMENT,
        **account.popen_options(),
    )


def launch(command: list[str | Path], account: Account, lock: int, log: Path) -> "subprocess.Popen[bytes]":
    """Start a server that writes to ``log``, in a session of its own: a Ctrl-C in the terminal does not reach it."""
    log.parent.mkdir(mode=0o700, exist_ok=True)
    if log.exists() and log.stat().st_size > _LOG_LIMIT:
        log.replace(log.with_suffix(".log.1"))
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(descriptor, "ab") as output:
        return subprocess.Popen(  # noqa: S603 - a program of our own wheels, no shell, arguments from us
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            cwd="/",
            pass_fds=(lock,),
            env=_ENVIRONMENT,
            **account.popen_options(),
        )


def wait_until_ready(child: "subprocess.Popen[bytes]", ready: Callable[[], bool], timeout: float) -> bool:
    """Wait until ``ready``; return False when the process ended instead, end it and return False after ``timeout``."""
    deadline = time.monotonic() + timeout
    try:
        while child.poll() is None and time.monotonic() < deadline:
            if ready():
                return True
            time.sleep(_POLL_SECONDS)
    except BaseException:
        _give_up(child)
        raise
    _give_up(child)
    return False


def _give_up(child: "subprocess.Popen[bytes]") -> None:
    """End a server that nobody got to use, be it for a Ctrl-C."""
    child.terminate()
    try:
        child.wait(_PATIENCE_SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def wait_while(condition: Callable[[], bool], timeout: float) -> None:
    """Wait as long as ``condition`` holds, at most ``timeout`` seconds."""
    deadline = time.monotonic() + timeout
    while condition() and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)


def last_line(log: Path) -> str:
    """Return the last line of a server's log, for an error message."""
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").split("\n")
    except OSError:
        return ""
    return next((line.strip() for line in reversed(lines) if line.strip()), "")


def pid_in(path: Path) -> int:
    """Return the pid on the first line of a pid file, 0 where there is none."""
    try:
        first = path.read_text(encoding="utf-8").partition("\n")[0].strip()
    except OSError:
        return 0
    return int(first) if first.isdigit() else 0


def is_running_with(pid: int, argument: Path) -> bool:
    """Say whether a live process ``pid`` has ``argument`` on its command line, so that a reused pid is not believed."""
    if pid <= 0:
        return False
    if Path("/proc/self/cmdline").exists():
        try:
            return bytes(argument) in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except OSError:
            return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
