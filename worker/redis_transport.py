"""Kombu's Redis transports, with one repair: what somebody put into a queue and is no message ends no worker.

Kombu takes for granted that a list holds only what a client of its own has put there. Anything else is an exception in
the worker's event loop: it ends the worker, or makes it reconnect and find the same message again, for ever. Here it
becomes a message without headers, which worker.consumer puts among the dead letters.
"""

import json
from typing import Any
from uuid import uuid4

from kombu.transport import TRANSPORT_ALIASES, redis, virtual


class Message(virtual.Message):
    """A message that lacks what only kombu needs gets it; one that cannot be read is the body of another."""

    def __init__(self, payload: Any, channel: Any = None, **rest: Any) -> None:
        queue = next(iter(getattr(channel, "_active_queues", ())), "")
        try:
            super().__init__(_completed(payload, queue), channel=channel, **rest)
        except (AttributeError, KeyError, TypeError, ValueError):
            text = json.dumps(payload, ensure_ascii=False)
            super().__init__(unreadable(text, queue), channel=channel, **rest)


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
        queue = next(iter(self._active_queues), "")
        self.connection._deliver(unreadable(text, queue), queue)  # noqa: SLF001 - as kombu's own does
        return True


class Transport(redis.Transport):
    """What ``redis://`` and ``rediss://`` stand for."""

    Channel = ForgivingChannel


def unreadable(text: str, queue: str) -> dict[str, Any]:
    """Return a message without headers whose body is this text."""
    return _completed({"body": text, "content-type": "text/plain", "content-encoding": "utf-8"}, queue)


def _completed(payload: dict[str, Any], queue: str) -> dict[str, Any]:
    properties = {"delivery_tag": str(uuid4()), **(payload.get("properties") or {})}
    where = {"exchange": "", "routing_key": queue, **(properties.get("delivery_info") or {})}
    return {**payload, "headers": payload.get("headers") or {}, "properties": {**properties, "delivery_info": where}}


def register() -> None:
    """Let every ``redis://`` and ``rediss://`` of this process be this transport."""
    for scheme in ("redis", "rediss"):
        TRANSPORT_ALIASES[scheme] = f"{__name__}:Transport"
