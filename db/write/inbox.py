"""The inbox: every event once, from its arrival until it is settled, and the dead letters."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from pydantic_core import to_json

from db.prepared import fetch_planned
from db.statements import Connection, fetch_all, fetch_one, run, statements, uuid_array

_SQL = statements("inbox")


class DueEvent(NamedTuple):
    """An event that the sweeper puts back; ``alone`` if its last attempt did not end well."""

    event_id: UUID
    payload: dict[str, Any]
    alone: bool


def store_events(conn: Connection, rows: Iterable[bytes]) -> set[UUID]:
    """Store events, and their tracks as PENDING where they are new; return the ids that were known before.

    Each row is a JSON object with event_id, audio_id, occurred_at, audio_path and payload.
    """
    given = list(rows)
    params = {"events": (b"[" + b",".join(given) + b"]").decode()}
    return {row["event_id"] for row in fetch_planned(conn, [_SQL["store_events"]], params, rows=len(given))}


def mark_not_enqueued(conn: Connection, event_ids: Sequence[UUID]) -> None:
    """Note that the broker did not take the events' message, so that the next sweep enqueues them."""
    run(conn, _SQL["not_enqueued"], {"event_ids": uuid_array(event_ids)})


def open_payloads(conn: Connection, event_ids: Sequence[UUID]) -> list[dict[str, Any]]:
    """Return the payloads of those events that are not settled yet, oldest first."""
    return [row["payload"] for row in fetch_all(conn, _SQL["open_payloads"], {"event_ids": uuid_array(event_ids)})]


def waiting_events(conn: Connection, audio_ids: Sequence[UUID]) -> list[UUID]:
    """Return the open events of tracks that were just settled: they arrived while the tracks were held."""
    params = {"audio_ids": uuid_array(audio_ids)}
    waiting = fetch_planned(conn, [_SQL["waiting_events"]], params, rows=len(audio_ids))
    return [row["event_id"] for row in waiting]


def settle_stale(conn: Connection, event_ids: Sequence[UUID]) -> None:
    """Settle events older than what their tracks have applied already."""
    run(conn, _SQL["settle_stale"], {"event_ids": uuid_array(event_ids)})


def settle_orphans(conn: Connection, event_ids: Sequence[UUID]) -> None:
    """Settle events whose track was deleted."""
    run(conn, _SQL["settle_orphans"], {"event_ids": uuid_array(event_ids)})


def reject(conn: Connection, items: Iterable[tuple[str, Sequence[str]]]) -> None:
    """Keep what could not be parsed: pairs of the raw JSON text and every reason."""
    unique = {raw: list(reasons) for raw, reasons in items}
    rows = [{"raw": raw, "reasons": reasons} for raw, reasons in unique.items()]
    run(conn, _SQL["reject"], {"items": to_json(rows).decode()})


def elect_sweeper(conn: Connection) -> bool:
    """Take the sweepers' lock until the transaction ends; False where another one has it."""
    row = fetch_one(conn, _SQL["elect_sweeper"])
    return bool(row and row["elected"])


def take_due(conn: Connection, *, grace: float, limit: int) -> list[DueEvent]:
    """Take up to ``limit`` events that no message stands for any more, noting them as enqueued now.

    ``grace`` (seconds) is how long a message may take before it counts as lost.
    """
    rows = fetch_all(conn, _SQL["take_due"], {"grace": grace, "limit": limit})
    return [DueEvent(**row) for row in rows]
