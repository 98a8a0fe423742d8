"""Kombu's Redis transports, with one repair: what somebody put into a queue and is no message ends no worker.

Kombu takes for granted that a list holds only what a client of its own has put there. Anything else is an exception in
the worker's event loop: it ends the worker, or makes it reconnect and find the same message again, for ever. Here it
becomes a message without headers, which worker.consumer puts among the dead letters.
"""

import json
from collections.abc import Sequence
from typing import Any, Final
from uuid import uuid4

from kombu.transport import TRANSPORT_ALIASES, redis, virtual

_LIVE_QUEUE: Final = "celery"


class Message(virtual.Message):
    """A message with properties that kombu can work with; one that cannot be read is the body of another."""

    def __init__(self, payload: Any, channel: Any = None, **rest: Any) -> None:
        queues = list(getattr(channel, "_active_queues", ()))
        try:
            super().__init__(_completed(payload, queues), channel=channel, **rest)
        except (AttributeError, KeyError, TypeError, ValueError):
            text = json.dumps(payload, ensure_ascii=False)
            super().__init__(unreadable(text, queues), channel=channel, **rest)


class ForgivingChannel(redis.Channel):
    """A channel that also delivers what is not JSON."""

    Message = Message

    def _brpop_read(self, **options: Any) -> Any:
        try:
            return super()._brpop_read(**options)
        except json.JSONDecodeError as error:
            text = error.doc
        except UnicodeDecodeError as error:
            text = error.object.decode("utf-8", "replace")
        queues = list(self._active_queues)
        self.connection._deliver(unreadable(text, queues), next(iter(queues), _LIVE_QUEUE))  # noqa: SLF001 - as kombu's own does
        return True


class Transport(redis.Transport):
    """What ``redis://`` and ``rediss://`` stand for."""

    Channel = ForgivingChannel


def unreadable(text: str, queues: Sequence[str]) -> dict[str, Any]:
    """Return a message without headers whose body is this text."""
    return _completed({"body": text, "content-type": "text/plain", "content-encoding": "utf-8"}, queues)


def _completed(payload: dict[str, Any], queues: Sequence[str]) -> dict[str, Any]:
    """Return a payload with a tag of its own, whatever its sender made up, and a way back to a queue that is read.

    ``queues`` are those that the channel reads: none after it was told to stop, when what it gets goes back at once.
    """
    properties = dict(payload.get("properties") or {})
    where = dict(properties.get("delivery_info") or {})
    routing_key = where.get("routing_key")
    if routing_key in queues:
        where["exchange"] = ""  # the default exchange: the routing key is the queue
    elif queues or not isinstance(routing_key, str) or not isinstance(where.get("exchange"), str):
        where |= {"exchange": "", "routing_key": next(iter(queues), _LIVE_QUEUE)}
    properties |= {"delivery_tag": str(uuid4()), "delivery_info": where}
    return {**payload, "headers": dict(payload.get("headers") or {}), "properties": properties}


def register() -> None:
    """Let every ``redis://`` and ``rediss://`` of this process be this transport."""
    for scheme in ("redis", "rediss"):
        TRANSPORT_ALIASES[scheme] = f"{__name__}:Transport"
