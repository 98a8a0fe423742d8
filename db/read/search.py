"""Searching: people type names, and find the right track first."""

from collections import Counter
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from db.models import FacetCount, SearchHit, SearchPage
from db.read.highlights import highlights
from db.read.search_request import SCALE, Request, check
from db.read.search_run import Found, run_search
from db.statements import Connection, Row
from db.status import TrackStatus

_DEFAULTS: dict[str, Any] = dict.fromkeys(
    (
        *("cursor", "status", "artist", "album", "genre", "format", "min_rank"),
        *("year_min", "year_max", "duration_min", "duration_max"),
    )
) | {"limit": 20, "offset": 0, "facets": (), "highlight": False}
__all__ = ["checked", "page_of", "search_audio_tracks", "search_audio_tracks_advanced"]


def search_audio_tracks(conn: Connection, query: str, *, limit: int = 20, offset: int = 0) -> list[SearchHit]:
    """Return the tracks that a query finds, best first; see search_audio_tracks_advanced."""
    return list(search_audio_tracks_advanced(conn, query, limit=limit, offset=offset).hits)


def search_audio_tracks_advanced(
    conn: Connection,
    query: str,
    *,
    limit: int = 20,
    offset: int = 0,
    cursor: str | None = None,
    status: TrackStatus | str | None = None,
    artist: str | None = None,
    album: str | None = None,
    genre: str | None = None,
    format: str | None = None,  # noqa: A002 - the field's name
    year_min: int | None = None,
    year_max: int | None = None,
    duration_min: float | None = None,
    duration_max: float | None = None,
    min_rank: float | None = None,
    facets: Sequence[str] = (),
    highlight: bool = False,
) -> SearchPage:
    """Return one page of the tracks that a query finds, best first, ties by age.

    The query is what people type: names, ``"exact phrase"``, ``-word``, ``OR``, ``artist:``, ``title:``, ``album:``,
    ``genre:``, ``format:``, ``year:1990..1999``. Each hit's ``match`` says how it was found: its title or artist is
    what was typed (exact), it has all the words (words), the last word goes on (prefix), or something like it was meant
    (fuzzy, only where little else was found).

    ``limit`` is 1 to 100. ``artist`` and ``album`` are whole names, case, accents and article aside; durations are in
    seconds; ``min_rank`` is the least score, 0 to 1. ``cursor`` is the previous page's ``next_cursor``, for the same
    query and filters: pages that follow it neither repeat nor skip when tracks are added meanwhile. ``facets`` are some
    of artist, album, genre, format and year, counted over the best hits. ``highlight`` adds the fields that matched, as
    HTML with ``<mark>``. At most 300 hits of a tier can be paged through; ``total_is_exact`` says if there are more.

    Raises ValidationError naming everything that is wrong, DatabaseTimeoutError where nothing was found within 3 s,
    DatabaseOperationError.
    """
    request = checked(
        query,
        limit=limit,
        offset=offset,
        cursor=cursor,
        status=status,
        artist=artist,
        album=album,
        genre=genre,
        format=format,
        year_min=year_min,
        year_max=year_max,
        duration_min=duration_min,
        duration_max=duration_max,
        min_rank=min_rank,
        facets=facets,
        highlight=highlight,
    )
    return page_of(request, run_search(conn, request))


def checked(query: str, **asked: Any) -> Request:
    """Return the request for a search with parameters of search_audio_tracks_advanced. Raises ValidationError."""
    return check(query, **(_DEFAULTS | asked))


def page_of(request: Request, found: Found) -> SearchPage:
    """Return the page that a request asked for of what was found."""
    first, last = request.offset, request.offset + request.limit
    rows = found.rows[first:last]
    following = None
    if len(found.rows) > last:
        following = request.cursor_after(rows[-1]["points"], rows[-1]["doc_id"], found.newest)
    return SearchPage(
        hits=tuple(_hit(row, request) for row in rows),
        total=found.total,
        total_is_exact=found.total_is_exact,
        next_cursor=following,
        facets={facet: _counted(found.rows, facet) for facet in request.facets},
    )


def _hit(row: Row, request: Request) -> SearchHit:
    marked = highlights(row, request.query) if request.highlight else None
    return SearchHit.model_construct(
        id=UUID(row["id"]),
        artist=row["artist"],
        title=row["title"],
        album=row["album"],
        genre=row["genre"],
        year=row["year"],
        duration=None if row["duration"] is None else float(row["duration"]),
        format=row["format"],
        audio_path=row["audio_path"],
        score=max(row["points"], 1) / SCALE,
        match=row["match"],
        highlights=marked,
    )


def _counted(rows: Sequence[Row], facet: str) -> tuple[FacetCount, ...]:
    counts = Counter(str(row[facet]) for row in rows if row[facet] is not None)
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return tuple(FacetCount(value=value, count=count) for value, count in ordered)
