"""The use case: one event or many → claim, apply, settle. Everything that is remembered is in the database.

Two transactions for a batch, however large: the claim, which counts the attempt before the work starts, and the
application, which puts metadata, read model, history and inbox in place together.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple, TypeVar
from uuid import UUID, uuid4

import structlog

from db.errors import DatabaseTimeoutError, MusicLibraryError
from db.pool import DatabasePool
from db.statements import Connection
from db.write import inbox, transitions
from db.write.transitions import Claim, Failure, Note
from worker.debts import Debts
from worker.events import Event, InvalidEventError, parse_event, storable_text
from worker.hooks.runner import HookRunner
from worker.retry import Backoff, classify, error_code, in_place

log = structlog.get_logger()
T = TypeVar("T")

DEFAULT_BACKOFF = Backoff(2.0)


class Retry(NamedTuple):
    """An event to try again after a while (seconds)."""

    event: Event
    delay: float
    attempt: int
    error: str


class Work(NamedTuple):
    """An event whose track is claimed: which attempt this is, and what is to be stored."""

    event: Event
    attempt: int
    item: dict[str, Any]


class Outcome:
    """What became of a batch of events: counts by what happened, why attempts failed, and what is to be tried again."""

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}
        self.failures: dict[UUID, str] = {}
        self.retries: list[Retry] = []

    def count(self, what: str, number: int = 1) -> None:
        """Add to one of the counts."""
        if number:
            self.counts[what] = self.counts.get(what, 0) + number

    def add(self, other: "Outcome") -> None:
        """Add another outcome to this one."""
        self.failures |= other.failures
        self.retries += other.retries
        for what, number in other.counts.items():
            self.count(what, number)


class Ingestor:
    """Applies events; one in each worker process.

    ``lease_seconds`` is how long a claim holds, ``patience`` how long a database that is away is waited for (seconds),
    ``owner`` names the process in the lease, ``hooks`` hears of every attempt that ended.
    """

    def __init__(
        self,
        pool: DatabasePool,
        *,
        owner: str,
        lease_seconds: float = 60.0,
        max_attempts: int = 5,
        backoff: Backoff = DEFAULT_BACKOFF,
        patience: float = 24.0,
        hooks: HookRunner | None = None,
    ) -> None:
        self._pool = pool
        self._owner = owner
        self._lease_seconds = lease_seconds
        self.max_attempts = max_attempts
        self.backoff = backoff
        self._patience = patience
        self._debts = Debts(pool)
        self._hooks = hooks

    def ingest(self, raw_events: Iterable[object], *, stored: bool = False) -> Outcome:
        """Apply events; ``stored`` says that the publisher has put them into the inbox already.

        Then, at once, whatever arrived for the same tracks meanwhile. Raises the database's error if it cannot take
        the events now: nothing is lost then, and nothing counted.
        """
        outcome = Outcome()
        events = self._parse(raw_events, outcome)
        while events:
            waiting = self._attempt(events, outcome, stored=stored)
            events = self._parse(self._payloads(waiting), outcome)
            stored = True
        return outcome

    def give_up(self, raw_events: Iterable[object], reason: str) -> Outcome:
        """Keep events among the dead letters that could not even be claimed, time and again."""
        outcome = Outcome()
        events = self._parse(raw_events, outcome)
        if events:
            self._reject([(event.payload.decode(), [reason]) for event in events], outcome)
        return outcome

    def keep_unreadable(self, text: str, reason: str) -> Outcome:
        """Keep among the dead letters what was no message."""
        outcome = Outcome()
        self._reject([(storable_text(text), [reason])], outcome)
        return outcome

    # -- parse -------------------------------------------------------------------------------------------------------

    def _parse(self, raw_events: Iterable[object], outcome: Outcome) -> list[Event]:
        events: dict[UUID, Event] = {}
        rejected: list[tuple[str, list[str]]] = []
        for raw in raw_events:
            try:
                event = parse_event(raw)
            except InvalidEventError as error:
                rejected.append((error.raw, error.reasons))
            else:
                events.setdefault(event.event_id, event)
        if rejected:
            self._reject(rejected, outcome)
        return list(events.values())

    # -- claim → apply → settle ----------------------------------------------------------------------------------------

    def _attempt(self, events: Sequence[Event], outcome: Outcome, *, stored: bool) -> list[UUID]:
        """Run one attempt under one lease token; return the events that waited for its tracks.

        Where PostgreSQL cannot even store one of the events, the batch is halved until that one stands alone.
        """
        token = uuid4()
        try:
            claims = self._transaction(lambda conn: self._claim(conn, events, token, stored=stored))
        except MusicLibraryError as error:
            if classify(error) != "permanent":
                raise
            if len(events) == 1:
                self._reject([(events[0].payload.decode(), [str(error)])], outcome)
                return []
            middle = len(events) // 2
            first = self._attempt(events[:middle], outcome, stored=stored)
            return first + self._attempt(events[middle:], outcome, stored=stored)
        by_id = {event.event_id: event for event in events}
        attempt: list[Work] = []
        for claim in claims:
            if claim.retry_count is None:
                outcome.count(claim.verdict)
            else:
                event = by_id[claim.event_id]
                attempt.append(Work(event, claim.retry_count + 1, event.completion()))
        try:
            with structlog.contextvars.bound_contextvars(**_marks(attempt)):
                return self._apply(attempt, token, outcome)
        except BaseException:
            # Interrupted, or the database went away: what is still held is given back as soon as that is possible.
            self._debts.owe(token)
            raise

    def _claim(self, conn: Connection, events: Sequence[Event], token: UUID, *, stored: bool) -> list[Claim]:
        ids = [event.event_id for event in events]
        if not stored:
            inbox.store_events(conn, (event.inbox_row() for event in events))
        claims = self._claim_stored(conn, ids, token)
        if len(claims) < len(ids):
            # Said to be stored, but is not: the inbox was pruned or restored from a backup since.
            known = {claim.event_id for claim in claims}
            missing = [event for event in events if event.event_id not in known]
            inbox.store_events(conn, (event.inbox_row() for event in missing))
            claims += self._claim_stored(conn, [event.event_id for event in missing], token)
        if stale := [claim.event_id for claim in claims if claim.verdict == "stale"]:
            inbox.settle_stale(conn, stale)
        if orphans := [claim.event_id for claim in claims if claim.verdict == "orphan"]:
            inbox.settle_orphans(conn, orphans)
        if all(claim.retry_count is not None for claim in claims):
            transitions.commit_with_the_next(conn)
        return claims

    def _claim_stored(self, conn: Connection, ids: Sequence[UUID], token: UUID) -> list[Claim]:
        return transitions.claim(conn, ids, token=token, lease_seconds=self._lease_seconds, owner=self._owner)

    def _apply(self, batch: Sequence[Work], token: UUID, outcome: Outcome) -> list[UUID]:
        """Complete a batch; where one of its events cannot be applied, halve it until that one stands alone."""
        if not batch:
            return []
        try:
            done, waiting = self._transaction(lambda conn: self._complete(conn, batch, token))
        except Exception as error:
            too_slow = isinstance(error, DatabaseTimeoutError)
            if classify(error) == "transient" and not too_slow:
                raise
            if too_slow or len(batch) == 1:
                self._fail(batch, error, token, outcome)
                return []
            middle = len(batch) // 2
            first = self._apply(batch[:middle], token, outcome)
            return first + self._apply(batch[middle:], token, outcome)
        if self._hooks:
            self._hooks.completed((work.event, work.attempt) for work in batch if work.event.audio_id in done)
        for work in batch:
            event = work.event
            if event.audio_id in done:
                outcome.count("applied")
                if len(batch) == 1:
                    log.info("track_completed", audio_id=event.audio_id, event_id=event.event_id, attempt=work.attempt)
            else:
                outcome.count("lease_lost")
                log.warning("late_write_refused", audio_id=event.audio_id, event_id=event.event_id)
        return waiting

    def _complete(self, conn: Connection, batch: Sequence[Work], token: UUID) -> tuple[set[UUID], list[UUID]]:
        done = set(transitions.complete(conn, [work.item for work in batch], token=token))
        if refused := [work.event for work in batch if work.event.audio_id not in done]:
            # Not late where our own commit went through and only its answer was lost.
            done |= transitions.completed_here(conn, ((event.audio_id, event.event_id) for event in refused))
        notes = [note for work in batch if (note := self._note(work, token, done=work.event.audio_id in done))]
        if notes:
            transitions.annotate(conn, notes)
        return done, inbox.waiting_events(conn, list(done))

    def _note(self, work: Work, token: UUID, *, done: bool) -> Note | None:
        event = work.event
        if not done:
            message = f"{self._owner} came to complete, but its lease {token} was no longer the track's"
            return Note(event.audio_id, event.event_id, "late_write_refused", message)
        if event.notes:
            return Note(event.audio_id, event.event_id, "metadata_cleaned", "; ".join(event.notes))
        return None

    # -- what does not succeed -----------------------------------------------------------------------------------------

    def _fail(self, batch: Sequence[Work], error: Exception, token: UUID, outcome: Outcome) -> None:
        final = classify(error) == "permanent"
        code, message = error_code(error), str(error) or repr(error)
        failures = {
            work.event.audio_id: Failure(
                work.event.audio_id, code, message, None if final else self.backoff.delay(work.attempt - 1)
            )
            for work in batch
        }
        failed = self._transaction(
            lambda conn: transitions.fail(conn, failures.values(), token=token, max_attempts=self.max_attempts)
        )
        due = {track.audio_id: track.next_attempt_at for track in failed}
        if self._hooks:
            self._hooks.failed(((work.event, work.attempt) for work in batch), due, code, message)
        for event, attempt, _ in batch:
            reason = f"attempt {attempt}: {code}: {message}"
            delay = failures[event.audio_id].retry_after if due.get(event.audio_id) else None
            if delay is not None:
                outcome.retries.append(Retry(event, delay, attempt, reason))
            outcome.count("failed")
            outcome.failures[event.event_id] = reason
            log.error(
                "attempt_failed",
                audio_id=event.audio_id,
                event_id=event.event_id,
                attempt=attempt,
                error_code=code,
                error=message,
                again_in_seconds=delay,
                exc_info=error if classify(error) == "unexpected" else None,
            )

    def _reject(self, rejected: Sequence[tuple[str, list[str]]], outcome: Outcome) -> None:
        self._transaction(lambda conn: inbox.reject(conn, rejected))
        outcome.count("rejected", len(rejected))
        log.warning("events_rejected", count=len(rejected), first_reasons=rejected[0][1])

    def _payloads(self, event_ids: Sequence[UUID]) -> list[dict[str, Any]]:
        return self._transaction(lambda conn: inbox.open_payloads(conn, event_ids)) if event_ids else []

    def _transaction(self, work: Callable[[Connection], T]) -> T:
        def once() -> T:
            with self._pool.transaction() as conn:
                return work(conn)

        return in_place(once, patience=self._patience)


def _marks(attempt: Sequence[Work]) -> dict[str, Any]:
    """Return what every line of an attempt is marked with; a batch's lines each name the track they are about."""
    if len(attempt) != 1:
        return {}
    event, number, _ = attempt[0]
    return {"audio_id": event.audio_id, "event_id": event.event_id, "attempt": number}
