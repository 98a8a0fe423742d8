"""How events travel: the two tasks' messages, and how many of them wait."""

from collections.abc import Sequence
from typing import Any

from celery import Celery
from kombu.exceptions import OperationalError

PROCESSED = "audio.processed"
PROCESSED_BATCH = "audio.processed.batch"
STORED = "tonearm_stored"
"""The message header that says that its events are in the inbox already."""


def send(app: Celery, payloads: Sequence[dict[str, Any]], *, stored: bool, queue: str | None = None) -> None:
    """Send events to the workers: one as itself, more as a batch. Raises OperationalError if no broker answers."""
    name, args = (PROCESSED, [payloads[0]]) if len(payloads) == 1 else (PROCESSED_BATCH, [list(payloads)])
    app.send_task(name, args=args, headers={STORED: stored}, queue=queue, ignore_result=True)


def queue_depth(app: Celery, queues: Sequence[str]) -> int:
    """Return how many messages wait in these queues; one that does not exist yet holds none."""
    depth = 0
    with app.connection_for_read() as connection:
        for queue in queues:
            with connection.channel() as channel:
                try:
                    depth += channel.queue_declare(queue, passive=True).message_count
                except connection.channel_errors:
                    continue  # the broker's way of saying that nobody ever used this queue
    return depth


__all__ = ["PROCESSED", "PROCESSED_BATCH", "STORED", "OperationalError", "queue_depth", "send"]
