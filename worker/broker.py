"""What Celery must be told of each kind of broker, so that one that is away or silent holds nobody up."""

from typing import Any

from worker import redis_transport, sentinel
from worker.settings import Settings

redis_transport.register()
sentinel.register()

SOCKET_SECONDS = 5.0
"""How long a broker may take to answer."""
_RABBITMQ_SECONDS = 4.0
"""A worker that reconnects to one that falls silent waits for this three times before it tries anew."""


def is_redis(url: str) -> bool:
    """Say whether this broker speaks Redis' protocol, found through sentinels or not."""
    return url.startswith(("redis", "rediss", "sentinel"))


def transport_options(settings: Settings, *, seconds: float = SOCKET_SECONDS) -> dict[str, Any]:
    """Return the transport options for ``BROKER_URL``; ``seconds`` is how long it may take to answer.

    Raises ServiceNotConfiguredError where no broker is set.
    """
    url = settings.broker()
    if url.startswith("amqp"):
        # Without confirms a message counts as sent once it is in the socket's buffer, whoever is at the other end.
        seconds = min(seconds, _RABBITMQ_SECONDS)
        return {"confirm_publish": True, "read_timeout": seconds, "write_timeout": seconds}
    if not is_redis(url):
        return {}
    sockets = {"socket_timeout": seconds, "socket_connect_timeout": seconds, "socket_keepalive": True}
    options = {
        **sockets,
        # Longer than any attempt, shorter than anybody's patience; the sweeper does not wait for it.
        "visibility_timeout": max(300.0, 2 * settings.lease_seconds),
        "unacked_restore_interval": 10,
        "unacked_restore_throttle": 3,
        "queue_order_strategy": "priority",  # in the order of task_queues: live events overtake a backfill
        "health_check_interval": 4,  # a silent broker is noticed within 1 + twice this
        # How often a publisher tries before it says that the broker is away; a worker's reconnecting never ends.
        "max_retries": 1,
        "interval_start": 0,
        "interval_step": 0.1,
    }
    if url.startswith("sentinel"):
        password = settings.sentinel_password.get_secret_value() if settings.sentinel_password else None
        options |= {"master_name": settings.sentinel_master, "sentinel_kwargs": {**sockets, "password": password}}
    return options
