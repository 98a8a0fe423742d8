"""The compose file as an operator starts it: a clean copy of this repository, `.env.example` copied to `.env`."""

import json
import os
import random
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest

ROOT = Path(__file__).parents[2]
# An upload service: it publishes until its standard input ends, and again what was not accepted.
UPLOADING = """
import select, sys, time, uuid
from db.errors import MusicLibraryError
from worker.publisher import Publisher
with Publisher() as publisher:
    while not select.select([sys.stdin], [], [], 0.02)[0]:
        event = {"event_id": str(uuid.uuid4()), "audio_id": str(uuid.uuid4()), "audio_path": "gs://b/a.mp3",
                 "metadata": {"title": "Jóga"}}
        while True:
            try:
                assert publisher.publish(event).stored
                break
            except MusicLibraryError:
                time.sleep(0.2)
        print("published", event["event_id"], flush=True)
"""


def free_ports(number):
    """A range of ports that nobody listens on."""
    firsts = list(range(21000, 29000, number))
    random.shuffle(firsts)  # another run may look at the same moment
    for first in firsts:
        try:
            for port in range(first, first + number):
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", port))
        except OSError:
            continue
        return first
    pytest.fail("no free ports")


def clean_copy(directory: Path) -> Path:
    """What a clone of this checkout would have, changes that are not committed yet included."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (directory / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, directory / name)
    return directory


class Compose:
    """A project of its own beside any that runs on this machine: its name, image and ports come by the environment."""

    def __init__(self, directory: Path, **settings: str) -> None:
        self.directory = directory
        shutil.copy(directory / ".env.example", directory / ".env")
        first = free_ports(12)
        self.flower = f"http://127.0.0.1:{first}"
        name = f"tonearm-test-{uuid4().hex[:8]}"
        self.image = f"tonearm:{name}"
        self.environment = {k: v for k, v in os.environ.items() if not k.endswith("PASSWORD")} | {
            "COMPOSE_PROJECT_NAME": name,
            "TONEARM_VERSION": name,
            "FLOWER_PORT": str(first),
            "METRICS_PORTS": f"{first + 1}-{first + 11}",
            **settings,
        }

    def command(self, *arguments: str) -> subprocess.Popen:
        """Start `docker compose …` and leave it running, its output to be read."""
        return subprocess.Popen(
            ["docker", "compose", *arguments], cwd=self.directory, env=self.environment, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip

    def upload(self) -> subprocess.Popen:
        """Start an upload service in a container of its own; `published_by` ends it."""
        return self.command("run", "--rm", "-T", "--no-deps", "--interactive", "worker", "python3", "-c", UPLOADING)

    def run(self, *arguments, stdin=None, check=True, **environment):
        done = subprocess.run(
            ["docker", "compose", *arguments], cwd=self.directory, input=stdin, capture_output=True, text=True,
            check=False, env=self.environment | environment,
        )  # fmt: skip
        if check and done.returncode:
            logs = "" if arguments[0] == "logs" else self.run("logs", "--tail", "15", check=False).stdout
            pytest.fail(f"docker compose {' '.join(arguments)}: {done.stderr[-1500:]}\n{logs[-3000:]}")
        return done

    def up(self, *arguments):
        self.run("up", "--detach", "--wait", "--wait-timeout", "180", *arguments)

    def container(self, service: str) -> str:
        """The id of a service's last container."""
        return self.run("ps", "--quiet", service).stdout.split()[-1]

    def containers(self):
        ids = self.run("ps", "--quiet").stdout.split()
        return json.loads(subprocess.run(["docker", "inspect", *ids], capture_output=True, check=True).stdout)

    def tonearm(self, *arguments, stdin=None, check=True):
        return self.run("exec", "-T", "worker", "tonearm", *arguments, stdin=stdin, check=check)

    def completed(self):
        return json.loads(self.tonearm("status", "--json").stdout)["tracks"]["COMPLETED"]

    def secret(self, service: str, name: str) -> str:
        return self.run("exec", "-T", service, "cat", f"/run/secrets/{name}").stdout

    def ask(self, sql: str) -> list[str]:
        """The lines that psql prints, as the superuser on the server's socket."""
        return self.run(
            "exec", "-T", "postgres", "psql", "-U", "postgres", "-d", "tonearm", "-AtX", "-v", "ON_ERROR_STOP=1",
            "-c", sql,
        ).stdout.splitlines()  # fmt: skip


@contextmanager
def compose_project(directory: Path, code: Callable[[Path], Path] = clean_copy, **settings: str) -> Iterator[Compose]:
    """Yield a project that is not started yet, of the code put there; everything of it is removed at the end."""
    project = Compose(code(directory), **settings)
    try:
        yield project
    finally:
        project.run("down", "--volumes", "--remove-orphans", "--timeout", "20", check=False)
        subprocess.run(["docker", "rmi", project.image], capture_output=True, check=False)


def published_by(upload: subprocess.Popen) -> set[str]:
    """End an upload service; return the ids of the events that were accepted from it."""
    out, _ = upload.communicate("", timeout=60)
    assert upload.returncode == 0, out
    return {line.split()[1] for line in out.splitlines() if line.startswith("published")}


def nothing_lost(compose: Compose, published: set[str], wait_until) -> None:
    """Wait until nothing is open, and see that each event was applied, and once."""
    wait_until(lambda: compose.ask("SELECT 1 FROM audio_events WHERE settled_at IS NULL LIMIT 1") == [], timeout=90)
    applied = compose.ask(
        """SELECT event_id FROM audio_track_history WHERE to_status = 'COMPLETED' AND from_status = 'PROCESSING'
           GROUP BY event_id HAVING count(*) = 1"""
    )
    assert published <= set(applied)
    assert compose.ask("SELECT count(*) FROM audio_tracks WHERE status <> 'COMPLETED'") == ["0"]
