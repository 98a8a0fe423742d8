"""What an upload service imports: ``Publisher().publish(event)``."""

import time
from collections.abc import Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any, NamedTuple, Self
from uuid import UUID

import structlog

from db.errors import MusicLibraryError, ValidationError
from db.pool import DatabasePool
from db.statements import Connection
from db.write import inbox
from worker.app import create_app
from worker.events import BATCH_MAX, AudioProcessed, Event, InvalidEventError, parse_event
from worker.messages import OperationalError, send
from worker.settings import Settings

log = structlog.get_logger()

_BROKER_REST_SECONDS = 1.0


class Receipt(NamedTuple):
    """What became of one event.

    ``stored``: it is in the inbox, so it cannot be lost. ``enqueued``: its message is with the broker; if not, the
    sweeper enqueues it later. ``duplicate``: this very event was stored before. ``errors``: why it was refused; it is
    among the rejected events then.
    """

    event_id: UUID | None
    audio_id: UUID | None
    stored: bool = False
    enqueued: bool = False
    duplicate: bool = False
    errors: tuple[str, ...] = ()


class Publisher:
    """Publishes audio-processed events; thread-safe.

    With ``durable`` (the default) an event is stored in the inbox, and its track as PENDING, before it is enqueued:
    from then on nothing that dies can lose it. Without, the worker stores it, and only the broker is needed.
    ``settings`` default to the environment. Close it, or use it as a context manager.
    """

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        durable: bool = True,
        pool: DatabasePool | None = None,
        queue: str | None = None,
    ) -> None:
        self._settings = settings or Settings()
        self._app = create_app(self._settings)
        self._durable = durable
        self._own_pool = durable and pool is None
        self._pool = pool if pool or not durable else DatabasePool(self._settings.database(), min_size=1, max_size=4)
        self._queue = queue
        self._broker_rests_until = 0.0

    def publish(self, event: Mapping[str, Any] | AudioProcessed) -> Receipt:
        """Publish one event. Raises ValidationError, with every reason, where it is invalid."""
        receipt = self.publish_many([event])[0]
        if receipt.errors:
            raise ValidationError(receipt.errors)
        return receipt

    def publish_many(
        self, events: Iterable[Mapping[str, Any] | AudioProcessed], *, batch_size: int = 500
    ) -> list[Receipt]:
        """Publish many events in batch messages; one receipt each, in order. Invalid ones are kept and reported."""
        if not 1 <= batch_size <= BATCH_MAX:
            raise ValidationError(f"batch_size is {batch_size}, not between 1 and {BATCH_MAX}")
        sent = [event.model_dump(mode="json") if isinstance(event, AudioProcessed) else event for event in events]
        receipts: list[Receipt] = []
        for start in range(0, len(sent), batch_size):
            receipts += self.publish_parsed([_parse(raw) for raw in sent[start : start + batch_size]])
        return receipts

    def publish_parsed(self, events: Sequence[Event | InvalidEventError]) -> list[Receipt]:
        """Publish one batch that was parsed already: the errors in it are kept among the rejected events."""
        good = {event.event_id: event for event in events if isinstance(event, Event)}
        bad = [error for error in events if isinstance(error, InvalidEventError)]
        new = set(good)
        if self._pool is not None:
            with self._pool.transaction() as conn:
                new = inbox.store_events(conn, (event.inbox_row() for event in good.values())) if good else set()
                if bad:
                    inbox.reject(conn, [(error.raw, error.reasons) for error in bad])
        enqueued = self._enqueue([good[event_id] for event_id in good if event_id in new])
        return [
            Receipt(
                event.event_id,
                event.audio_id,
                stored=self._durable,
                enqueued=enqueued and event.event_id in new,
                duplicate=event.event_id not in new,
            )
            if isinstance(event, Event)
            else Receipt(None, None, errors=tuple(event.reasons))
            for event in events
        ]

    def _enqueue(self, events: Sequence[Event]) -> bool:
        """Hand the events to the broker; say whether it took them. Without a durable inbox, raise if it did not."""
        if not events:
            return True
        if self._durable and time.monotonic() < self._broker_rests_until:
            self._leave_to_sweeper(events)
            return False
        try:
            send(self._app, [event.as_sent() for event in events], stored=self._durable, queue=self._queue)
        except OperationalError as error:
            if not self._durable:
                raise MusicLibraryError(f"the broker did not take the event: {error}") from error
            # Each try costs a timeout: while the broker is away, most publishes should not pay for it.
            self._broker_rests_until = time.monotonic() + _BROKER_REST_SECONDS
            log.warning("broker_unavailable", events=len(events), error=str(error))
            self._leave_to_sweeper(events)
            return False
        return True

    def _leave_to_sweeper(self, events: Sequence[Event]) -> None:
        if self._pool is not None:
            with self._pool.transaction() as conn:
                inbox.mark_not_enqueued(conn, [event.event_id for event in events])

    def close(self) -> None:
        """Close what this publisher opened."""
        self._app.close()
        if self._own_pool and self._pool is not None:
            self._pool.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _parse(raw: Mapping[str, Any]) -> Event | InvalidEventError:
    try:
        return parse_event(dict(raw) if isinstance(raw, Mapping) else raw)
    except InvalidEventError as error:
        return error


def store(conn: Connection, event: Mapping[str, Any]) -> Receipt:
    """Store one event in the caller's own transaction; the sweeper enqueues it once that is committed."""
    parsed = parse_event(dict(event))
    new = inbox.store_events(conn, [parsed.inbox_row()])
    inbox.mark_not_enqueued(conn, list(new))
    return Receipt(parsed.event_id, parsed.audio_id, stored=True, duplicate=not new)
