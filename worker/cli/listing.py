"""``tonearm list``."""

from typing import Annotated

import typer

from db.read.listing import ORDERINGS
from db.read.tracks import get_all_audio_metadata
from db.status import TrackStatus
from worker.cli.connect import reading
from worker.cli.ids import with_short_ids
from worker.cli.output import AsJson, console, length, narrow, print_json, table, wide
from worker.settings import Settings


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("list")(list_tracks)


def list_tracks(
    status: Annotated[
        str | None,
        typer.Option(help="Only PENDING, PROCESSING, COMPLETED or FAILED.", autocompletion=lambda: list(TrackStatus)),
    ] = None,
    order_by: Annotated[
        str,
        typer.Option(help="created_at, updated_at, title, artist or year.", autocompletion=lambda: list(ORDERINGS)),
    ] = "created_at",
    ascending: Annotated[bool, typer.Option("--ascending", help="Smallest or oldest first.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="Tracks on a page.")] = 50,
    cursor: Annotated[str | None, typer.Option(help="The next_cursor of the page before.")] = None,
    as_json: AsJson = False,
) -> None:
    """List tracks, the newest first.

    Example: tonearm list --status failed
    Example: tonearm list --order-by updated_at --limit 10
    Example: tonearm list --json | jq -r '.tracks[].title'
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
        tracks = [] if as_json else with_short_ids(conn, page.tracks)
    if as_json:
        print_json(page)
        return
    names = (
        "id",
        "status",
        *(() if narrow() else ("artist",)),
        "title",
        *(("album", "year", "length", "updated_at") if wide() else ()),
    )
    rows = (
        track | {"title": track["title"] or track["audio_path"], "length": length(track["duration"])}
        for track in tracks
    )
    table(names, ([row[name] for name in names] for row in rows))
    console.print(f"{len(page.tracks)} of {page.total}", highlight=False)
    if page.next_cursor:
        console.print(f"more: --cursor {page.next_cursor}", highlight=False, soft_wrap=True)
