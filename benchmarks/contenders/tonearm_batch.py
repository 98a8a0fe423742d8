"""Tonearm as it is meant for many events: stored durably and published in batches."""

from collections.abc import Sequence
from typing import Any

from pydantic import SecretStr

from benchmarks.servers import Place
from db.migrate import migrate
from worker.publisher import Publisher
from worker.settings import Settings

NAME = "Tonearm, batches, durable"
EVENTS = 30_000


def SET_UP(url: str) -> None:  # noqa: N802 - takes the place of a constant
    """Apply the migrations."""
    migrate(url)


def start(place: Place, processes: int) -> None:
    """Start a worker as the documents say."""
    place.start_workers(["celery", "-A", "worker.app", "worker", "-c", str(processes)])


def settings(place: Place) -> Settings:
    """Return what a publisher is given."""
    return Settings(database_url=SecretStr(place.database_url), broker_url=SecretStr(place.broker_url))


def publish(place: Place, events: Sequence[dict[str, Any]]) -> None:
    """Store and enqueue the events."""
    with Publisher(settings(place)) as publisher:
        publisher.publish_many(events)


def done(place: Place) -> int:
    """Count what can be searched."""
    return int(place.run("SELECT count(*) FROM track_search")[0][0])
