"""Runs Tonearm's programs as people do: the ``tonearm`` command, and workers started by Celery's own."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

OURS = ("DATABASE_URL", "READ_DATABASE_URL", "BROKER_URL", "TONEARM_HOME", "DB_HOST", "LEASE_SECONDS", "NO_COLOR")


class Ran(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        """What it printed, as the one JSON document that it promises."""
        return json.loads(self.out)


class Programs:
    """Programs that share an environment: which servers, which settings."""

    def __init__(self, **environment: str) -> None:
        clean = {name: value for name, value in os.environ.items() if name not in OURS}
        self.environment = clean | environment

    def tonearm(self, *arguments: str, stdin: bytes | None = None, timeout: float = 60, **environment: str) -> Ran:
        """Run the ``tonearm`` command and wait for it."""
        done = subprocess.run(
            [sys.executable, "-m", "worker.cli", *arguments],
            env=self.environment | environment,
            input=stdin,
            capture_output=True,
            timeout=timeout,
            check=False,
        )
        return Ran(done.returncode, done.stdout.decode(), done.stderr.decode())

    @contextmanager
    def worker(self, log: Path, *arguments: str, app: str = "worker.app") -> "Iterator[subprocess.Popen[bytes]]":
        """Run a worker by Celery's own command, in a process group of its own."""
        command = [sys.executable, "-m", "celery", "-A", app, "worker", *arguments]
        with log.open("ab") as output:
            process = subprocess.Popen(
                command, env=self.environment, stdout=output, stderr=output, start_new_session=True
            )
        try:
            yield process
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGTERM)
                try:
                    process.wait(20)
                except subprocess.TimeoutExpired:
                    os.killpg(process.pid, signal.SIGKILL)
                    process.wait()
