"""Tonearm, one message an event, as any Celery client sends it; the worker stores the event."""

from collections.abc import Sequence
from typing import Any

from benchmarks.contenders.tonearm_batch import SET_UP, done, settings, start
from benchmarks.servers import Place
from worker.publisher import Publisher

__all__ = ["EVENTS", "NAME", "SET_UP", "done", "publish", "start"]

NAME = "Tonearm, one message an event"
EVENTS = 6_000


def publish(place: Place, events: Sequence[dict[str, Any]]) -> None:
    """Enqueue the events one by one."""
    with Publisher(settings(place), durable=False) as publisher:
        for event in events:
            publisher.publish(event)
