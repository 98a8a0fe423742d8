"""Runs the tiers of a search one after the other, until there is enough, and within bounds of time."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from psycopg2.extensions import TRANSACTION_STATUS_IDLE

from db.errors import DatabaseTimeoutError
from db.models import Match
from db.query_language import Query
from db.read import search_fuzzy
from db.read.search_plan import CAP, PREFIX_CAP, Tier, exact_tier, filter_query, prefix_tier, words_tier
from db.read.search_request import Request
from db.statements import Connection, Row, fetch_all, fetch_one, run, statements
from db.tsquery import all_of, any_of, groups_query, lexeme, term_query

__all__ = ["Found", "TierRun", "common_words", "run_search"]

_SQL = statements("search")
_STATEMENT_SECONDS: Final = 2.0
_SEARCH_SECONDS: Final = 3.0
_FUZZY_BELOW: Final = 10
_WORTH_COUNTING: Final = 100
"""A full page and this many found: how many more there are is not worth looking."""
_WHOLE_POINTS: Final = 8_000
"""From here on a hit is nearly the whole of what was typed: nobody meant something else."""
_FUZZY_BRANCH, _FUZZY_CAP = 80, 240
_COMMON_FOR_SECONDS: Final = 300.0
_common: dict[str, tuple[float, dict[str, float]]] = {}


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
    """What a search has found so far: rows with points and match, best first."""

    rows: list[Row] = field(default_factory=list)
    total: int = 0
    total_is_exact: bool = True
    tiers: list[TierRun] = field(default_factory=list)
    corrections: dict[str, list[str]] = field(default_factory=dict)
    timed_out: bool = False


@contextmanager
def _bounded(conn: Connection) -> Iterator[None]:
    """Bound each statement's time and hold the planner to the index; afterwards all is as the caller had it."""
    alone = conn.autocommit and conn.info.transaction_status == TRANSACTION_STATUS_IDLE
    begin = _SQL["begin_alone" if alone else "begin"].replace("{settings}", _SQL["settings"])
    run(conn, begin, {"timeout_ms": int(_STATEMENT_SECONDS * 1000)})
    try:
        yield
    finally:
        if not conn.closed:
            run(conn, _SQL["end_alone" if alone else "end"])


def common_words(conn: Connection) -> dict[str, float]:
    """Return how many tracks have each of the commonest lexemes, by the database's own statistics.

    A hint for the order of work, remembered for five minutes; empty until the table was analysed.
    """
    parameters = conn.get_dsn_parameters()
    database = f"{parameters.get('host')}:{parameters.get('port')}/{parameters.get('dbname')}"
    known = _common.get(database)
    if known and time.monotonic() - known[0] < _COMMON_FOR_SECONDS:
        return known[1]
    row = fetch_one(conn, _SQL["common_words"])
    tracks = max(row["tracks"], 0) if row else 0
    found = {word: share * tracks for word, share in zip(row["words"], row["frequencies"], strict=False)} if row else {}
    if len(_common) > 64:  # noqa: PLR2004 - a process that sees many databases
        _common.clear()
    _common[database] = (time.monotonic(), found)
    return found


def _is_common(query: Query, frequencies: dict[str, float]) -> bool:
    """Whether more tracks than can be ranked have all the words, as far as anybody knows."""
    rarest = float("inf")
    for group in query.required:
        of_group = 0.0
        for term in group:
            parts = [part for chunk in term.name.chunks for part in chunk.parts]
            of_group += min((frequencies.get(part, 0.0) for part in parts), default=0.0)
        rarest = min(rarest, of_group)
    return rarest > CAP


def _lean(text: str, parameters: Mapping[str, Any]) -> str:
    """Leave out the conditions that ask for nothing: planning them would take longer than the search itself.

    They are lines of their own in the statements, beginning with AND, OR or +.
    """
    idle = [f"%({name})s" for name, value in parameters.items() if value is None]
    return "\n".join(
        line
        for line in text.splitlines()
        if not (line.lstrip().startswith(("AND ", "OR ", "+ ")) and any(name in line for name in idle))
    )


def _statement(tier: Tier, filtered: str) -> tuple[str, dict[str, str]]:
    branches, parameters = [], {}
    for at, branch in enumerate(tier.branches):
        also = "AND (s.document @@ %(also)s::tsquery) IS TRUE" if tier.also and at == len(tier.branches) - 1 else ""
        branches.append(_SQL["branch"].replace("{query}", f"%(branch{at})s").replace("{also}", also))
        parameters[f"branch{at}"] = all_of([branch, filtered])
    text = _SQL["tier"].replace("{branches}", "\nUNION ALL\n".join(branches))
    text = text.replace("{points}", _SQL[f"{tier.match}_points"])
    return text.replace("{bonus}", "0\n+ CASE WHEN s.document @@ %(signs)s::tsquery THEN 95 ELSE 0 END\n"), parameters


