"""Celery tasks: parse, call ingest, map errors to retry or reject; nothing else."""

import contextlib
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import structlog
from celery import Task, shared_task
from celery.exceptions import Reject
from kombu.exceptions import OperationalError
from kombu.serialization import loads

from db.errors import MusicLibraryError
from db.write.transitions import RETRIES_IN_MEMORY_SECONDS
from worker import process
from worker.coalescing import Message, Together
from worker.events import BATCH_MAX, InvalidEventError, parse_event
from worker.ingest import Outcome, Retry
from worker.messages import PROCESSED, PROCESSED_BATCH, STORED, UNREADABLE
from worker.retry import AttemptFailedError, classify, error_code

log = structlog.get_logger()

_JSON = frozenset({"application/json"})


@shared_task(
    bind=True,
    name=PROCESSED,
    max_retries=None,
    throws=(AttemptFailedError,),
    Strategy="worker.coalescing:strategy",
)
def audio_processed(self: Task, *args: Any, **kwargs: Any) -> dict[str, int]:
    """Apply one event: one whose message comes again, or could not go with others (apply_together).

    A task whose attempt failed ends as RETRY or FAILURE; the track's own state says the same.
    """
    raw = _event_in(args, kwargs)
    ids = {key: raw[key] for key in ("audio_id", "event_id") if raw.get(key)} if isinstance(raw, dict) else {}
    with structlog.contextvars.bound_contextvars(task_id=self.request.id, **ids):
        outcome = _ingest(self, [raw])
        for retry in outcome.retries:
            if retry.delay <= RETRIES_IN_MEMORY_SECONDS:
                raise self.retry(
                    args=[retry.event.as_sent()], kwargs={}, countdown=retry.delay, exc=AttemptFailedError(retry.error)
                )
        if outcome.failures:
            raise AttemptFailedError(*outcome.failures.values())
        if "applied" not in outcome.counts:  # then the attempt has said so
            log.info("event_settled", **outcome.counts)
        return outcome.counts


@shared_task(bind=True, name=PROCESSED_BATCH, max_retries=None)
def audio_processed_batch(self: Task, *args: Any, **kwargs: Any) -> dict[str, int]:
    """Apply many events; one that fails goes on alone."""
    whole = len(args) == 1 and not kwargs and isinstance(args[0], list)
    raws = args[0] if whole else [{"args": args, "kwargs": kwargs}]
    totals = Outcome()
    with structlog.contextvars.bound_contextvars(task_id=self.request.id):
        for start in range(0, len(raws), BATCH_MAX):
            totals.add(_ingest(self, raws[start : start + BATCH_MAX]))
        _retry_alone(totals.retries)
        log.info("batch_settled", events=len(raws), **totals.counts)
        return totals.counts


def apply_together(messages: Sequence[Message]) -> Together:
    """Apply the events of messages that came one by one as a batch: what audio_processed does with most of them."""
    raws: dict[int, object] = {}
    for position, message in enumerate(messages):
        with contextlib.suppress(Exception):  # who cannot be read goes alone, and fails as such a message does
            args, kwargs, _ = loads(message.body, message.content_type, message.content_encoding, accept=_JSON)
            raws[position] = _event_in(args, kwargs)
    try:
        outcome = process.ingestor().ingest(
            raws.values(), stored=all(messages[position].headers.get(STORED) for position in raws)
        )
    except Exception as error:
        returned = isinstance(error, MusicLibraryError) and classify(error) == "transient"
        log.warning(
            "messages_returned" if returned else "messages_go_alone",
            messages=len(messages),
            error_code=error_code(error),
            exc_info=None if returned else error,
            error=str(error),
        )
        return Together(error_code(error), alone=tuple(range(len(messages))), returned=returned)
    _retry_alone(outcome.retries)
    again = {retry.event.event_id for retry in outcome.retries if retry.delay <= RETRIES_IN_MEMORY_SECONDS}
    log.info("messages_settled", messages=len(messages), **outcome.counts)
    return Together(
        outcome.counts,
        alone=tuple(position for position in range(len(messages)) if position not in raws),
        failed=tuple(
            (position, outcome.failures[event_id], event_id in again)
            for position, raw in (raws.items() if outcome.failures else ())
            if (event_id := _id_of(raw)) in outcome.failures
        ),
    )


audio_processed.together = apply_together


def _event_in(args: Sequence[Any], kwargs: Mapping[str, Any]) -> object:
    return args[0] if len(args) == 1 and not kwargs else {"args": args, "kwargs": kwargs}


def _id_of(raw: object) -> UUID | None:
    try:
        return parse_event(raw).event_id
    except InvalidEventError:
        return None


@shared_task(bind=True, name=UNREADABLE, max_retries=None)
def unreadable(self: Task, text: str, reason: str) -> dict[str, int]:
    """Keep among the dead letters what was in a queue and could not be read as a message."""
    try:
        return process.ingestor().keep_unreadable(text, reason).counts
    except MusicLibraryError as error:
        log.warning("message_returned", error_code=error.code, error=str(error), task_id=self.request.id)
        raise Reject(error, requeue=classify(error) == "transient") from error


def _ingest(task: Task, raws: Sequence[object]) -> Outcome:
    ingestor = process.ingestor()
    try:
        return ingestor.ingest(raws, stored=bool(task.request.get(STORED)))
    except MusicLibraryError as error:
        if classify(error) != "transient":
            return _surprised(task, raws, error)
        # The database cannot take it now, which the ingestor has waited for: back to the broker, uncounted.
        log.warning("message_returned", error_code=error.code, error=str(error))
        raise Reject(error, requeue=True) from error
    except Exception as error:  # noqa: BLE001 - a defect of ours must not lose a message
        return _surprised(task, raws, error)


def _surprised(task: Task, raws: Sequence[object], error: Exception) -> Outcome:
    """Try a message again that broke us before its events were claimed.

    In the end, what is in the inbox stays there for the sweeper; what is not becomes a dead letter.
    """
    log.error("message_failed", error_code=error_code(error), retries=task.request.retries, exc_info=error)
    ingestor = process.ingestor()
    if task.request.retries + 1 < ingestor.max_attempts:
        raise task.retry(countdown=ingestor.backoff.delay(task.request.retries), exc=error)
    if task.request.get(STORED):
        raise error
    return ingestor.give_up(raws, f"{error_code(error)}: {error}")


def _retry_alone(retries: Sequence[Retry]) -> None:
    for retry in retries:
        if retry.delay > RETRIES_IN_MEMORY_SECONDS:
            continue
        try:
            audio_processed.apply_async(
                args=[retry.event.as_sent()], countdown=retry.delay, retries=retry.attempt, headers={STORED: True}
            )
        except OperationalError as error:
            log.warning("retry_left_to_sweeper", event_id=retry.event.event_id, error=str(error))
