"""``tonearm reconcile``: the upload service's own list against what has become of it."""

from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Annotated, NamedTuple
from uuid import UUID

import typer
from pydantic_core import from_json
from rich.progress import Progress

from db.read.recovery import Whereabouts, whereabouts
from db.statements import Connection
from worker.cli.connect import reading, writing
from worker.cli.output import AsJson, console, errors, fail, print_json
from worker.events import Event, InvalidEventError, parse_event
from worker.publisher import Publisher
from worker.settings import Settings

_BATCH = 500
_SHOWN = 20
_WORDS: tuple[Whereabouts, ...] = ("completed", "under_way", "failed", "rejected", "missing")


class _Line(NamedTuple):
    """A line of the list: which event, or else which track, and the whole event where the line holds one."""

    number: int
    event_id: UUID | None
    audio_id: UUID | None
    event: Event | None

    @property
    def key(self) -> UUID | None:
        return self.event_id or self.audio_id


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(reconcile)


def reconcile(
    file: Annotated[Path, typer.Argument(help="JSON lines, each with an event_id or an audio_id, or a whole event.")],
    repair: Annotated[bool, typer.Option("--repair", help="Publish what never arrived, from whole events.")] = False,
    as_json: AsJson = False,
) -> None:
    """Say what has become of everything on a list: completed, under_way, failed, rejected, or missing.

    Exits with 1 if anything failed, was rejected, is missing, or a line cannot be read.

    Example: tonearm reconcile uploads.jsonl --repair
    """
    settings = Settings()
    counts: Counter[str] = Counter(dict.fromkeys(_WORDS, 0))
    troubles: list[dict[str, object]] = []
    repaired = unreadable = 0
    try:
        size = max(1, file.stat().st_size)
        source = file.open("rb")
    except OSError as error:
        fail(f"cannot read {file}: {error.strerror}", 2)
    with source, Progress(console=errors, transient=True, disable=not errors.is_terminal) as progress:
        bar = progress.add_task(str(file), total=size)
        numbered = enumerate(source, start=1)
        while chunk := list(islice(numbered, _BATCH)):
            lines = [_read(number, text) for number, text in chunk if text.strip()]
            for line in (line for line in lines if line.key is None):
                unreadable += 1
                troubles.append({"line": line.number, "found": "unreadable"})
            known = [line for line in lines if line.key is not None]
            # Where something is published next, a replica that lags would call it missing.
            with (writing if repair else reading)(settings) as conn:
                found = dict(_look_up(conn, known))
            missing = [line.event for line in known if found[line.number] == "missing" and line.event]
            published = _publish(settings, missing) if repair and missing else set()
            repaired += len(published)
            for line in known:
                word = found[line.number]
                counts[word] += 1
                if word in {"failed", "rejected", "missing"} and line.event_id not in published:
                    troubles.append({"line": line.number, "found": word, "id": line.key})
            progress.update(bar, advance=sum(len(text) for _, text in chunk))
    if as_json:
        print_json({"counts": counts, "repaired": repaired, "unreadable": unreadable, "troubles": troubles})
    else:
        _report(counts, troubles, repaired)
    if troubles:
        raise typer.Exit(1)


def _read(number: int, text: bytes) -> _Line:
    try:
        said = from_json(text)
        if not isinstance(said, dict):
            return _Line(number, None, None, None)
        if "audio_path" in said:
            event = parse_event(said)
            return _Line(number, event.event_id, event.audio_id, event)
        event_id, audio_id = (UUID(str(said[key])) if said.get(key) else None for key in ("event_id", "audio_id"))
    except (ValueError, InvalidEventError):
        return _Line(number, None, None, None)
    return _Line(number, event_id, audio_id, None)


def _look_up(conn: Connection, lines: list[_Line]) -> Iterator[tuple[int, Whereabouts]]:
    found = whereabouts(
        conn,
        event_ids=[line.event_id for line in lines if line.event_id],
        audio_ids=[line.audio_id for line in lines if line.audio_id and not line.event_id],
    )
    for line in lines:
        if line.key is not None:
            yield line.number, found[line.key]


def _publish(settings: Settings, events: list[Event]) -> set[UUID]:
    with Publisher(settings) as publisher:
        receipts = publisher.publish_parsed(list({event.event_id: event for event in events}.values()))
    return {receipt.event_id for receipt in receipts if receipt.stored and receipt.event_id}


def _report(counts: Counter[str], troubles: list[dict[str, object]], repaired: int) -> None:
    for trouble in troubles[:_SHOWN]:
        console.print(f"line {trouble['line']}: {trouble['found']}  {trouble.get('id', '')}", highlight=False)
    if len(troubles) > _SHOWN:
        console.print(f"… and {len(troubles) - _SHOWN} more: --json has them all", highlight=False)
    said = ", ".join(f"{counts[word]} {word.replace('_', ' ')}" for word in _WORDS)
    console.print(said + (f"; {repaired} published now" if repaired else ""), highlight=False)
