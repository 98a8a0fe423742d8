"""Where the embedded servers keep their files: the home, its lock, and the note of what runs."""

import fcntl
import json
import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any


class EmbeddedError(Exception):
    """An embedded server cannot be started or stopped; the message is one line and says what to do."""


def default_home(environ: Mapping[str, str] | None = None) -> Path:
    """Return ``TONEARM_HOME``, else for root /var/lib/tonearm, else ``XDG_DATA_HOME`` (~/.local/share) / tonearm."""
    env = os.environ if environ is None else environ
    if env.get("TONEARM_HOME"):
        return Path(env["TONEARM_HOME"]).expanduser().absolute()
    if os.geteuid() == 0:
        return Path("/var/lib/tonearm")
    data = env.get("XDG_DATA_HOME") or "~/.local/share"
    return Path(data).expanduser().absolute() / "tonearm"


def make_home(home: Path) -> Path:
    """Make the home if need be and return it without symlinks; raise EmbeddedError where it cannot be written."""
    home = home.expanduser().absolute()
    try:
        if not home.is_dir():
            home.mkdir(parents=True)
            # As root the servers run under another account, which must get through, but need not look around.
            home.chmod(0o711 if os.geteuid() == 0 else 0o700)
        (home / "lock").touch(mode=0o600)
    except OSError as error:
        raise EmbeddedError(
            f"{home} cannot be used for the embedded servers ({error.strerror}): "
            "set TONEARM_HOME to a directory that you can write to"
        ) from error
    return home.resolve()


@contextmanager
def locked(home: Path) -> Iterator[None]:
    """Let one process at a time look for servers and start them; the kernel lets go when a process dies.

    What the system refuses meanwhile (a full disk, no right to switch users) becomes an EmbeddedError.
    """
    try:
        with (home / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
    except OSError as error:
        raise EmbeddedError(
            f"the embedded servers cannot be started under {home}: {error}; set TONEARM_HOME to another directory, "
            "or DATABASE_URL and BROKER_URL to servers of your own"
        ) from error


def read_note(home: Path, server: str) -> dict[str, Any]:
    """Return what is noted about a server, empty where nothing (readable) is; a note is a claim yet to be checked."""
    try:
        note = json.loads((home / f"{server}.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return note if isinstance(note, dict) else {}


def noted(note: Mapping[str, Any], key: str) -> str:
    """Return a text from a note, empty where it holds none."""
    value = note.get(key)
    return value if isinstance(value, str) else ""


def write_note(home: Path, server: str, note: Mapping[str, Any]) -> None:
    """Note what is known about a server, its password included, readable by this user only."""
    path, fresh = home / f"{server}.json", home / f"{server}.json.new"
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(note, file)
    fresh.replace(path)


def port_is_free(port: int) -> bool:
    """Say whether nobody listens on a port of 127.0.0.1."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def choose_port(wanted: int | None, last: object) -> int:
    """Return the port that is wanted, else the one used last, else a free one; raise EmbeddedError if it is taken."""
    if wanted is not None:
        if not port_is_free(wanted):
            raise EmbeddedError(f"port {wanted} of 127.0.0.1 is taken: stop what listens there or choose another port")
        return wanted
    if isinstance(last, int) and port_is_free(last):
        return last
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
