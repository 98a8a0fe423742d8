"""Ids as people type and read them on the command line: any beginning that only one track has."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from db.errors import ResourceNotFoundError, ValidationError
from db.read.abbreviations import Candidate, abbreviated, tracks_beginning
from db.statements import Connection

_NAMED = 5


def find_track(conn: Connection, text: str) -> UUID:
    """Return the id of the one track whose id begins so.

    Raises ValidationError where there are several or it begins no id, ResourceNotFoundError where there is none.
    """
    found = tracks_beginning(conn, text, limit=_NAMED + 1)
    if not found:
        raise ResourceNotFoundError(f"there is no track {text}; `tonearm list` shows those there are")
    if len(found) > 1:
        named = ", ".join(_named(candidate) for candidate in found[:_NAMED])
        more = ", and more" if len(found) > _NAMED else ""
        raise ValidationError(f"id: {text} is the beginning of several: {named}{more}; give more of it")
    return found[0].id


def _named(candidate: Candidate) -> str:
    name = " – ".join(part for part in (candidate.artist, candidate.title) if part)
    return f"{candidate.id} ({name[:40] or candidate.status})"


def with_short_ids(conn: Connection, rows: Iterable[Any]) -> list[dict[str, Any]]:
    """Return tracks or hits as mappings whose ``id`` is short enough to read and long enough to be typed again."""
    shown = [row.model_dump() for row in rows]
    short = abbreviated(conn, [row["id"] for row in shown])
    return [row | {"id": short[row["id"]]} for row in shown]
