"""How the command line speaks: tables for people, JSON for programs, faults on standard error in one line."""

import json
import sys
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, NoReturn

import typer
from pydantic_core import to_json
from rich.console import Console
from rich.table import Table

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]

console = Console(soft_wrap=False)
errors = Console(stderr=True)

_STYLES = {"COMPLETED": "green", "FAILED": "red", "PROCESSING": "yellow", "PENDING": "cyan"}
_WIDE = 110
_UNITS = (("d", 86400), ("h", 3600), ("m", 60), ("s", 1))


def fail(message: str, code: int) -> NoReturn:
    """Say what went wrong in one line on standard error, and exit."""
    line = " ".join(message.split())
    print(f"tonearm: {line}", file=sys.stderr)
    sys.exit(code)


def print_json(value: Any) -> None:
    """Print one JSON document; times as RFC 3339, ids as text."""
    print(json.dumps(json.loads(to_json(value)), ensure_ascii=False, indent=2 if sys.stdout.isatty() else None))


def wide() -> bool:
    """Whether there is room for what is nice to have, beside what is needed."""
    return console.width >= _WIDE


def table(columns: Iterable[str], rows: Iterable[Iterable[Any]], *, title: str | None = None) -> None:
    """Print a table that fits the terminal's width."""
    drawn = Table(title=title, title_justify="left", header_style="bold", box=None, pad_edge=False)
    for column in columns:
        number = column in {"year", "length", "count", "score", "retries", "attempt"}
        drawn.add_column(column, justify="right" if number else "left", overflow="fold", no_wrap=column == "id")
    for row in rows:
        drawn.add_row(*(cell(value) for value in row))
    console.print(drawn)


def cell(value: Any) -> str:
    """Return a value as a table shows it; markup in names stays text."""
    if value is None:
        return "–"
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
