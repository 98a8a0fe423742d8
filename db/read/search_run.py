"""Runs a search: three tiers in one round trip, then what may have been meant, and all within bounds of time."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from psycopg2.extensions import TRANSACTION_STATUS_IDLE

from db.composites import array, row
from db.errors import DatabaseTimeoutError
from db.models import Match
from db.read import search_fuzzy
from db.read.frequencies import frequencies
from db.read.likeness import Likeness
from db.read.search_plan import CAP, filter_query, plan
from db.read.search_request import Request
from db.read.search_tiers import Plan
from db.statements import Connection, Row, fetch_all, run, statements
from db.tsquery import all_of, any_of, lexeme, term_query

__all__ = ["Found", "TierRun", "run_search"]

_SQL = statements("search")
_STATEMENT_SECONDS: Final = 2.0
_SEARCH_SECONDS: Final = 3.0
_TIERS: Final[tuple[Match, ...]] = ("exact", "words", "prefix")
_FUZZY_BELOW: Final = 10
_WHOLE_POINTS: Final = 8_000
"""From here on a hit is nearly the whole of what was typed: nobody meant something else."""
_FUZZY_BRANCH, _FUZZY_CAP = 40, 120


@dataclass(frozen=True)
class TierRun:
    """What one tier did: the queries it put to the index, how many tracks it found, whether it stopped at its cap."""

    match: Match
    branches: tuple[str, ...]
    found: int
    capped: bool
    seconds: float


@dataclass
class Found:
    """What a search has found: rows with points and match, best first; ``newest`` on a first page."""

    rows: list[Row] = field(default_factory=list)
    total: int = 0
    total_is_exact: bool = True
    tiers: list[TierRun] = field(default_factory=list)
    corrections: dict[str, list[str]] = field(default_factory=dict)
    newest: int = 0
    timed_out: bool = False


class _Bounded:
    """Runs statements, each bounded in time; afterwards all is as the caller had it.

    Outside a transaction each message is one of its own, which takes its settings with it. Inside one, a savepoint is
    set with the first statement.
    """

    def __init__(self, conn: Connection) -> None:
        self._conn = conn
        self._alone = conn.autocommit and conn.info.transaction_status == TRANSACTION_STATUS_IDLE
        self._begun = False
        self._since = time.monotonic()

    def fetch(self, statement: str, parameters: dict[str, Any]) -> list[Row]:
        """Return the rows of a statement. Raises DatabaseTimeoutError, DatabaseOperationError."""
        parts = [_SQL["bound"], _SQL[statement]]
        if not self._alone and not self._begun:
            parts.insert(0, _SQL["begin"])
        self._begun = True
        left = min(_STATEMENT_SECONDS, _SEARCH_SECONDS - (time.monotonic() - self._since))
        bounds = {"timeout_ms": max(1, int(left * 1000))}
        return fetch_all(self._conn, ";\n".join(parts), parameters | bounds)

    def end(self) -> None:
        if self._begun and not self._alone and not self._conn.closed:
            run(self._conn, _SQL["end"])


class _Run:
    """One search in progress."""

    def __init__(self, conn: Connection, request: Request) -> None:
        self.request, self.query, self.found = request, request.query, Found()
        self.wanted = CAP if request.facets else request.offset + request.limit + 1
        self.known = known = frequencies(conn)
        groups = self.query.required
        self.common = bool(groups) and min(known.of_groups(groups)) > CAP
        self.filtered = filter_query(self.query, request.filters)
        self.plan: Plan = plan(self.query, self.filtered, known)
        self.bounded = _Bounded(conn)
        narrow = (
            request.after.newest if request.after else None,
            *(getattr(request.filters, name) for name in ("genre", "format", "year_min", "year_max")),
            *(getattr(request.filters, name) for name in ("duration_min", "duration_max", "status")),
        )
        self.shared = {
            "excluded": any_of(term_query(term) for term in self.query.excluded) or None,
            "narrow": row(narrow) if any(value is not None for value in narrow) else None,
        }

    def tiers(self) -> None:
        """Take what was typed, and where that is little what may have been meant."""
        request, after = self.request, self.request.after
        signs = [term.name.sign for group in self.query.groups for term in group if term.name.sign]
        page = (self.wanted, after.points if after else None, after.doc_id if after else None, request.least_points)
        parameters = self.shared | {
            "page": row(page),
            "signs": any_of(lexeme("!" + sign) for sign in signs) or None,
            "common": self.common,
            "exact": row(self.plan.exact),
            "words": row(self.plan.words),
            "prefix": row(self.plan.prefix) if self.plan.prefix else None,
        }
        best = {tier["tier"]: self._note(tier) for tier in self.bounded.fetch("tracks", parameters)}
        if self.found.timed_out and not self.found.rows:
            raise DatabaseTimeoutError("the search found nothing within its time: ask for more words, or narrow it")
        if any(self.plan.branches(match) for match in _TIERS if match not in best):
            self.found.total_is_exact = False  # a page was full, and how many there are is not worth looking
        elif (
            not best.get("exact") and max(best.values(), default=0) < _WHOLE_POINTS and self.found.total < _FUZZY_BELOW
        ):
            self.fuzzy()

    def _note(self, tier: Row) -> int:
        """Note what a tier found, and return its best points."""
        match: Match = tier["tier"]
        if tier["matching"] is None:
            self.found.timed_out, self.found.total_is_exact = True, False
            return 0
        asked = self.plan.branches(match, layered=tier["layered"])
        self.found.tiers.append(TierRun(match, asked, tier["matching"], tier["capped"], tier["seconds"]))
        self.found.rows += [hit | {"match": match} for hit in tier["hits"] or ()]
        self.found.total += tier["matching"]
        complete = match != "prefix" or self.plan.prefix is None or self.plan.prefix.complete
        self.found.total_is_exact &= complete and not tier["capped"]
        self.found.newest = tier["newest"] or 0
        return tier["best"] or 0

    def fuzzy(self) -> None:
        """Take what may have been meant, the most alike first."""
        began = time.monotonic()
        try:
            meant = search_fuzzy.guess(self.query, self.known, lambda asked: self.bounded.fetch("spellings", asked))
            if meant is None:
                return
            branches = [all_of([branch, self.filtered]) for branch in meant.branches]
            asked = {"asked": array(branches), "seen": self.plan.seen or None}
            limits = {"branch_cap": _FUZZY_BRANCH, "cap": _FUZZY_CAP}
            rows = self.bounded.fetch("meant", self.shared | asked | limits)
        except DatabaseTimeoutError:
            if not self.found.rows:
                raise
            self.found.timed_out, self.found.total_is_exact = True, False
            return
        self.found.corrections = search_fuzzy.understood(meant)
        capped = len(rows) >= _FUZZY_CAP
        self.found.tiers.append(TierRun("fuzzy", meant.branches, len(rows), capped, time.monotonic() - began))
        self.found.total_is_exact &= not capped
        self._rank(rows, Likeness(self.query, meant.readings))

    def _rank(self, rows: Sequence[Row], likeness: Likeness) -> None:
        """Keep the rows that are like what was typed, and of those the ones of this page."""
        after, least = self.request.after, self.request.least_points
        rated = [(-likeness.points(row), row["doc_id"], row) for row in rows]
        rated = sorted(one for one in rated if one[0] < 0)
        self.found.total += len(rated)
        if after:
            rated = [one for one in rated if one[:2] > (-after.points, after.doc_id)]
        if least is not None:
            rated = [one for one in rated if -one[0] >= least]
        room = max(0, self.wanted - len(self.found.rows))
        self.found.rows += [row | {"points": -points, "match": "fuzzy"} for points, _, row in rated[:room]]


def run_search(conn: Connection, request: Request) -> Found:
    """Search, and return what was found: enough rows for the page and one more.

    A search that runs out of time returns what it has. Raises DatabaseTimeoutError where that is nothing, and
    DatabaseOperationError.
    """
    search = _Run(conn, request)
    try:
        search.tiers()
    finally:
        search.bounded.end()
    return search.found
