"""How events travel: the two tasks' messages, and how many of them wait."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from celery import Celery
from kombu.exceptions import OperationalError

PROCESSED = "audio.processed"
PROCESSED_BATCH = "audio.processed.batch"
UNREADABLE = "audio.unreadable"
"""Workers send it to themselves: what was in a queue and no message, with the reason."""
STORED = "tonearm_stored"
"""The message header that says that its events are in the inbox already."""
_CONFIRM_SECONDS = 5.0
"""How long RabbitMQ may take to say that it has a message; Redis says so in its answer."""


def send(
    app: Celery, payloads: Sequence[dict[str, Any]], *, stored: bool, again: bool = False, queue: str | None = None
) -> None:
    """Send events to the workers: one as itself, more as a batch. Raises OperationalError if no broker answers.

    ``again``: the event was tried before, so workers must not apply it together with others.
    """
    name, args = (PROCESSED, [payloads[0]]) if len(payloads) == 1 else (PROCESSED_BATCH, [list(payloads)])
    options = {"queue": queue, "ignore_result": True, "confirm_timeout": _CONFIRM_SECONDS, "retries": int(again)}
    with app.producer_or_acquire() as producer:
        try:
            app.send_task(name, args=args, headers={STORED: stored}, producer=producer, **options)
        except OperationalError:
            # Nobody says that a connection which only fell silent is broken: the next message must not go there, too.
            producer.connection.collect()
            raise


@contextmanager
def _connected(app: Celery) -> Iterator[Any]:
    """Lend a connection to the broker. Raises OperationalError if it does not answer, whatever transport it is."""
    with app.connection_for_read() as connection:
        try:
            yield connection
        except connection.connection_errors as error:
            raise OperationalError(f"the broker does not answer: {error}") from error


def queue_depth(app: Celery, queues: Sequence[str]) -> int:
    """Return how many messages wait in these queues; one that does not exist yet holds none.

    Raises OperationalError if no broker answers.
    """
    depth = 0
    with _connected(app) as connection:
        for queue in queues:
            with connection.channel() as channel:
                try:
                    depth += channel.queue_declare(queue, passive=True).message_count
                except connection.channel_errors:
                    continue  # the broker's way of saying that nobody ever used this queue
    return depth


def unacknowledged(app: Celery) -> int | None:
    """Return how many messages workers hold that are not acknowledged yet; None where the broker does not tell.

    Only Redis keeps them where a client can count them. Raises OperationalError if no broker answers.
    """
    with _connected(app) as connection, connection.channel() as channel:
        client = getattr(channel, "client", None)
        key = getattr(channel, "unacked_key", None)
        return None if client is None or key is None else int(client.hlen(key))


__all__ = [
    "PROCESSED",
    "PROCESSED_BATCH",
    "STORED",
    "UNREADABLE",
    "OperationalError",
    "queue_depth",
    "send",
    "unacknowledged",
]
