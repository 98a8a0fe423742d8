"""Says how a search was understood, and why a track is or is not among its hits."""

from typing import Any, Final
from uuid import UUID

from db import validation
from db.models import ExplainedTier, Match, SearchExplanation, SearchReason
from db.query_language import Term
from db.read.frequencies import Frequencies
from db.read.search import checked, page_of
from db.read.search_plan import filter_query, plan
from db.read.search_request import LIMIT_MAX, SCALE, Request
from db.read.search_run import run_search
from db.statements import Connection, fetch_one, statements
from db.tsquery import any_of, term_query

__all__ = ["explain_search", "why_found"]

_SQL = statements("search_explain")
_TIERS: Final[tuple[Match, ...]] = ("exact", "words", "prefix")


def explain_search(conn: Connection, query: str, **asked: Any) -> SearchExplanation:
    """Search as search_audio_tracks_advanced does, with its parameters, and say how. Raises what it raises."""
    request = checked(query, **asked)
    found = run_search(conn, request)
    groups = request.query.required
    return SearchExplanation(
        text=request.query.text,
        required=tuple(tuple(map(_said, group)) for group in groups),
        optional=tuple(_said(term) for group in request.query.groups if group not in groups for term in group),
        excluded=tuple(map(_said, request.query.excluded)),
        filters={name: str(value) for name, value in request.filters._asdict().items() if value is not None},
        corrections={word: tuple(near) for word, near in found.corrections.items()},
        tiers=tuple(
            ExplainedTier(
                match=tier.match,
                asked=tier.branches,
                found=tier.found,
                stopped_at_cap=tier.capped,
                seconds=tier.seconds,
            )
            for tier in found.tiers
        ),
        timed_out=found.timed_out,
        page=page_of(request, found),
    )


def _said(term: Term) -> str:
    text = f'"{term.text}"' if term.phrase else term.text
    return f"{term.field}:{text}" if term.field else text


def why_found(conn: Connection, audio_id: UUID | str, query: str, **asked: Any) -> SearchReason:
    """Say why a track is or is not among the hits of a query, with the parameters of search_audio_tracks_advanced.

    Raises ValidationError, DatabaseOperationError.
    """
    track = str(validation.track_id(audio_id))
    request = checked(query, **asked | {"limit": LIMIT_MAX})
    found = run_search(conn, request)
    for place, row in enumerate(found.rows, 1):
        if str(row["id"]) == track:
            said = f"hit number {place}, by tier {row['match']}"
            return SearchReason(found=True, match=row["match"], score=row["points"] / SCALE, reasons=(said,))
    if fetch_one(conn, _SQL["document"], {"audio_id": track}) is None:
        return _no("it is not in the read model: it never completed, or `tonearm reindex` has to add it")
    reasons = _against(conn, track, request)
    if reasons:
        return _no(*reasons)
    planned = plan(request.query, "", Frequencies())
    for match in _TIERS:
        if _matches(conn, track, any_of(planned.branches(match))):
            later = f"it matches by tier {match}, but {len(found.rows)} hits come before it"
            return SearchReason(found=True, match=match, score=None, reasons=(later,))
    return _no(*_missing(conn, track, request))


def _no(*reasons: str) -> SearchReason:
    return SearchReason(found=False, match=None, score=None, reasons=reasons)


def _matches(conn: Connection, track: str, query: str) -> bool:
    row = fetch_one(conn, _SQL["matches"], {"audio_id": track, "query": query}) if query else None
    return bool(row and row["matches"])


def _against(conn: Connection, track: str, request: Request) -> list[str]:
    """Return the exclusions and filters that keep a track out."""
    reasons = [
        f"-{_said(term)}: the track has it"
        for term in request.query.excluded
        if _matches(conn, track, term_query(term))
    ]
    filtered = filter_query(request.query, request.filters)
    if filtered and not _matches(conn, track, filtered):
        reasons.append(f"a filter keeps it out: it does not match {filtered}")
    if not reasons and not fetch_one(conn, _SQL["passes_filters"], request.filters._asdict() | {"audio_id": track}):
        reasons.append("a filter keeps it out: status, genre, format, year or duration")
    return reasons


def _missing(conn: Connection, track: str, request: Request) -> list[str]:
    """Return which words a track lacks."""
    lacking = [
        f"{' OR '.join(map(_said, group))}: none of its names, genre, year and format has it"
        for group in request.query.required
        if not any(_matches(conn, track, term_query(term)) for term in group)
    ]
    return lacking or ["it has all the words, but not as they were asked for"]
