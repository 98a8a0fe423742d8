"""``tonearm demo``: the main job on sample events, on servers of its own, gone again at the end."""

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib import resources
from pathlib import Path
from typing import Annotated

import typer
from rich.live import Live
from rich.table import Table

from db.migrate import migrate
from db.pool import DatabasePool
from db.read.history import get_track_history
from db.read.search import search_audio_tracks
from db.read.status import read_status
from db.status import TrackStatus
from worker.cli.output import cell, console, errors, fail, table
from worker.embedded import start_broker, start_postgres
from worker.events import parse_json
from worker.publisher import Publisher
from worker.settings import Settings

_QUERIES = ("acdc", "bjork", "the the", "kino gruppa krovi", "林檎", "!!!", "beyonse halo")
_PATIENCE_SECONDS = 60.0
_FONT_FACE = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)


def demo(
    picture: Annotated[
        Path | None, typer.Option("--picture", help="Also write what was shown to this file, as SVG.", dir_okay=False)
    ] = None,
) -> None:
    """Show the whole of it: embedded servers, a real worker, sample events going to COMPLETED, searches answered.

    Needs nothing and leaves nothing behind.

    Example: tonearm demo
    """
    console.record = picture is not None
    events = [parse_json(line) for line in sample_lines()]
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tonearm-demo-")))
        home.chmod(0o755)  # as root, PostgreSQL runs as a user of its own and has to reach its directory
        postgres = stack.enter_context(start_postgres(home))
        broker = stack.enter_context(start_broker(home))
        for server in (postgres, broker):
            console.print(server.description, style="dim", highlight=False, soft_wrap=True)
        settings = Settings(database_url=postgres.url, broker_url=broker.url, tonearm_home=home)
        migrate(settings.database())
        pool = DatabasePool(settings.database(), min_size=1, max_size=4, application_name="tonearm demo")
        stack.callback(pool.close)
        with Publisher(settings, pool=pool) as publisher:
            receipts = publisher.publish_many([event.as_sent() for event in events], batch_size=20)
            console.print(f"published {len(receipts)} sample events: stored, and on their way", highlight=False)
            with _worker(settings, home / "worker.log") as worker:
                _watch(pool, len(events), worker, home / "worker.log")
                again = publisher.publish_many([event.as_sent() for event in events])
                known = sum(receipt.duplicate for receipt in again)
                console.print(f"published them again: {known} of {len(events)} known already, nothing to do\n")
        _show_searches(pool)
        _show_timeline(pool, str(events[0].audio_id))
    console.print("Next: [bold]tonearm up[/] runs it for real; [bold]tonearm --help[/] shows the rest.")
    if picture is not None:
        # Without rich's web fonts: a picture in a document must not ask other sites for anything.
        drawn = _FONT_FACE.sub("", console.export_svg(title="tonearm demo"))
        picture.write_text(drawn, encoding="utf-8")


def sample_lines() -> list[str]:
    """Return the sample events, one JSON text each."""
    return resources.files("worker").joinpath("samples.jsonl").read_text(encoding="utf-8").splitlines()


@contextmanager
def _worker(settings: Settings, log: Path) -> "Iterator[subprocess.Popen[bytes]]":
    environment = os.environ | {
        "DATABASE_URL": settings.database(),
        "BROKER_URL": settings.broker(),
        "LOG_FORMAT": "json",
        "TMPDIR": str(log.parent),  # what a worker that was killed would leave goes with the rest
    }
    command = [sys.executable, "-m", "celery", "-A", "worker.app", "worker", "--concurrency", "2"]
    with log.open("wb") as output:
        # In a group of its own, so that a Ctrl-C stops us first and we stop it.
        process = subprocess.Popen(command, env=environment, stdout=output, stderr=output, start_new_session=True)  # noqa: S603 - our own command
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _watch(pool: DatabasePool, expected: int, worker: "subprocess.Popen[bytes]", log: Path) -> None:
    """Show the states until every track is COMPLETED."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    with Live(console=console, refresh_per_second=10, transient=False) as live:
        while True:
            with pool.transaction() as conn:
                counts = read_status(conn).tracks
            live.update(_states(counts))
            if counts[TrackStatus.COMPLETED] == expected:
                break
            if worker.poll() is not None or time.monotonic() > deadline:
                break
            time.sleep(0.1)
    console.print()
    if counts[TrackStatus.COMPLETED] == expected:
        return
    errors.print(log.read_text(encoding="utf-8", errors="replace")[-2000:], markup=False, highlight=False)
    fail("the worker did not complete the sample events; its last lines are above", 1)


def _states(counts: dict[TrackStatus, int]) -> Table:
    drawn = Table(box=None, pad_edge=False)
    for status in TrackStatus:
        drawn.add_column(cell(status.value), justify="right")
    drawn.add_row(*(str(counts[status]) for status in TrackStatus))
    return drawn


def _show_searches(pool: DatabasePool) -> None:
    rows = []
    with pool.transaction() as conn:
        for query in _QUERIES:
            began = time.perf_counter()
            hits = search_audio_tracks(conn, query, limit=1)
            took = f"{(time.perf_counter() - began) * 1000:.1f} ms"
            first = hits[0] if hits else None
            rows.append((query, first and first.artist, first and first.title, first and first.match, took))
    table(("search", "artist", "title", "match", "took"), rows)
    console.print()


def _show_timeline(pool: DatabasePool, audio_id: str) -> None:
    with pool.transaction() as conn:
        timeline = get_track_history(conn, audio_id)
    table(
        (f"what happened to {audio_id}", "attempt", "worker", "after"),
        (
            (
                f"{entry.from_status or '–'} → {entry.to_status}",
                entry.attempt,
                entry.worker,
                f"{(entry.at - timeline[0].at).total_seconds():.3f} s",
            )
            for entry in timeline
        ),
    )
    console.print()
