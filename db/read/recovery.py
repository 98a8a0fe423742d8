"""What recovery by hand looks at: the dead letters, and what has become of events and tracks."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, NamedTuple
from uuid import UUID

from db.statements import Connection, fetch_all, statements

_SQL = statements("recovery")

Whereabouts = Literal["completed", "under_way", "failed", "rejected", "missing"]


class Rejected(NamedTuple):
    """A dead letter: the JSON text as received, every reason, and how often it came."""

    id: int
    raw: str
    reasons: list[str]
    times: int
    received_at: datetime
    last_at: datetime
    replayed_at: datetime | None


def list_rejected(
    conn: Connection, *, limit: int = 100, before: int | None = None, replayed: bool = False
) -> list[Rejected]:
    """Return dead letters, the latest first; ``replayed`` includes those that were accepted since."""
    rows = fetch_all(conn, _SQL["list_rejected"], {"limit": limit, "before": before, "all": replayed})
    return [Rejected(**row) for row in rows]


def get_rejected(conn: Connection, ids: Sequence[int]) -> list[Rejected]:
    """Return dead letters by their numbers; those that do not exist are absent."""
    return [Rejected(**row) for row in fetch_all(conn, _SQL["get_rejected"], {"ids": list(ids)})]


def whereabouts(
    conn: Connection, *, event_ids: Sequence[UUID] = (), audio_ids: Sequence[UUID] = ()
) -> dict[UUID, Whereabouts]:
    """Say what has become of each event and each track; ``missing`` has never arrived."""
    found: dict[UUID, Whereabouts] = {}
    for name, ids in (("where_events_are", event_ids), ("where_tracks_are", audio_ids)):
        if ids:
            found |= {row["id"]: row["found"] for row in fetch_all(conn, _SQL[name], {"ids": list(ids)})}
    unknown = [str(one) for one in (*event_ids, *audio_ids) if one not in found]
    refused = {row["id"] for row in fetch_all(conn, _SQL["among_rejected"], {"ids": unknown})} if unknown else set()
    for one in unknown:
        found[UUID(one)] = "rejected" if one in refused else "missing"
    return found
