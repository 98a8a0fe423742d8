"""Ids of tracks, shortened as people type and read them: to a beginning that no other track's id has."""

import re
from collections.abc import Iterable
from typing import Final, NamedTuple
from uuid import UUID

from db.errors import ValidationError
from db.statements import Connection, fetch_all, statements
from db.status import TrackStatus

_SQL = statements("tracks")
PREFIX_MIN: Final = 4
"""Digits that an abbreviation has at least when it is typed."""
_SHOWN_MIN: Final = 8
_DIGITS: Final = 32
_HEX = re.compile(r"[0-9a-f]+")


class Candidate(NamedTuple):
    """A track whose id begins as was asked for."""

    id: UUID
    status: TrackStatus
    artist: str | None
    title: str | None


def tracks_beginning(conn: Connection, prefix: str, *, limit: int = 10) -> list[Candidate]:
    """Return the first tracks whose ids begin so, in the order of ids; dashes and capitals do not matter.

    Raises ValidationError for what begins no id, and for fewer than 4 digits.
    """
    digits = prefix.strip().replace("-", "").lower()
    if not _HEX.fullmatch(digits) or not PREFIX_MIN <= len(digits) <= _DIGITS:
        raise ValidationError(
            f"id: {prefix!r:.80} should be a UUID or its beginning, {PREFIX_MIN} hexadecimal digits at least"
        )
    params = {"first": digits.ljust(_DIGITS, "0"), "last": digits.ljust(_DIGITS, "f"), "limit": limit}
    return [
        Candidate(row["id"], TrackStatus(row["status"]), row["artist"], row["title"])
        for row in fetch_all(conn, _SQL["ids_between"], params)
    ]


def abbreviated(conn: Connection, audio_ids: Iterable[UUID]) -> dict[UUID, str]:
    """Return for each id its shortest beginning of 8 digits or more that no other track has now."""
    rows = fetch_all(conn, _SQL["neighbours"], {"audio_ids": list(audio_ids)})
    return {row["id"]: _beginning(row["id"], _apart_at(row["id"], row["before"], row["behind"])) for row in rows}


def _apart_at(audio_id: UUID, *others: UUID | None) -> int:
    """Return how many digits tell an id from others."""
    digits = _SHOWN_MIN
    for other in others:
        if other is not None:
            same = _DIGITS - ((audio_id.int ^ other.int).bit_length() + 3) // 4
            digits = max(digits, same + 1)
    return digits


def _beginning(audio_id: UUID, digits: int) -> str:
    text = str(audio_id)
    lengths = (length for length in range(digits, len(text)) if length - text[:length].count("-") == digits)
    return text[: next(lengths, None)]
