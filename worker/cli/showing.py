"""``tonearm show``: everything that happened to one track."""

from typing import Annotated
from uuid import UUID

import typer

from db.errors import ResourceNotFoundError
from db.models import AudioTrack, HistoryEntry
from db.read.history import get_track_history
from db.read.search_explain import why_found
from db.read.searchable import Searchable, explain_searchable
from db.read.tracks import get_audio_metadata_by_id
from db.statements import Connection
from worker.cli.connect import reading
from worker.cli.ids import find_track
from worker.cli.output import AsJson, ago, cell, console, length, print_json, table
from worker.settings import Settings


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(show)


def show(
    audio_id: Annotated[str, typer.Argument(metavar="ID", help="The track's id, or enough of its beginning.")],
    query: Annotated[str | None, typer.Option(help="Say why this search finds the track or does not.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show a track: its metadata, its whole timeline, and why it is or isn't searchable.

    Example: tonearm show 5d098d5b-adcd-5b71-925a-9eedf497a0f4
    Example: tonearm show 5d09
    Example: tonearm show 5d09 --query "bjork joga"
    """
    with reading(Settings()) as conn:
        track = get_audio_metadata_by_id(conn, find_track(conn, audio_id))
        if track is None:
            raise ResourceNotFoundError(f"there is no track {audio_id}; `tonearm list` shows those there are")
        timeline = _whole_history(conn, track.id)
        found = explain_searchable(conn, track)
        reason = None if query is None else why_found(conn, track.id, query)
    if as_json:
        shown = {"track": track, "timeline": [_line(entry) for entry in timeline], **found._asdict()}
        print_json(shown if reason is None else shown | {"query": reason})
        return
    _print_track(track, found)
    if reason is not None:
        verdict = "finds it" if reason.found else "does not find it"
        console.print(
            f"  {cell(query)} {verdict}: {cell('; '.join(reason.reasons))}\n", highlight=False, soft_wrap=True
        )
    _print_timeline(timeline)


def _whole_history(conn: Connection, audio_id: UUID) -> list[HistoryEntry]:
    entries: list[HistoryEntry] = []
    while page := get_track_history(conn, audio_id, after_id=entries[-1].id if entries else 0):
        entries += page
    return entries


def _line(entry: HistoryEntry) -> dict[str, object]:
    return {
        "from": entry.from_status,
        "to": entry.to_status,
        "attempt": entry.attempt,
        "event_id": entry.event_id,
        "worker": entry.worker,
        "error_code": entry.error_code,
        "error_message": entry.error_message,
        "at": entry.at,
    }


def _print_track(track: AudioTrack, found: Searchable) -> None:
    console.print(f"[bold]{cell(track.title or 'no title yet')}[/]  {cell(track.artist)}  {cell(track.status.value)}")
    shown = track.model_dump(exclude={"id", "title", "artist", "status", "lease_token"}, exclude_none=True)
    shown["duration"] = length(track.duration)
    for name, value in {"id": track.id, **shown}.items():
        if value is not None:
            console.print(f"  {name:<20}{cell(value)}", highlight=False, soft_wrap=True)
    verdict = "searchable" if found.searchable else "not searchable"
    console.print(f"  {verdict}: {cell(found.why)}", highlight=False, soft_wrap=True)
    console.print()


def _print_timeline(timeline: list[HistoryEntry]) -> None:
    began = timeline[0].at if timeline else None
    table(
        ("when", "from", "to", "attempt", "worker", "what"),
        (
            (
                ago(entry.at) if entry.at == began or began is None else f"+{(entry.at - began).total_seconds():.3f} s",
                entry.from_status and entry.from_status.value,
                entry.to_status.value,
                entry.attempt,
                entry.worker,
                ": ".join(text for text in (entry.error_code, entry.error_message) if text),
            )
            for entry in timeline
        ),
    )
