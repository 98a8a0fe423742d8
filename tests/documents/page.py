"""Runs a document's blocks as a reader would: one after the other, in one directory, with one Python session."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from tests.documents.blocks import Block, blocks
from worker.embedded import find_running

STAYS = re.compile(r"^(tonearm up|celery .*\b(worker|flower)|tonearm tail|uvicorn)\b.*$", re.MULTILINE)
"""Commands that go on until they are stopped: a reader gives each a terminal of its own."""
SESSION = """
import json, sys, traceback
names = {"__name__": "__page__"}
for line in sys.stdin:
    try:
        exec(compile(*json.loads(line), "exec"), names)
        ok = True
    except BaseException:
        traceback.print_exc(file=sys.stdout)
        ok = False
    print(f"\\0{ok}", flush=True)
"""
"""A Python session: blocks come as lines, a NUL and whether it went well come after what each prints."""
READY = re.compile(r" ready\.|Visit me at|Uvicorn running|Connected to")


RUN = {"python", "sh", "json"}


def to_run(document: Path) -> list[Block]:
    """Return the blocks of a document that are run, and what they print."""
    return [block for block in blocks(document) if block.mark == "prints" or (not block.mark and block.language in RUN)]


class Page:
    """A reader's directory, shell environment and Python session while one document is read."""

    def __init__(
        self,
        directory: Path,
        environment: dict[str, str],
        wait_until: Callable[..., Any],
        *,
        python: str = sys.executable,
    ):
        self.directory, self.environment = directory, environment
        self._wait_until, self._interpreter = wait_until, python
        self._session: subprocess.Popen[str] | None = None
        self._staying: list[subprocess.Popen[bytes]] = []
        self.printed = ""

    def read(self, document: Path) -> None:
        """Run a whole document, and compare what it prints; between two blocks everything published is applied."""
        for block in to_run(document):
            if block.mark == "prints":
                assert printed_as_shown(block.text).search(self.printed), f"{block}: printed was\n{self.printed}"
            else:
                self.run(block)
                self._wait_until(self.is_settled, timeout=20, message=f"{block}: its events are not applied")

    def run(self, block: Block) -> None:
        """Run a block; raises where it fails."""
        {"python": self._python, "sh": self._shell, "json": self._json}[block.language](block)

    def _python(self, block: Block) -> None:
        if self._session is None:
            self._session = subprocess.Popen(
                [self._interpreter, "-W", "error", "-c", SESSION],
                cwd=self.directory,
                env=self.environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        assert self._session.stdin
        assert self._session.stdout
        # The line numbers of a traceback are those of the document.
        print(json.dumps(["\n" * block.line + block.text, str(block.document)]), file=self._session.stdin, flush=True)
        self.printed = ""
        for line in self._session.stdout:
            if line.startswith("\0"):
                assert line == "\0True\n", f"{block}: {self.printed}"
                return
            self.printed += line
        pytest.fail(f"{block}: the interpreter has ended\n{self.printed}")

    def _shell(self, block: Block) -> None:
        self.printed = ""
        for part, stays in _parts(block.text):
            if stays:
                self._start(part, block)
                continue
            self.printed += self._ran(["bash", "-euo", "pipefail", "-c", part], block)

    def _ran(self, command: list[str], block: Block) -> str:
        """Run a command and return what it printed."""
        done = subprocess.run(
            command,
            cwd=self.directory,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )
        assert done.returncode == 0, f"{block}: exit code {done.returncode}\n{done.stderr}{done.stdout}"
        return done.stdout

    def _start(self, command: str, block: Block) -> None:
        log = self.directory / f"staying-{len(self._staying)}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                ["bash", "-c", f"exec {command}"],
                cwd=self.directory,
                env=self.environment,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        self._staying.append(process)

        def is_ready() -> bool:
            said = log.read_text(encoding="utf-8", errors="replace")
            assert process.poll() is None, f"{block}: {command} has ended\n{said}"
            return bool(READY.search(said))

        self._wait_until(is_ready, timeout=40, message=f"{block}: {command} is not ready")

    def _json(self, block: Block) -> None:
        json.loads(block.text)

    def is_settled(self) -> bool:
        """Say whether everything that was published is applied."""
        url = self.environment.get("DATABASE_URL") or find_running(Path(self.environment["TONEARM_HOME"])).database_url
        if url is None:
            return True  # there is no database yet
        with closing(psycopg2.connect(url)) as conn, conn.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM audio_events WHERE settled_at IS NULL")
            return bool(cursor.fetchone() == (0,))

    def forget(self) -> None:
        """Begin another Python session with the next block."""
        if self._session is not None:
            self._session.communicate(timeout=20)  # the end of its input is the end of it
            self._session = None

    def close(self) -> None:
        """Stop what still runs."""
        self.forget()
        for process in reversed(self._staying):
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGINT if sys.platform == "darwin" else signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def _parts(text: str) -> list[tuple[str, bool]]:
    """Cut a block at the commands that stay: what is to be waited for, and what is not."""
    parts: list[tuple[str, bool]] = []
    end = 0
    for match in STAYS.finditer(text):
        parts += [(text[end : match.start()], False), (match[0].split("  #")[0], True)]
        end = match.end()
    parts.append((text[end:], False))
    return [(part, stays) for part, stays in parts if part.strip()]


def printed_as_shown(shown: str) -> re.Pattern[str]:
    """Return what output looks like: a line of nothing but … stands for any lines, one within a line for anything."""
    lines = []
    for line in shown.strip("\n").split("\n"):
        if line.strip() == "…":
            lines.append(r"(?:.*\n)*?")
        else:
            pieces = [re.sub(r"(?:\\ )+", " +", re.escape(piece.strip())) for piece in line.split("…")]
            lines.append("[ ]*" + ".*?".join(pieces) + "[ ]*\n")
    return re.compile("".join(lines))
