"""``tonearm status``: how the whole stands, once or again and again."""

import sys
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from datetime import UTC, datetime
from typing import Annotated, NamedTuple

import typer
from celery import Celery
from kombu.exceptions import OperationalError
from rich.console import Group, RenderableType
from rich.live import Live
from rich.text import Text

from db.dsn import redacted
from db.errors import DatabaseOperationError
from db.pool import DatabasePool
from db.read.status import SystemStatus, read_status
from worker.app import create_app
from worker.cli.connect import actor
from worker.cli.output import AsJson, as_json_text, as_table, cell, console, errors, print_json, span
from worker.messages import queue_depth, unacknowledged
from worker.settings import Settings


class Standing(NamedTuple):
    """How the database and the queues stand at one moment."""

    now: SystemStatus
    depth: int
    held: int | None

    def as_json(self) -> dict[str, object]:
        """Return it as programs read it."""
        return {
            "tracks": self.now.tracks,
            "oldest_pending_seconds": self.now.oldest_pending_seconds,
            "oldest_lease_seconds": self.now.oldest_lease_seconds,
            "queue": {"depth": self.depth, "unacknowledged": self.held},
            "open_events": self.now.open_events,
            "rejected": self.now.rejected,
            "failures": self.now.failures,
        }

    def for_people(self) -> RenderableType:
        """Return it as it is printed."""
        now = self.now
        facts = {
            "oldest PENDING": None if now.oldest_pending_seconds is None else span(now.oldest_pending_seconds),
            "oldest lease": None if now.oldest_lease_seconds is None else span(now.oldest_lease_seconds),
            "messages in the queues": self.depth,
            "messages unacknowledged": self.held,
            "events not settled": now.open_events,
            "events rejected": now.rejected,
        }
        lines = "\n".join(f"{name:<24}{cell(value)}" for name, value in facts.items())
        parts: list[RenderableType] = [as_table(("tracks", "count"), now.tracks.items()), Text(f"\n{lines}")]
        if now.failures:
            parts += [Text(), as_table(("failed in the last hour", "count"), now.failures.items())]
        return Group(*parts)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(status)


def status(
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Go on until Ctrl-C, in place on a terminal.")] = False,
    interval: Annotated[float, typer.Option(min=0.1, max=3600, help="With --watch: seconds in between.")] = 2.0,
    as_json: AsJson = False,
) -> None:
    """Say how the whole stands: tracks by state, what waits and for how long, the queue, what failed of late.

    Example: tonearm status
    Example: tonearm status --watch --interval 5
    Example: tonearm status --json | jq .queue.depth
    """
    settings = Settings()
    celery = create_app(settings)
    with closing(
        DatabasePool(settings.read_database(), min_size=0, max_size=1, timeout=5.0, application_name=actor())
    ) as pool:
        if not watch:
            standing = _look(pool, celery)
            if as_json:
                print_json(standing.as_json())
            else:
                console.print(standing.for_people(), highlight=False)
            return
        looks = _looks(pool, celery, interval)
        with suppress(KeyboardInterrupt):  # how it is ended
            if as_json or not console.is_terminal:
                _print_each(looks, as_json=as_json)
            else:
                _show_in_place(looks, interval)


def _look(pool: DatabasePool, celery: Celery, *, estimate: bool = False) -> Standing:
    with pool.transaction() as conn:
        now = read_status(conn, estimate=estimate)
    depth = queue_depth(celery, [queue.name for queue in celery.amqp.queues.values()])
    return Standing(now, depth, unacknowledged(celery))


def _looks(pool: DatabasePool, celery: Celery, interval: float) -> Iterator[Standing | str]:
    """Look every so often for ever. Once it has begun, what cannot be reached is said and tried again."""
    yield _look(pool, celery, estimate=True)
    while True:
        time.sleep(interval)
        try:
            yield _look(pool, celery, estimate=True)
        except (DatabaseOperationError, OperationalError) as error:
            yield " ".join(f"cannot tell: {redacted(str(error))}; trying again".split())


def _print_each(looks: Iterator[Standing | str], *, as_json: bool) -> None:
    for look in looks:
        if isinstance(look, str):
            errors.print(look, markup=False, highlight=False, soft_wrap=True)
            continue
        if as_json:
            print(as_json_text(look.as_json()))
        else:
            console.print(f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}", look.for_people(), "", sep="\n", highlight=False)
        sys.stdout.flush()


def _show_in_place(looks: Iterator[Standing | str], interval: float) -> None:
    shown: RenderableType = ""
    with Live(console=console, auto_refresh=False) as live:
        for look in looks:
            line = look if isinstance(look, str) else f"every {interval:g} s; Ctrl-C ends it"
            shown = shown if isinstance(look, str) else look.for_people()
            live.update(
                Group(shown, Text(f"\n{datetime.now().astimezone():%H:%M:%S}  {line}", style="dim")), refresh=True
            )
