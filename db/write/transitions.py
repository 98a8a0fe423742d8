"""The attempts of workers: claim, complete, fail, give back, expire. Set-based; every write carries the lease token.

The statements compare and set: what they do not return was not theirs to change.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, NamedTuple
from uuid import UUID

from pydantic_core import to_json

from db.limits import ERROR_MESSAGE_MAX, cut
from db.prepared import fetch_planned
from db.statements import Connection, fetch_all, fetch_one, run, statements, uuid_array
from db.write.search_index import index_tracks

_SQL = statements("transitions")

# The claim still sees what was committed while the statement before it waited for its locks.
_LOCK_AND_CLAIM = (_SQL["lock_tracks_of_events"], _SQL["claim"])

RETRIES_IN_MEMORY_SECONDS = 60.0
"""Retries due within this time are worth a message with a countdown; the sweeper enqueues the others when due."""

Verdict = Literal["claimed", "duplicate", "stale", "waits", "orphan"]


class Claim(NamedTuple):
    """What an event found when it came to claim its track; ``retry_count`` is None unless it was claimed.

    duplicate: settled before. stale: older than what is applied. waits: another attempt holds the track, a newer
    event of the same batch goes first, or its retry is not due yet. orphan: the track was deleted.
    """

    event_id: UUID
    retry_count: int | None
    verdict: Verdict


class Failure(NamedTuple):
    """A failed attempt to write down; ``retry_after`` in seconds, None where trying again makes no sense."""

    audio_id: UUID
    error_code: str
    error_message: str
    retry_after: float | None


class Failed(NamedTuple):
    """A track that is FAILED now; ``next_attempt_at`` is None if that is final."""

    audio_id: UUID
    event_id: UUID | None
    retry_count: int
    next_attempt_at: datetime | None


class Note(NamedTuple):
    """Something for a track's history that is no transition."""

    audio_id: UUID
    event_id: UUID | None
    code: str
    message: str


def claim(conn: Connection, event_ids: Sequence[UUID], *, token: UUID, lease_seconds: float, owner: str) -> list[Claim]:
    """Claim the tracks of stored events under one lease token; return what each event found.

    Of several events for one track only the newest claims it.
    """
    params = {"event_ids": uuid_array(event_ids), "token": token, "lease_seconds": lease_seconds, "owner": owner}
    return [Claim(**row) for row in fetch_planned(conn, _LOCK_AND_CLAIM, params, rows=len(event_ids))]


def commit_with_the_next(conn: Connection) -> None:
    """Let this transaction's commit not wait for the disk; the next commit of anybody puts it there as well.

    For claims that whoever claimed will end, by a commit that does wait: one that a crash of the server takes back
    leaves the track and the event as they were, and what sent the event still has it.
    """
    run(conn, _SQL["commit_with_the_next"])


def complete(conn: Connection, items: Sequence[Mapping[str, Any]], *, token: UUID) -> set[UUID]:
    """Complete the attempts of these tracks and return the ids of those whose lease was still this token's.

    Each item has the columns of audio_tracks that hold metadata, its id, event_id and occurred_at; no id may occur
    twice. Metadata, inbox and read model change together, in the caller's transaction.
    """
    params = {"items": to_json(items).decode(), "token": token}
    refused = {row["id"] for row in fetch_planned(conn, [_SQL["complete"]], params, rows=len(items))}
    done = {item["id"] for item in items} - refused
    index_tracks(conn, [item for item in items if item["id"] in done])
    return done


def fail(conn: Connection, failures: Iterable[Failure], *, token: UUID, max_attempts: int) -> list[Failed]:
    """Fail the attempts of these tracks; return those whose lease was still this token's."""
    rows = [failure._replace(error_message=cut(failure.error_message, ERROR_MESSAGE_MAX)) for failure in failures]
    params = {
        "items": _json(rows),
        "token": token,
        "max_attempts": max_attempts,
        "in_memory": RETRIES_IN_MEMORY_SECONDS,
    }
    return [Failed(**row) for row in fetch_all(conn, _SQL["fail"], params)]


def completed_here(conn: Connection, events: Iterable[tuple[UUID, UUID]]) -> set[UUID]:
    """Of pairs of audio_id and event_id, return the tracks that this process has completed with that event before."""
    items = [{"audio_id": audio_id, "event_id": event_id} for audio_id, event_id in events]
    return {row["audio_id"] for row in fetch_all(conn, _SQL["completed_here"], {"items": to_json(items).decode()})}


def give_back(conn: Connection, *, token: UUID) -> int:
    """Return everything held under this token to PENDING, uncounted; return how many tracks."""
    row = fetch_one(conn, _SQL["give_back"], {"token": token})
    return int(row["tracks"]) if row else 0


def give_back_all_of(conn: Connection, owner_prefix: str) -> int:
    """Return everything that one worker's processes held to PENDING, uncounted; return how many tracks."""
    row = fetch_one(conn, _SQL["give_back_all_of"], {"owner_prefix": owner_prefix})
    return int(row["tracks"]) if row else 0


def expire_leases(
    conn: Connection, *, max_attempts: int, retry_base: float, retry_cap: float, restart_grace: float, limit: int
) -> list[UUID]:
    """Fail attempts whose lease ran out (worker_lost); times in seconds. Return the tracks' ids."""
    params = {
        "max_attempts": max_attempts,
        "retry_base": retry_base,
        "retry_cap": retry_cap,
        "restart_grace": restart_grace,
        "limit": limit,
    }
    return [row["audio_id"] for row in fetch_all(conn, _SQL["expire_leases"], params)]


def annotate(conn: Connection, notes: Iterable[Note]) -> None:
    """Write notes into the history of their tracks."""
    rows = [note._replace(message=cut(note.message, ERROR_MESSAGE_MAX)) for note in notes]
    run(conn, _SQL["annotate"], {"items": _json(rows)})


def _json(rows: Iterable[Failure] | Iterable[Note]) -> str:
    return to_json([row._asdict() for row in rows]).decode()
