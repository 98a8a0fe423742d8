"""Follows what happens to all tracks: every line of the history once, although transactions end out of order.

Nothing is asked of those who write. A line carries the time at which it was written (``at``), and is seen when its
transaction commits, which may be later than that of a younger line. So what was read is read again, from the moment
before which no transaction that is still under way can have written anything, and lines that were seen are left out.
Which transactions those are is in pg_locks: each holds the lock of its own number from before its first line until
after its commit can be seen.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from db import limits, validation
from db.errors import DatabaseOperationError, ReadOnlyDatabaseError, ValidationError
from db.models import HistoryEntry
from db.statements import Connection, Row, fetch_all, fetch_one, statements
from db.status import TrackStatus

_SQL = statements("history")
POLL_MAX: Final = 5_000
"""Lines that one poll returns at most; the next one goes on where it stopped."""
_MARGIN: Final = timedelta(seconds=2)
"""For a line's time is taken a moment before it is written, and for a server's clock that is set back a little."""
_LONGEST_UNKNOWN: Final = timedelta(seconds=60)
"""How old a transaction may be that was under way before the first poll, where this role may not know its beginning."""
_FIRST_SLICE: Final = timedelta(minutes=1)
_LEAST_SLICE: Final = timedelta(seconds=1)
_LONGEST_SLICE: Final = timedelta(days=7)
_SPANS: Final = (timedelta(minutes=1), timedelta(hours=1), timedelta(days=1), timedelta(days=30), None)


class Follower:
    """Where somebody is in the history; ``poll`` goes on from there.

    It begins with what is committed after the first poll, or with what was written since a moment, ``since``. ``to``,
    ``audio_id`` and ``error_codes`` keep only such lines, ``worker`` those whose worker's name begins so.

    Give it connections to the primary, each time any one: it does not mind that the server is away in between.
    Raises ValidationError for a filter that cannot be.
    """

    def __init__(
        self,
        *,
        since: datetime | None = None,
        to: Sequence[TrackStatus | str] = (),
        audio_id: UUID | str | None = None,
        error_codes: Sequence[str] = (),
        worker: str | None = None,
    ) -> None:
        if since is not None and since.tzinfo is None:
            raise ValidationError(f"since: {since} should have a time zone")
        if unknown := [status for status in to if status not in list(TrackStatus)]:
            raise ValidationError(f"to: {unknown[0]!r:.80} should be one of {', '.join(TrackStatus)}")
        self._filters: dict[str, Any] = {
            "to": [str(status) for status in to] or None,
            "audio_id": None if audio_id is None else str(validation.track_id(audio_id)),
            "error_codes": list(error_codes) or None,
            "worker": worker or None,
        }
        self._low = since
        self._moment: datetime | None = None
        self._under_way: dict[str, datetime] = {}
        self._seen: dict[int, datetime] = {}
        self._slice = _FIRST_SLICE
        self.caught_up = False
        """Whether the last poll came to the end of what there was."""

    @property
    def position(self) -> datetime | None:
        """From when on another Follower has to read to miss nothing that ``poll`` has not returned yet."""
        return self._low

    def poll(self, conn: Connection) -> list[HistoryEntry]:
        """Return what came since the last poll, roughly in the order of time, POLL_MAX lines at most.

        ``conn`` must be in READ COMMITTED, as it is by default. Raises DatabaseOperationError, and is where it was.
        """
        moment, under_way = self._who_is_under_way(conn)
        horizon = min((moment, *under_way.values())) - _MARGIN
        first = self._low is None
        low = horizon if self._low is None else self._low
        end = low + self._slice
        rows, whole = self._read(conn, low, None if first or end >= moment else end, every=first)
        fresh = [row for row in rows if row["id"] not in self._seen]
        if whole:
            reached = min(end, horizon)
            self._slice = min(self._slice * 2, _LONGEST_SLICE) if len(fresh) < POLL_MAX // 2 else self._slice
        else:
            reached, self._slice = min(rows[-1]["at"], horizon), max(self._slice / 2, _LEAST_SLICE)
        self.caught_up = whole and end >= moment
        self._low, self._moment, self._under_way = max(low, reached), moment, under_way
        seen = self._seen | {row["id"]: row["at"] for row in rows}
        self._seen = {number: at for number, at in seen.items() if at >= self._low}
        return [] if first else [HistoryEntry.model_validate(row) for row in fresh]

    def latest(self, conn: Connection, number: int) -> list[HistoryEntry]:
        """Return the last lines there are, oldest first; ``poll`` does not return them once more.

        Call it after the first poll. ``number`` is 0 to 1,000.
        """
        number = validation.whole_number("number", number, 0, limits.PAGE_MAX)
        if self._moment is None or self._low is None:
            raise ValueError("poll first: what comes after these lines has to be known")
        rows: list[Row] = []
        for span in _SPANS:
            low = None if span is None else self._moment - span
            rows = fetch_all(conn, _SQL["latest"], {**self._filters, "low": low, "limit": number})
            if len(rows) >= number:
                break
        self._seen |= {row["id"]: row["at"] for row in rows if row["at"] >= self._low}
        return [HistoryEntry.model_validate(row) for row in reversed(rows)]

    def _who_is_under_way(self, conn: Connection) -> tuple[datetime, dict[str, datetime]]:
        """Return the server's time, and for each transaction under way a moment before its first line."""
        row = fetch_one(conn, _SQL["under_way"])
        assert row is not None  # noqa: S101 - the statement always gives one
        if row["is_replica"]:
            raise ReadOnlyDatabaseError("following needs the primary: a replica does not know who is still writing")
        if row["isolation"] != "read committed":
            raise DatabaseOperationError(
                f"following needs READ COMMITTED, not {row['isolation'].upper()}: the lines have to be read after this"
            )
        moment: datetime = row["moment"]
        began = {}
        for number, start in row["transactions"].items():
            if number in self._under_way:
                began[number] = self._under_way[number]
            elif self._moment is not None:
                began[number] = self._moment  # it was not there the last time
            else:
                began[number] = self._low or (datetime.fromisoformat(start) if start else moment - _LONGEST_UNKNOWN)
        return moment, began

    def _read(self, conn: Connection, low: datetime, high: datetime | None, *, every: bool) -> tuple[list[Row], bool]:
        """Return lines, and whether these are all; ``every`` reads them all."""
        limit = None if every else POLL_MAX + len(self._seen)
        rows = fetch_all(conn, _SQL["follow"], {**self._filters, "low": low, "high": high, "limit": limit})
        return rows, limit is None or len(rows) < limit
