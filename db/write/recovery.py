"""Recovery by hand: FAILED tracks that somebody wants tried again, and dead letters that were accepted after all."""

from collections.abc import Sequence
from typing import Literal, NamedTuple
from uuid import UUID

from db.statements import Connection, fetch_all, run, statements

_SQL = statements("recovery")

Answer = Literal["retried", "already_queued", "completed", "no_event", "not_found"]


class Retried(NamedTuple):
    """What asking for a track's retry did.

    already_queued: it is being worked on, or will be by itself. no_event: what is to be applied is no longer in the
    inbox, so it has to be published again.
    """

    audio_id: UUID
    answer: Answer


def failed_for_good(conn: Connection, *, error_code: str | None = None, limit: int = 10_000) -> list[UUID]:
    """Return up to ``limit`` tracks that are FAILED and stay so, the longest waiting first."""
    rows = fetch_all(conn, _SQL["retryable"], {"error_code": error_code, "limit": limit})
    return [row["id"] for row in rows]


def retry(conn: Connection, audio_ids: Sequence[UUID], *, actor: str, dry_run: bool = False) -> list[Retried]:
    """Make tracks that are FAILED due now, with all their attempts; the next sweep enqueues their events.

    Who asked, ``actor``, is in the history. Asking twice changes nothing. ``dry_run`` only says what would be done.
    """
    found = {row["id"]: row for row in fetch_all(conn, _SQL["lock_tracks"], {"audio_ids": list(audio_ids)})}
    answers = [Retried(audio_id, _answer(found.get(audio_id))) for audio_id in dict.fromkeys(audio_ids)]
    chosen = [audio_id for audio_id, answer in answers if answer == "retried"]
    if chosen and not dry_run:
        run(conn, _SQL["retry"], {"audio_ids": chosen, "actor": actor})
    return answers


def _answer(track: dict[str, object] | None) -> Answer:
    if track is None:
        return "not_found"
    if track["status"] == "COMPLETED":
        return "completed"
    if track["status"] != "FAILED" or track["next_attempt_at"] is not None:
        return "already_queued"
    return "retried" if track["has_event"] else "no_event"


def mark_replayed(conn: Connection, ids: Sequence[int]) -> None:
    """Note that dead letters were accepted when they were published again."""
    run(conn, _SQL["mark_replayed"], {"ids": list(ids)})
