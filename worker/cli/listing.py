"""``tonearm list`` and ``tonearm status``."""

from typing import Annotated

import typer

from db.read.status import SystemStatus, read_status
from db.read.tracks import get_all_audio_metadata
from worker.app import create_app
from worker.cli.connect import reading
from worker.cli.output import AsJson, cell, console, length, print_json, span, table, wide
from worker.messages import queue_depth, unacknowledged
from worker.settings import Settings


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("list")(list_tracks)
    app.command()(status)


def list_tracks(
    status: Annotated[str | None, typer.Option(help="Only PENDING, PROCESSING, COMPLETED or FAILED.")] = None,
    order_by: Annotated[str, typer.Option(help="created_at, updated_at, title, artist or year.")] = "created_at",
    ascending: Annotated[bool, typer.Option("--ascending", help="Smallest or oldest first.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="Tracks on a page.")] = 50,
    cursor: Annotated[str | None, typer.Option(help="The next_cursor of the page before.")] = None,
    as_json: AsJson = False,
) -> None:
    """List tracks, the newest first.

    Example: tonearm list --status FAILED
    """
    with reading(Settings()) as conn:
        page = get_all_audio_metadata(
            conn,
            limit=limit,
            cursor=cursor,
            status=status.upper() if status else None,
            order_by=order_by,
            descending=not ascending,
        )
    if as_json:
        print_json(page)
        return
    names = ("status", "artist", "title", *(("album", "year", "length", "updated_at") if wide() else ()), "id")
    rows = (
        {**track.model_dump(), "title": track.title or track.audio_path, "length": length(track.duration)}
        for track in page.tracks
    )
    table(names, ([row[name] for name in names] for row in rows))
    console.print(f"{len(page.tracks)} of {page.total}", highlight=False)
    if page.next_cursor:
        console.print(f"more: --cursor {page.next_cursor}", highlight=False, soft_wrap=True)


def status(as_json: AsJson = False) -> None:
    """Say how the whole stands: tracks by state, what waits and for how long, the queue, what failed of late.

    Example: tonearm status --json
    """
    settings = Settings()
    with reading(settings) as conn:
        now = read_status(conn)
    app = create_app(settings)
    depth = queue_depth(app, [queue.name for queue in app.amqp.queues.values()])
    held = unacknowledged(app)
    if as_json:
        print_json(
            {
                "tracks": now.tracks,
                "oldest_pending_seconds": now.oldest_pending_seconds,
                "oldest_lease_seconds": now.oldest_lease_seconds,
                "queue": {"depth": depth, "unacknowledged": held},
                "open_events": now.open_events,
                "rejected": now.rejected,
                "failures": now.failures,
            }
        )
        return
    _print_status(now, depth, held)


def _print_status(now: SystemStatus, depth: int, held: int | None) -> None:
    table(("tracks", "count"), now.tracks.items())
    facts = {
        "oldest PENDING": None if now.oldest_pending_seconds is None else span(now.oldest_pending_seconds),
        "oldest lease": None if now.oldest_lease_seconds is None else span(now.oldest_lease_seconds),
        "messages in the queues": depth,
        "messages unacknowledged": held,
        "events not settled": now.open_events,
        "events rejected": now.rejected,
    }
    console.print()
    for name, value in facts.items():
        console.print(f"{name:<24}{cell(value)}", highlight=False)
    if now.failures:
        console.print()
        table(("failed in the last hour", "count"), now.failures.items())
