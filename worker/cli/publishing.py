"""``tonearm publish``: events from JSON lines."""

import sys
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import IO, Annotated

import typer
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from worker.app import BACKFILL_QUEUE
from worker.cli.output import AsJson, console, errors, fail, print_json
from worker.events import PAYLOAD_MAX_BYTES, Event, InvalidEventError, parse_json
from worker.publisher import Publisher
from worker.settings import Settings

_BATCH = 500
_SHOWN = 20
_LINE_MAX = 4 * PAYLOAD_MAX_BYTES
_LOOKS_WRONG_AFTER = 50


class Tally:
    """What became of the lines: how many were published, known before, left to the sweeper, refused."""

    def __init__(self) -> None:
        self.published = self.duplicates = self.not_enqueued = self.refused = 0

    def summary(self) -> dict[str, int]:
        """Return the counts by name."""
        return {
            "published": self.published,
            "duplicates": self.duplicates,
            "not_enqueued": self.not_enqueued,
            "refused": self.refused,
        }


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(publish)


def publish(
    files: Annotated[list[str], typer.Argument(help="Files of JSON lines, one event each; - is standard input.")],
    as_json: AsJson = False,
    backfill: Annotated[
        bool, typer.Option("--backfill", help="A mass import: workers apply what is published otherwise first.")
    ] = False,
) -> None:
    """Publish events from JSON lines.

    Publishing the same events again is no work: an event that is known changes nothing.

    Invalid lines are reported with their numbers and kept among the rejected events; the others go through.

    Example: tonearm publish events.jsonl
    Example: zcat catalogue.jsonl.gz | tonearm publish --backfill -
    """
    tally = Tally()
    with ExitStack() as opened:
        sources = [(name, opened.enter_context(_open(name))) for name in files]
        publisher = opened.enter_context(Publisher(Settings(), queue=BACKFILL_QUEUE if backfill else None))
        with _progress() as progress:
            for name, source in sources:
                total = None if name == "-" else max(1, Path(name).stat().st_size)
                _publish_file(name, source, publisher, tally, progress, progress.add_task(name, total=total))
    _report(tally, as_json=as_json)
    if tally.refused:
        raise typer.Exit(1)


def _open(name: str) -> IO[bytes]:
    if name == "-":
        return sys.stdin.buffer
    try:
        return Path(name).open("rb")
    except OSError as error:
        fail(f"cannot read {name}: {error.strerror}", 2)


def _progress() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[events]} events"),
        TextColumn("{task.fields[rate]}/s"),
        TimeRemainingColumn(),
        console=errors,
        transient=True,
        disable=not errors.is_terminal,
    )


def _publish_file(
    name: str, source: IO[bytes], publisher: Publisher, tally: Tally, progress: Progress, bar: TaskID
) -> None:
    progress.update(bar, events=0, rate=0)
    lines = _lines(source)
    done = 0
    while chunk := list(islice(lines, _BATCH)):
        parsed = [(number, _parse(text)) for number, text in chunk]
        bad = [(number, error) for number, error in parsed if isinstance(error, InvalidEventError)]
        if done == 0 and len(bad) == len(parsed) >= _LOOKS_WRONG_AFTER:
            fail(f"{name} does not look like events in JSON lines: line {bad[0][0]}: {bad[0][1]}", 1)
        receipts = publisher.publish_parsed([event for _, event in parsed])
        for number, error in bad:
            tally.refused += 1
            if tally.refused <= _SHOWN:
                errors.print(f"{name}:{number}: {error}", markup=False, highlight=False, soft_wrap=True)
        tally.duplicates += sum(receipt.duplicate for receipt in receipts)
        fresh = [receipt for receipt in receipts if receipt.stored and not receipt.duplicate]
        tally.published += len(fresh)
        tally.not_enqueued += sum(not receipt.enqueued for receipt in fresh)
        done += len(chunk)
        task = progress.tasks[bar]
        rate = f"{done / task.elapsed:.0f}" if task.elapsed else "–"
        progress.update(bar, advance=sum(len(text) for _, text in chunk), events=done, rate=rate)


def _lines(source: IO[bytes]) -> Iterator[tuple[int, bytes]]:
    """Yield the lines that say something, with their numbers; an endless one is cut where no event could go on."""
    number = 0
    while line := source.readline(_LINE_MAX):
        number += 1
        whole = line
        while not line.endswith(b"\n") and (line := source.readline(_LINE_MAX)):
            pass  # the rest of a line that is too long for any event
        if whole.strip():
            yield number, whole


def _parse(text: bytes) -> Event | InvalidEventError:
    try:
        return parse_json(text.lstrip(b"\xef\xbb\xbf"))
    except InvalidEventError as error:
        return error


def _report(tally: Tally, *, as_json: bool) -> None:
    if tally.refused > _SHOWN:
        errors.print(f"… and {tally.refused - _SHOWN} more; all are kept: tonearm rejected list")
    if as_json:
        print_json(tally.summary())
        return
    line = f"{tally.published} published, {tally.duplicates} known already, {tally.refused} refused"
    if tally.not_enqueued:
        line += f"; the broker is away: {tally.not_enqueued} are stored and will be enqueued by a worker's sweeper"
    console.print(line, highlight=False)
