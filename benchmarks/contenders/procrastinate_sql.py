"""procrastinate with the obvious SQL; its queue is in the same PostgreSQL."""

import os
from collections.abc import Sequence
from typing import Any

import procrastinate

from benchmarks import obvious
from benchmarks.servers import Place

NAME = "procrastinate, obvious SQL"
EVENTS = 2_000

app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=os.environ.get("DATABASE_URL", "")))


@app.task(name="obvious.process")
def process(event: dict[str, Any]) -> None:
    """Process one event."""
    obvious.process(event)


def SET_UP(url: str) -> None:  # noqa: N802 - takes the place of a constant
    """Make the obvious table and procrastinate's own."""
    connector = procrastinate.SyncPsycopgConnector(conninfo=url)
    with procrastinate.App(connector=connector).open() as opened:
        opened.schema_manager.apply_schema()
        connector.execute_query(obvious.SCHEMA)


def start(place: Place, processes: int) -> None:
    """Start workers; each has a process of its own."""
    command = ["procrastinate", f"--app={__name__}.app", "worker", "--concurrency=1"]
    place.start_workers(*[command] * processes)


def publish(place: Place, events: Sequence[dict[str, Any]]) -> None:
    """Defer the events one by one."""
    connector = procrastinate.SyncPsycopgConnector(conninfo=place.database_url)
    with procrastinate.App(connector=connector).open() as client:
        deferrer = client.configure_task("obvious.process", allow_unknown=True)
        for event in events:
            deferrer.defer(event=event)


def done(place: Place) -> int:
    """Count what is completed."""
    return int(place.run(obvious.COUNT)[0][0])
