"""``tonearm tail``: follows what happens to all tracks."""

import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, suppress
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.text import Text

from db.dsn import redacted
from db.errors import DatabaseOperationError
from db.models import HistoryEntry
from db.pool import DatabasePool
from db.read.abbreviations import abbreviated
from db.read.follow import Follower
from db.status import TrackStatus
from worker.cli.ages import age
from worker.cli.connect import actor
from worker.cli.ids import find_track
from worker.cli.output import AsJson, as_json_text, cell, console, errors
from worker.settings import Settings


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(tail)


def _moment(text: str) -> datetime:
    with suppress(ValueError):
        moment = datetime.fromisoformat(text)
        return moment if moment.tzinfo else moment.astimezone()
    return datetime.now(UTC) - age(text)


def tail(
    status: Annotated[
        list[str] | None,
        typer.Option(
            "--status", "--to", help="Only what became so; may be repeated.", autocompletion=lambda: list(TrackStatus)
        ),
    ] = None,
    audio_id: Annotated[str | None, typer.Option(help="Only this track: its id, or enough of its beginning.")] = None,
    error_code: Annotated[list[str] | None, typer.Option(help="Only with this error_code; may be repeated.")] = None,
    worker: Annotated[str | None, typer.Option(help="Only by workers whose names begin so, such as a host.")] = None,
    since: Annotated[
        datetime | None, typer.Option(parser=_moment, metavar="TIME", help="From then on: 10m, 36h, 2d … or a time.")
    ] = None,
    lines: Annotated[
        int, typer.Option("--lines", "-n", min=0, max=1000, help="Show so many of the last first; not with --since.")
    ] = 10,
    follow: Annotated[bool, typer.Option(help="Go on until Ctrl-C.")] = True,
    interval: Annotated[float, typer.Option(min=0.1, max=3600, help="Seconds between two looks.")] = 1.0,
    as_json: AsJson = False,
) -> None:
    """Follow what happens to all tracks: every transition once, and what else their histories note.

    It asks the database for what is new, costs those who write nothing, and goes on where it was when the database
    comes back. With --json it prints one object a line.

    Example: tonearm tail
    Example: tonearm tail --to FAILED --since 1h
    Example: tonearm tail --audio-id 5d09 -n 100 --no-follow
    Example: tonearm tail --json -n 0 | jq -r 'select(.to == "COMPLETED") | .audio_id'
    """
    url = Settings().database()  # the primary: a replica does not know who is still writing
    with (
        closing(DatabasePool(url, min_size=0, max_size=1, timeout=5.0, application_name=actor())) as pool,
        suppress(KeyboardInterrupt),  # how it is ended
    ):
        with pool.transaction() as conn:
            follower = Follower(
                since=since,
                to=[one.upper() for one in status or ()],
                audio_id=find_track(conn, audio_id) if audio_id else None,
                error_codes=error_code or (),
                worker=worker,
            )
        for entries in _new(pool, follower, lines if since is None else 0, interval if follow else None):
            if as_json:
                _print_json(entries)
            else:
                _print_lines(pool, entries)
            sys.stdout.flush()


def _new(
    pool: DatabasePool, follower: Follower, lines: int, interval: float | None
) -> Iterator[Sequence[HistoryEntry]]:
    """Yield what is new, again and again; without an interval, until there is nothing more.

    Once it has begun, a database that is away is waited for.
    """
    with pool.transaction() as conn:
        entries = follower.poll(conn)
        latest = follower.latest(conn, lines) if lines else []
    yield [*latest, *entries]
    away = False
    while True:
        if follower.caught_up or away:
            if interval is None:
                return
            time.sleep(interval)
        entries = []
        try:
            with pool.transaction() as conn:
                entries = follower.poll(conn)
            if away:
                errors.print("the database is back", highlight=False)
            away = False
        except DatabaseOperationError as error:
            if not error.retryable or interval is None:
                raise
            if not away:
                errors.print(f"{redacted(str(error))}; waiting for it", markup=False, highlight=False, soft_wrap=True)
            away = True
        if entries:
            yield entries


def _print_json(entries: Iterable[HistoryEntry]) -> None:
    for entry in entries:
        shown = entry.model_dump()
        shown["from"], shown["to"] = shown.pop("from_status"), shown.pop("to_status")
        print(as_json_text(shown))


def _print_lines(pool: DatabasePool, entries: Sequence[HistoryEntry]) -> None:
    if not entries:
        return
    short = {}
    with suppress(DatabaseOperationError), pool.transaction() as conn:
        short = abbreviated(conn, {entry.audio_id for entry in entries})
    for entry in entries:
        at = (
            f"{entry.at.astimezone():%H:%M:%S}"
            if console.is_terminal
            else entry.at.astimezone(UTC).isoformat(timespec="milliseconds")
        )
        became = entry.to_status if entry.from_status != entry.to_status else f"{entry.to_status} (noted)"
        what = ": ".join(part for part in (entry.error_code, entry.error_message) if part)
        parts = (
            f"[dim]{at}[/]",
            f"{short.get(entry.audio_id, str(entry.audio_id)):<8}",
            f"{cell(became):<10}",
            f"attempt {entry.attempt}" if entry.attempt else "",
            f"[dim]{cell(entry.worker)}[/]",
            cell(what) if what else "",
        )
        line = Text.from_markup("  ".join(part for part in parts if part))
        console.print(line, highlight=False, soft_wrap=not console.is_terminal)
