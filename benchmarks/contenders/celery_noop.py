"""Celery moving messages and doing nothing with them: its ceiling."""

import os
import time
from collections.abc import Sequence
from typing import Any

from celery import Celery

from benchmarks.servers import Place

NAME = "Celery, no-op"
EVENTS = 8_000
SET_UP = "SELECT 1"
EXECUTED = "EXECUTED_FILE"

app = Celery("noop", broker=os.environ.get("BROKER_URL"))
app.conf.task_ignore_result = True


@app.task(name="noop.process")
def process(_event: dict[str, Any]) -> None:
    """Do nothing."""


@app.task(name="noop.note")
def note(event: dict[str, Any]) -> None:
    """Do nothing but note when."""
    with open(os.environ[EXECUTED], "a", encoding="ascii") as file:  # noqa: PTH123 - as quick as can be
        file.write(f"{event['audio_id']} {time.time()}\n")


def start(place: Place, processes: int, **environment: str) -> None:
    """Start a worker."""
    place.start_workers(["celery", "-A", __name__, "worker", "-c", str(processes)], **environment)


_published: dict[str, int] = {}


def publish(place: Place, events: Sequence[dict[str, Any]]) -> None:
    """Enqueue the events one by one."""
    with Celery("publisher", broker=place.broker_url, set_as_current=False) as client:
        for event in events:
            client.send_task("noop.process", args=[event], ignore_result=True)
            _published[place.database_url] = _published.get(place.database_url, 0) + 1


def done(place: Place) -> int:
    """Count what has left the broker: a no-op leaves no other trace."""
    return _published.get(place.database_url, 0) - place.messages("celery")
