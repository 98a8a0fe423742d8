"""Sends what Flower shows in batches of a tenth of a second.

Celery flushes the events about its tasks with every turn of its loop, which for a worker that is busy with small
messages is every message: a quarter of what its parent did.
"""

from typing import Any, Final

from celery import bootsteps
from celery.worker.consumer.events import Events

FLUSH_SECONDS: Final = 0.1
_AT_ONCE: Final = 500
"""So many events are sent without waiting, so that one message to the monitors stays small."""


class EventsPaceStep(bootsteps.StartStopStep):
    """Flushes task events by a timer instead of by every turn of the consumer's loop."""

    requires = (Events,)

    def __init__(self, _consumer: Any, **_: Any) -> None:
        self._timer: Any = None

    def start(self, consumer: Any) -> None:
        """Take over from Celery, on every new connection to the broker."""
        self._timer = None
        dispatcher = consumer.event_dispatcher
        if consumer.hub is None or not dispatcher.enabled:
            return

        def flush() -> None:
            self._timer = None
            dispatcher.flush()

        def flush_soon() -> None:
            if self._timer is None:
                self._timer = consumer.timer.call_after(FLUSH_SECONDS, flush)

        dispatcher.buffer_limit = _AT_ONCE
        dispatcher.on_send_buffered = flush_soon

    def stop(self, consumer: Any) -> None:
        """Send what is left."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
            consumer.event_dispatcher.flush()
