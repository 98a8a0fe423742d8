"""No queue at all: a thousand rows an upsert, straight into the obvious table."""

from collections.abc import Sequence
from typing import Any

from benchmarks import obvious
from benchmarks.contenders.celery_sql import done
from benchmarks.servers import Place

__all__ = ["EVENTS", "NAME", "SET_UP", "done", "publish", "start"]

NAME = "raw upsert in sets of 1,000"
EVENTS = 30_000
SET_UP = obvious.SCHEMA


def start(_place: Place, _processes: int) -> None:
    """Start nothing."""


def publish(place: Place, events: Sequence[dict[str, Any]]) -> None:
    """Write the tracks, committing each thousand."""
    for first in range(0, len(events), 1000):
        rows = [obvious.row(event) for event in events[first : first + 1000]]
        place.run(obvious.COMPLETE_MANY, {name: [row[name] for row in rows] for name in obvious.COLUMNS})
