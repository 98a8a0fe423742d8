"""What an upload service imports: ``Publisher().publish(event)``."""

import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from itertools import islice
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
from worker.gathering import Gatherer
from worker.messages import OperationalError, send
from worker.settings import Settings

log = structlog.get_logger()

_BROKER_REST_SECONDS = 1.0
_BATCHES_WAITING = 20
"""How many batches of lingering events may wait before those who publish wait, too."""


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
    """Publishes audio-processed events; thread-safe, and usable in a forked child, which opens its own connections.

    With ``durable`` (the default) an event is stored in the inbox, and its track as PENDING, before it is enqueued:
    from then on nothing that dies can lose it. Without, the worker stores it, and only the broker is needed.

    With ``linger`` (seconds, such as 0.01) single events are gathered into batches of up to ``max_batch`` by a thread:
    ``publish`` still returns once its event is stored, and threads that publish at the same time share the cost;
    ``submit`` does not wait.

    ``settings`` default to the environment. ``queue`` is where the messages go, such as worker.app.BACKFILL_QUEUE for
    a mass import. Close it, or use it as a context manager: what lingers is delivered then, and at the interpreter's
    exit.
    """

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        durable: bool = True,
        pool: DatabasePool | None = None,
        queue: str | None = None,
        linger: float | None = None,
        max_batch: int = 500,
    ) -> None:
        if not 1 <= max_batch <= BATCH_MAX:
            raise ValidationError(f"max_batch is {max_batch}, not between 1 and {BATCH_MAX}")
        if linger is not None and not 0 <= linger <= threading.TIMEOUT_MAX:
            raise ValidationError(f"linger is {linger} seconds, not 0 or more")
        self._settings = settings or Settings()
        self._durable = durable
        self._given_pool = pool
        self._queue = queue
        self._linger, self._max_batch = linger, max_batch
        self._open()

    def _open(self) -> None:
        self._pid = os.getpid()
        self._app = create_app(self._settings)
        self._own_pool = self._durable and self._given_pool is None
        self._pool = _open_pool(self._settings) if self._own_pool else self._given_pool
        self._gatherer = (
            Gatherer(
                self.publish_parsed,
                linger=self._linger,
                max_batch=self._max_batch,
                max_waiting=_BATCHES_WAITING * self._max_batch,
            )
            if self._linger is not None
            else None
        )
        self._broker_rests_until = 0.0

    def publish(self, event: Mapping[str, Any] | AudioProcessed, *, conn: Connection | None = None) -> Receipt:
        """Publish one event (docs/events.md says what is in it).

        With ``conn``, a psycopg2 connection to the same database, the event becomes part of its transaction: whether
        it is published is decided by the caller's commit, and the sweeper enqueues it after that.

        Raises ValidationError, with every reason, where it is invalid; DatabaseOperationError where it could not be
        stored, or the answer was lost: publish it again; and, if not ``durable``, MusicLibraryError where the broker
        did not take it.
        """
        if conn is not None:
            receipt = _store(conn, _parse(_plain(event)))
        elif self._linger is not None:
            receipt = self.submit(event).result()
        else:
            receipt = self.publish_parsed([_parse(_plain(event))])[0]
        if receipt.errors:
            raise ValidationError(receipt.errors)
        return receipt

    def submit(self, event: Mapping[str, Any] | AudioProcessed) -> "Future[Receipt]":
        """Hand over one event to go with the next batch, and do not wait; a publisher with ``linger`` only.

        The future gives the receipt once the event is stored (not ``durable``: enqueued), or raises the error of the
        database or broker; an invalid event has ``errors`` in its receipt. Waits while too many events wait already.
        """
        if self._linger is None:
            raise ValidationError("submit is for publishers with a linger: Publisher(linger=0.01)")
        self._reopen_after_fork()
        return self._lingering().submit(_parse(_plain(event)))

    def flush(self) -> None:
        """Return once everything submitted so far is stored and handed to the broker."""
        self._reopen_after_fork()
        if self._linger is not None:
            self._lingering().flush()

    def _lingering(self) -> "Gatherer[Event | InvalidEventError, Receipt]":
        if self._gatherer is None:
            raise MusicLibraryError("the publisher is closed: open another one")
        return self._gatherer

    def _reopen_after_fork(self) -> None:
        if os.getpid() != self._pid:
            self._open()

    def publish_many(
        self, events: Iterable[Mapping[str, Any] | AudioProcessed], *, batch_size: int = BATCH_MAX
    ) -> list[Receipt]:
        """Publish many events in batch messages; one receipt each, in order. Invalid ones are kept and reported."""
        return list(self.publish_stream(events, batch_size=batch_size))

    def publish_stream(
        self, events: Iterable[Mapping[str, Any] | AudioProcessed], *, batch_size: int = BATCH_MAX
    ) -> Iterator[Receipt]:
        """Publish as many events as there are, as publish_many does, with one batch in memory at a time.

        An iterator: events are published as the receipts are asked for.
        """
        if not 1 <= batch_size <= BATCH_MAX:
            raise ValidationError(f"batch_size is {batch_size}, not between 1 and {BATCH_MAX}")
        coming = iter(events)
        while batch := [_parse(_plain(event)) for event in islice(coming, batch_size)]:
            yield from self.publish_parsed(batch)

    def publish_parsed(
        self, events: Sequence[Event | InvalidEventError], *, also: Callable[[Connection], None] | None = None
    ) -> list[Receipt]:
        """Publish one batch that was parsed already: the errors in it are kept among the rejected events.

        ``also`` is run in the transaction that stores the events (a durable publisher's only).
        """
        self._reopen_after_fork()
        good = {event.event_id: event for event in events if isinstance(event, Event)}
        bad = [error for error in events if isinstance(error, InvalidEventError)]
        new = set(good)
        if self._pool is not None:
            with self._pool.transaction() as conn:
                if good:
                    new -= inbox.store_events(conn, (event.inbox_row() for event in good.values()))
                if bad:
                    inbox.reject(conn, [(error.raw, error.reasons) for error in bad])
                if also is not None:
                    also(conn)
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
        """Deliver what lingers and close what this publisher opened. Closing twice is harmless."""
        if os.getpid() != self._pid:
            return  # a forked child that published nothing: all of this is its parent's
        if self._gatherer is not None:
            self._gatherer.close()
        self._app.close()
        if self._own_pool and self._pool is not None:
            self._pool.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _open_pool(settings: Settings) -> DatabasePool:
    """Open a pool for callers that have users waiting: the timeouts are short. The database need not be up yet."""
    return DatabasePool(
        settings.database(),
        min_size=0,
        max_size=4,
        timeout=5.0,
        connect_timeout=5.0,
        statement_timeout=5.0,
        idle_in_transaction_timeout=5.0,
    )


def _plain(event: Mapping[str, Any] | AudioProcessed) -> object:
    if isinstance(event, AudioProcessed):
        return event.model_dump(mode="json")
    return dict(event) if isinstance(event, Mapping) else event


def _parse(raw: object) -> Event | InvalidEventError:
    try:
        return parse_event(raw)
    except InvalidEventError as error:
        return error


def _store(conn: Connection, event: Event | InvalidEventError) -> Receipt:
    """Store an event in the caller's own transaction; one that is invalid leaves no trace there."""
    if isinstance(event, InvalidEventError):
        return Receipt(None, None, errors=tuple(event.reasons))
    known = inbox.store_events(conn, [event.inbox_row()])
    if not known:
        inbox.mark_not_enqueued(conn, [event.event_id])
    return Receipt(event.event_id, event.audio_id, stored=True, duplicate=bool(known))
