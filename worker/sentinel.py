"""Kombu's Sentinel transport, with one more repair: a worker outlives the master that it was connected to.

When the master is gone, kombu gives up the connection and closes its channels afterwards. To put back what was not
acknowledged, a channel then asks a connection that is no more for its address, and the AttributeError ends the worker.
Said as the connection error that it is, it is what everybody there expects, and the worker goes on to the new master.
What is no message ends no worker either, as with ``redis://``.
"""

from typing import Any

from kombu.transport import TRANSPORT_ALIASES, redis
from redis.exceptions import ConnectionError as RedisConnectionError

from worker.redis_transport import ForgivingChannel


class Channel(ForgivingChannel, redis.SentinelChannel):
    """A channel that can be closed after its connection."""

    def _connparams(self, asynchronous: bool = False) -> Any:  # noqa: FBT001, FBT002 - kombu's signature
        if self.connection is None or self.connection.client is None:
            raise RedisConnectionError("the connection to the broker was given up")
        return super()._connparams(asynchronous)


class Transport(redis.SentinelTransport):
    """What ``sentinel://`` stands for."""

    Channel = Channel


def register() -> None:
    """Let every ``sentinel://`` of this process be this transport."""
    TRANSPORT_ALIASES["sentinel"] = f"{__name__}:Transport"
