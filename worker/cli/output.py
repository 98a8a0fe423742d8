"""How the command line speaks: tables for people, JSON for programs, faults on standard error in one line."""

import json
import os
import sys
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, NoReturn

import typer
from pydantic_core import to_json
from rich.cells import cell_len
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]

_PIPE_WIDTH = 200

# Nobody looks at a pipe's width: there, names are not cut to make a table fit.
console = Console(width=None if sys.stdout.isatty() or "COLUMNS" in os.environ else _PIPE_WIDTH)
errors = Console(stderr=True)

_STYLES = {"COMPLETED": "green", "FAILED": "red", "PROCESSING": "yellow", "PENDING": "cyan"}
_WIDE = 110
_NARROW = 60
_CUT, _CUT_LEAST = {"artist", "title", "album", "genre"}, 10
_FOLDED, _FOLDED_LEAST = {"worker", "what", "found", "what to do", "reasons", "what arrived", "as", "asked", ""}, 16
_NUMBERS = {"year", "length", "count", "score", "retries", "attempt"}
NOTHING = "–"
_UNITS = (("d", 86400), ("h", 3600), ("m", 60), ("s", 1))


def fail(message: str, code: int) -> NoReturn:
    """Say what went wrong in one line on standard error, and exit."""
    line = " ".join(message.split())
    print(f"tonearm: {line}", file=sys.stderr)
    sys.exit(code)


def print_json(value: Any) -> None:
    """Print one JSON document; times as RFC 3339, ids as text."""
    print(as_json_text(value, indent=2 if sys.stdout.isatty() else None))


def as_json_text(value: Any, *, indent: int | None = None) -> str:
    """Return one JSON document; without ``indent``, it is one line."""
    return json.dumps(json.loads(to_json(value)), ensure_ascii=False, indent=indent)


def wide() -> bool:
    """Whether there is room for what is nice to have, beside what is needed."""
    return console.width >= _WIDE


def narrow() -> bool:
    """Whether there is room for little more than a name and a state."""
    return console.width < _NARROW


def table(columns: Iterable[str], rows: Iterable[Iterable[Any]], *, title: str | None = None) -> None:
    """Print a table that fits the terminal's width."""
    console.print(as_table(columns, rows, title=title), highlight=False)


def as_table(columns: Iterable[str], rows: Iterable[Iterable[Any]], *, title: str | None = None) -> RenderableType:
    """Return a table that fits the terminal's width: names are cut and texts folded before anything else is.

    Where even that does not fit, each row is a block of lines.
    """
    names, texts = list(columns), [[Text.from_markup(cell(value)) for value in row] for row in rows]
    widths = _widths(names, texts)
    if widths is None:
        return _blocks(names, texts)
    drawn = Table(title=title, title_justify="left", header_style="bold", box=None, pad_edge=False)
    for name, width in zip(names, widths, strict=True):
        drawn.add_column(
            name,
            width=width,
            justify="right" if name in _NUMBERS else "left",
            overflow="ellipsis" if name in _CUT else "fold",
            no_wrap=name not in _FOLDED,
        )
    for row in texts:
        drawn.add_row(*row)
    return drawn


def _widths(names: list[str], rows: list[list[Text]]) -> list[int] | None:
    """Return what each column gets, the longest giving way first; None where there is no room even so."""
    natural = [max([cell_len(name), *(row[at].cell_len for row in rows)]) for at, name in enumerate(names)]
    least = [
        min(width, _CUT_LEAST if name in _CUT else _FOLDED_LEAST if name in _FOLDED else width)
        for name, width in zip(names, natural, strict=True)
    ]
    room = console.width - 2 * (len(names) - 1)
    if sum(least) > room:
        return None
    longest = max(natural)
    while True:
        widths = [max(low, min(width, longest)) for low, width in zip(least, natural, strict=True)]
        if sum(widths) <= room:
            return widths
        longest -= 1


def _blocks(names: list[str], rows: list[list[Text]]) -> RenderableType:
    widest = max(map(cell_len, names))
    blocks = []
    for row in rows:
        lines = [
            Text.assemble((f"{name:<{widest}}  ", "bold"), text)
            for name, text in zip(names, row, strict=True)
            if text.plain not in {"", NOTHING}
        ]
        blocks.append(Text("\n").join(lines))
    return Text("\n\n").join(blocks)


def cell(value: Any) -> str:
    """Return a value as a table shows it; markup in names stays text."""
    if value is None:
        return NOTHING
    if isinstance(value, datetime):
        return ago(value)
    text = str(value)
    if text in _STYLES:
        return f"[{_STYLES[text]}]{text}[/]"
    return text.replace("[", r"\[")


def ago(moment: datetime) -> str:
    """Return how long ago something was, or how far ahead it is."""
    gap = datetime.now(UTC) - moment
    return f"{span(gap)} ago" if gap >= timedelta(0) else f"in {span(-gap)}"


def span(gap: timedelta | float) -> str:
    """Return a duration in its largest unit; a number is seconds."""
    seconds = gap.total_seconds() if isinstance(gap, timedelta) else gap
    for unit, size in _UNITS:
        if seconds >= size:
            return f"{seconds / size:.0f}{unit}"
    return "0s"


def length(seconds: float | None) -> str | None:
    """Return a track's duration as minutes and seconds."""
    if seconds is None:
        return None
    return f"{int(seconds) // 60}:{int(seconds) % 60:02}"


def only(source: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """Return these entries of a mapping, in this order."""
    return {name: source.get(name) for name in names}
