"""Plain Celery with the obvious SQL, Celery's defaults as they are."""

import os
from collections.abc import Sequence
from typing import Any

from celery import Celery

from benchmarks import obvious
from benchmarks.servers import Place

NAME = "plain Celery, obvious SQL"
EVENTS = 6_000
SET_UP = obvious.SCHEMA

app = Celery("obvious", broker=os.environ.get("BROKER_URL"))
app.conf.task_ignore_result = True


@app.task(name="obvious.process")
def process(event: dict[str, Any]) -> None:
    """Process one event."""
    obvious.process(event)


def start(place: Place, processes: int) -> None:
    """Start a worker."""
    place.start_workers(["celery", "-A", __name__, "worker", "-c", str(processes)])


def publish(place: Place, events: Sequence[dict[str, Any]]) -> None:
    """Enqueue the events one by one."""
    with Celery("publisher", broker=place.broker_url, set_as_current=False) as client:
        for event in events:
            client.send_task("obvious.process", args=[event], ignore_result=True)


def done(place: Place) -> int:
    """Count what is completed."""
    return int(place.run(obvious.COUNT)[0][0])
