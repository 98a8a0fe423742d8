"""dramatiq with the obvious SQL, on the same broker."""

import os
from collections.abc import Sequence
from typing import Any

import dramatiq
from dramatiq.brokers.redis import RedisBroker

from benchmarks import obvious
from benchmarks.servers import Place

NAME = "dramatiq, obvious SQL"
EVENTS = 10_000
SET_UP = obvious.SCHEMA

if "BROKER_URL" in os.environ:  # a worker
    dramatiq.set_broker(RedisBroker(url=os.environ["BROKER_URL"]))


@dramatiq.actor
def process(event: dict[str, Any]) -> None:
    """Process one event."""
    obvious.process(event)


def start(place: Place, processes: int) -> None:
    """Start worker processes, with as many threads each as dramatiq's default gives them."""
    place.start_workers(["dramatiq", __name__, "--processes", str(processes)])


def publish(place: Place, events: Sequence[dict[str, Any]]) -> None:
    """Enqueue the events one by one."""
    broker = RedisBroker(url=place.broker_url)
    broker.declare_queue("default")
    process.broker = broker
    for event in events:
        process.send(event)
    broker.close()


def done(place: Place) -> int:
    """Count what is completed."""
    return int(place.run(obvious.COUNT)[0][0])