class _Run:
    """One search in progress."""

    def __init__(self, conn: Connection, request: Request) -> None:
        self.conn, self.request, self.found = conn, request, Found()
        self.query = request.query
        self.wanted = CAP if request.facets else request.offset + request.limit + 1
        self.filtered = filter_query(self.query, request.filters)
        self.seen: list[str] = []
        self.began = time.monotonic()
        self.best = 0
        after = request.after
        signs = [term.name.sign for group in self.query.groups for term in group if term.name.sign]
        self.shared: dict[str, Any] = request.filters._asdict() | {
            "excluded": any_of(term_query(term) for term in self.query.excluded) or None,
            "newest": after.newest if after else None,
            "after_points": after.points if after else None,
            "after_doc": after.doc_id if after else None,
            "least_points": request.least_points,
            "signs": any_of(lexeme("!" + sign) for sign in signs) or None,
        }

    def take(self, tier: Tier | None, *, rows: int | None = None, cap: int = CAP, branch_cap: int = CAP) -> list[Row]:
        """Run a tier and return its rows, which are noted as found unless their number was given."""
        if tier is None or not tier.branches or time.monotonic() - self.began > _SEARCH_SECONDS:
            return []
        wanted = self.wanted - len(self.found.rows) if rows is None else rows
        text, branches = _statement(tier, self.filtered)
        parameters: dict[str, Any] = self.shared | branches | dict(tier.parameters)
        parameters |= {"least": tier.least, "most": tier.most, "seen": any_of(self.seen) or None, "also": tier.also}
        parameters |= {"cap": cap, "branch_cap": branch_cap, "wanted": max(wanted, 1)}
        began = time.monotonic()
        taken = fetch_all(self.conn, _lean(text, parameters), parameters)
        found, capped = taken[0]["found"], taken[0]["taken"] >= cap
        self.best = max(self.best, taken[0]["best"] or 0)
        taken = [row for row in taken if row["id"] is not None]
        self.found.tiers.append(TierRun(tier.match, tier.branches, found, capped, time.monotonic() - began))
        self.seen.append(tier.seen)
        if rows is None:
            self.found.rows += [row | {"match": tier.match} for row in taken[: max(wanted, 0)]]
            self.found.total += found
        self.found.total_is_exact &= not capped
        return taken

    def enough(self) -> bool:
        return len(self.found.rows) >= self.wanted

    def tiers(self) -> None:
        """Take from tier after tier while more is wanted, or while it costs little to know how many there are."""
        common = bool(self.query.groups) and _is_common(self.query, common_words(self.conn))
        self.take(exact_tier(self.query))
        exact = self.found.total
        for plan in (words_tier, prefix_tier):
            many = common or not self.found.total_is_exact or self.found.total >= _WORTH_COUNTING
            if self.enough() and many:
                self.found.total_is_exact = False
                return
            tier = plan(self.query, common=common)
            self.take(tier, cap=PREFIX_CAP if plan is prefix_tier else CAP)
        whole = self.best >= _WHOLE_POINTS
        if not exact and not whole and self.found.total < _FUZZY_BELOW:
            self.fuzzy()

    def fuzzy(self) -> None:
        """Take what may have been meant, the most alike first."""
        meant = search_fuzzy.guess(self.conn, self.query)
        if meant is None:
            return
        self.found.corrections = search_fuzzy.understood(meant)
        tier = Tier("fuzzy", meant.branches, {}, 0, 0, "")
        request, after = self.request, self.request.after
        shared, self.shared = self.shared, self.shared | {"after_points": None, "after_doc": None, "least_points": None}
        rows = self.take(tier, rows=_FUZZY_CAP, cap=_FUZZY_CAP, branch_cap=_FUZZY_BRANCH)
        self.shared = shared
        likeness = search_fuzzy.Likeness(self.query, meant.readings)
        for row in rows:
            row["points"], row["match"] = likeness.points(row), "fuzzy"
        rows = [row for row in rows if row["points"] > 0]
        self.found.total += len(rows)
        if after:
            rows = [row for row in rows if (-row["points"], row["doc_id"]) > (-after.points, after.doc_id)]
        if request.least_points is not None:
            rows = [row for row in rows if row["points"] >= request.least_points]
        rows.sort(key=lambda row: (-row["points"], row["doc_id"]))
        self.found.rows += rows[: max(0, self.wanted - len(self.found.rows))]


def run_search(conn: Connection, request: Request) -> Found:
    """Search, and return what was found: enough rows for the page and one more.

    A search that runs out of time returns what it has. Raises DatabaseTimeoutError where that is nothing, and
    DatabaseOperationError.
    """
    search = _Run(conn, request)
    with _bounded(conn):
        try:
            search.tiers()
        except DatabaseTimeoutError:
            if not search.found.rows:
                raise
            search.found.timed_out, search.found.total_is_exact = True, False
    return search.found


def newest(conn: Connection) -> int:
    """Return the doc_id of the newest track."""
    row = fetch_one(conn, _SQL["newest"])
    return int(row["doc_id"]) if row else 0


def words_query(query: Query) -> str:
    """Return the query for all the words of a query, as the words tier asks it."""
    return groups_query(query.required)
