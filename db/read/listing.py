"""How a listing of tracks is ordered, and where its pages begin and end."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple

from psycopg2 import sql

from db import cursors, limits, validation
from db.errors import ValidationError
from db.statements import Row, statements
from db.status import TrackStatus

_SQL = statements("tracks")
_OFFSET_MAX: Final = 2**31 - 1
_CURSOR_KEYS: Final = frozenset({"by", "desc", "status", "value", "id"})


class _Ordering(NamedTuple):
    statement: str
    sql_type: str
    value_type: type


ORDERINGS: Final = {
    "created_at": _Ordering("list_always_set", "timestamptz", datetime),
    "updated_at": _Ordering("list_always_set", "timestamptz", datetime),
    "title": _Ordering("list_maybe_null", "text", str),
    "artist": _Ordering("list_maybe_null", "text", str),
    "year": _Ordering("list_maybe_null", "integer", int),
}
"""What a listing can be ordered by; each has an index (migration 0001)."""


@dataclass(frozen=True, kw_only=True)
class Listing:
    """One page of a listing as it was asked for; ``check`` it before anything else."""

    order_by: str
    descending: bool
    status: TrackStatus | str | None
    limit: int
    offset: int
    cursor: str | None

    def check(self) -> None:
        """Raise ValidationError naming everything that is wrong."""
        reasons: list[str] = []
        for name, lowest, highest in (("limit", 1, limits.PAGE_MAX), ("offset", 0, _OFFSET_MAX)):
            try:
                validation.whole_number(name, getattr(self, name), lowest, highest)
            except ValidationError as error:
                reasons.extend(error.reasons)
        if self.order_by not in list(ORDERINGS):
            reasons.append(f"order_by: {self.order_by!r:.80} should be one of {', '.join(ORDERINGS)}")
        if not isinstance(self.descending, bool):
            reasons.append(f"descending: {self.descending!r:.80} should be True or False")
        if self.status is not None and self.status not in list(TrackStatus):
            reasons.append(f"status: {self.status!r:.80} should be one of {', '.join(TrackStatus)}")
        if self.cursor is not None and self.offset:
            reasons.append(f"offset: {self.offset!r:.80} goes with no cursor; give one or the other")
        if reasons:
            raise ValidationError(reasons)

    def statement(self) -> sql.Composed:
        """Return the SQL: column, type and direction come from fixed lists, never from the caller's text."""
        ordering = ORDERINGS[self.order_by]
        return sql.SQL(_SQL[ordering.statement]).format(
            column=sql.Identifier(self.order_by),
            type=sql.SQL(ordering.sql_type),
            direction=sql.SQL("DESC" if self.descending else "ASC"),
            beyond=sql.SQL("<" if self.descending else ">"),
        )

    def params(self) -> dict[str, Any]:
        """Return the statement's parameters; one row more than asked for tells whether there are more.

        Raises ValidationError for a cursor that this listing did not give.
        """
        after_value, after_id = (None, None) if self.cursor is None else self._position(self.cursor)
        return {
            "status": self.status,
            "after_value": after_value,
            "after_id": after_id,
            "limit": self.limit + 1,
            "offset": self.offset,
            "reach": self.limit + 1 + self.offset,
        }

    def cursor_after(self, row: Row) -> str:
        """Return the cursor for what comes behind ``row``."""
        value = row[self.order_by]
        value = value.isoformat() if isinstance(value, datetime) else value
        return cursors.encode({**self._kind(), "value": value, "id": str(row["id"])})

    def _kind(self) -> dict[str, Any]:
        return {"by": self.order_by, "desc": self.descending, "status": self.status}

    def _position(self, cursor: str) -> tuple[Any, str]:
        position = cursors.decode(cursor, _CURSOR_KEYS)
        kind = self._kind()
        if {key: position[key] for key in kind} != kind:
            raise ValidationError(
                "cursor: it belongs to a listing with another ordering or status; begin again without a cursor"
            )
        try:
            value = _checked_value(position["value"], ORDERINGS[self.order_by].value_type)
            return value, str(validation.track_id(position["id"]))
        except (ValidationError, TypeError, ValueError):
            raise ValidationError(
                f"cursor: {cursor!r:.80} is not one that this listing gave; begin again without a cursor"
            ) from None


def _checked_value(value: Any, expected: type) -> Any:
    """Return a cursor's value as it can be sent. Raises TypeError or ValueError for what no row can have."""
    if expected is datetime:
        moment = datetime.fromisoformat(value)
        if moment.tzinfo is None:
            raise ValueError("a moment without a time zone")
        return moment
    if value is None:
        return None
    if expected is int:
        return validation.whole_number("year", value, limits.YEAR_MIN, limits.YEAR_MAX)
    return validation.storable_text(value)
