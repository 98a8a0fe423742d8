"""What a search was asked for, checked: nothing reaches the database before."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Final

from db import cursors, limits, validation
from db.errors import ValidationError
from db.query_language import Query, parse
from db.read.search_plan import Filters
from db.status import TrackStatus

__all__ = ["FACETS", "LIMIT_MAX", "Position", "Request"]

LIMIT_MAX: Final = 100
OFFSET_MAX: Final = 10_000
FACETS: Final = ("artist", "album", "genre", "format", "year")
SCALE: Final = 10_000
"""Points of the highest score, 1."""
_CURSOR_KEYS: Final = frozenset({"points", "doc", "newest", "of"})


@dataclass(frozen=True)
class Position:
    """Where a page ended, and the newest track that there was when the first page was read."""

    points: int
    doc_id: int
    newest: int


@dataclass(frozen=True, kw_only=True)
class Request:
    """One page of a search. Raises ValidationError, naming everything that is wrong, when it is made by ``check``."""

    query: Query
    filters: Filters
    limit: int
    offset: int
    after: Position | None
    least_points: int | None
    facets: tuple[str, ...]
    highlight: bool
    digest: str

    def cursor_after(self, points: int, doc_id: int, newest: int) -> str:
        """Return the cursor for the page behind this hit."""
        newest = self.after.newest if self.after else newest
        return cursors.encode({"points": points, "doc": doc_id, "newest": newest, "of": self.digest})


def check(
    query: str,
    *,
    limit: int,
    offset: int,
    cursor: str | None,
    min_rank: float | None,
    facets: Sequence[str],
    highlight: bool,
    status: TrackStatus | str | None,
    **filters: Any,
) -> Request:
    """Return the request. Raises ValidationError naming everything that is wrong with it."""
    reasons: list[str] = []

    def accepted(accept: Any, *arguments: Any) -> Any:
        try:
            return accept(*arguments)
        except ValidationError as error:
            reasons.extend(error.reasons)
            return None

    understood = accepted(parse, query)
    accepted(validation.whole_number, "limit", limit, 1, LIMIT_MAX)
    accepted(validation.whole_number, "offset", offset, 0, OFFSET_MAX)
    reasons += _wrong_filters(filters)
    if status is not None and status not in list(TrackStatus):
        reasons.append(f"status: {status!r:.80} should be one of {', '.join(TrackStatus)}")
    if min_rank is not None and not (_is_number(min_rank) and 0 <= min_rank <= 1):
        reasons.append(f"min_rank: {min_rank!r:.80} should be a number from 0 to 1")
    if isinstance(facets, str) or not all(facet in FACETS for facet in facets):
        reasons.append(f"facets: {facets!r:.80} should be some of {', '.join(FACETS)}")
    if cursor is not None and offset:
        reasons.append("offset: should be 0 where a cursor is given; the cursor says where to begin")
    digest = _digest(query, str(status), filters)
    after = accepted(_position, cursor, digest) if cursor is not None else None
    if reasons:
        raise ValidationError(reasons)
    return Request(
        query=understood,
        filters=_merged(Filters(**filters, status=None if status is None else str(status)), understood),
        limit=limit,
        offset=offset,
        after=after,
        least_points=None if min_rank is None else math.ceil(min_rank * SCALE),
        facets=tuple(facets),
        highlight=bool(highlight),
        digest=digest,
    )


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _wrong_filters(filters: dict[str, Any]) -> list[str]:
    reasons = []
    for field in ("artist", "album", "genre", "format"):
        value = filters[field]
        if value is None:
            continue
        try:
            if not validation.storable_text(value).strip():
                reasons.append(f"{field}: it is blank; leave it out to search all")
        except (TypeError, ValueError) as error:
            reasons.append(f"{field}: {error}")
    for field in ("year_min", "year_max"):
        value = filters[field]
        if value is not None and (isinstance(value, bool) or not isinstance(value, int) or abs(value) > 32_767):  # noqa: PLR2004 - smallint
            reasons.append(f"{field}: {value!r:.80} should be a year, {limits.YEAR_MIN} to {limits.YEAR_MAX}")
    for field in ("duration_min", "duration_max"):
        value = filters[field]
        if value is not None and not (_is_number(value) and value >= 0):
            reasons.append(f"{field}: {value!r:.80} should be a number of seconds")
    return reasons


def _merged(filters: Filters, query: Query) -> Filters:
    """Add the years that the query itself names."""
    first = [year for year in (filters.year_min, query.year_min) if year is not None]
    last = [year for year in (filters.year_max, query.year_max) if year is not None]
    return filters._replace(year_min=max(first, default=None), year_max=min(last, default=None))


def _digest(query: object, status: str, filters: dict[str, Any]) -> str:
    asked = json.dumps([query, status, filters], default=str, sort_keys=True)
    return blake2b(asked.encode("utf-8", "replace"), digest_size=6).hexdigest()


def _position(cursor: str, digest: str) -> Position:
    position = cursors.decode(cursor, _CURSOR_KEYS)
    numbers = [position[key] for key in ("points", "doc", "newest")]
    if not all(isinstance(number, int) and not isinstance(number, bool) and 0 <= number < 2**62 for number in numbers):
        raise ValidationError(f"cursor: {cursor!r:.80} is not one that this search gave; begin again without a cursor")
    if position["of"] != digest:
        raise ValidationError("cursor: it belongs to another query or other filters; begin again without a cursor")
    return Position(*numbers)
