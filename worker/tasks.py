"""Celery tasks: parse, call ingest, map errors to retry or reject; nothing else."""

from collections.abc import Sequence
from typing import Any

import structlog
from celery import Task, shared_task
from celery.exceptions import Reject
from kombu.exceptions import OperationalError

from db.errors import MusicLibraryError
from db.write.transitions import RETRIES_IN_MEMORY_SECONDS
from worker import process
from worker.events import BATCH_MAX
from worker.ingest import Outcome, Retry
from worker.messages import PROCESSED, PROCESSED_BATCH, STORED
from worker.retry import classify, error_code

log = structlog.get_logger()


class AttemptFailedError(Exception):
    """An attempt failed, for good or until it is retried: what Flower shows of it."""


@shared_task(bind=True, name=PROCESSED, max_retries=None, throws=(AttemptFailedError,))
def audio_processed(self: Task, *args: Any, **kwargs: Any) -> dict[str, int]:
    """Apply one event. A task whose attempt failed ends as RETRY or FAILURE; the track's own state says the same."""
    raw = args[0] if len(args) == 1 and not kwargs else {"args": args, "kwargs": kwargs}
    ids = {key: raw[key] for key in ("audio_id", "event_id") if raw.get(key)} if isinstance(raw, dict) else {}
    with structlog.contextvars.bound_contextvars(task_id=self.request.id, **ids):
        outcome = _ingest(self, [raw])
        for retry in outcome.retries:
            if retry.delay <= RETRIES_IN_MEMORY_SECONDS:
                raise self.retry(args=[retry.event.as_sent()], kwargs={}, countdown=retry.delay, exc=_reason(retry))
        if outcome.failures:
            raise AttemptFailedError(outcome.failures[0])
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
        for retry in totals.retries:
            if retry.delay <= RETRIES_IN_MEMORY_SECONDS:
                _retry_alone(retry)
        log.info("batch_settled", events=len(raws), **totals.counts)
        return totals.counts


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


def _reason(retry: Retry) -> AttemptFailedError:
    return AttemptFailedError(f"attempt {retry.attempt}: {retry.error}")


def _retry_alone(retry: Retry) -> None:
    try:
        audio_processed.apply_async(
            args=[retry.event.as_sent()], countdown=retry.delay, retries=retry.attempt, headers={STORED: True}
        )
    except OperationalError as error:
        log.warning("retry_left_to_sweeper", event_id=retry.event.event_id, error=str(error))
