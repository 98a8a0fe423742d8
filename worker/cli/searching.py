"""``tonearm search``."""

from typing import Annotated

import typer

from db.models import SearchExplanation
from db.read.search_explain import explain_search
from db.status import TrackStatus
from worker.cli.connect import reading
from worker.cli.ids import with_short_ids
from worker.cli.output import AsJson, console, length, narrow, print_json, table, wide
from worker.settings import Settings

_HIT = ("id", "artist", "title", "album", "genre", "year", "duration", "format", "audio_path", "score", "match")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(search)


def search(
    words: Annotated[list[str], typer.Argument(help='What to find; "exact phrase", -word, OR and artist:… work.')],
    limit: Annotated[int, typer.Option(min=1, max=100, help="Hits on a page.")] = 20,
    cursor: Annotated[str | None, typer.Option(help="The next_cursor of the page before.")] = None,
    status: Annotated[
        str | None,
        typer.Option(help="Only tracks that are in this state now.", autocompletion=lambda: list(TrackStatus)),
    ] = None,
    artist: Annotated[str | None, typer.Option(help="Only this artist.")] = None,
    album: Annotated[str | None, typer.Option(help="Only this album.")] = None,
    genre: Annotated[str | None, typer.Option(help="Only this genre.")] = None,
    format: Annotated[str | None, typer.Option(help="Only this format, such as MP3.")] = None,  # noqa: A002 - public
    year_min: Annotated[int | None, typer.Option(help="Only from this year on.")] = None,
    year_max: Annotated[int | None, typer.Option(help="Only up to this year.")] = None,
    facets: Annotated[str | None, typer.Option(help="Count by these, with commas: artist,genre,year …")] = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="Say how the query was understood and what found what.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Search the catalogue, best hit first.

    Case, accents and punctuation do not matter, the last word may be unfinished, and typos are forgiven where little
    else matches.

    Example: tonearm search acdc
    Example: tonearm search bjork joga --explain
    Example: tonearm search '"the the"' OR kino --year-min 1985
    Example: tonearm search love --facets artist,year --json | jq .facets
    """
    query = " ".join(words)
    with reading(Settings()) as conn:
        explanation = explain_search(
            conn,
            query,
            limit=limit,
            cursor=cursor,
            status=status,
            artist=artist,
            album=album,
            genre=genre,
            format=format,
            year_min=year_min,
            year_max=year_max,
            facets=tuple(name.strip() for name in facets.split(",")) if facets else (),
        )
        page = explanation.page
        hits = [] if as_json else with_short_ids(conn, page.hits)
    if as_json:
        print_json(
            {
                "query": query,
                "total": page.total,
                "total_is_exact": page.total_is_exact,
                "next_cursor": page.next_cursor,
                "hits": [{name: getattr(hit, name) for name in _HIT} for hit in page.hits],
                "facets": page.facets,
            }
            | ({"explanation": explanation.model_dump(exclude={"page"})} if explain else {})
        )
        return
    if explain:
        _print_explanation(explanation)
    names = (
        "id",
        *(() if narrow() else ("artist",)),
        "title",
        *(("album", "year", "length") if wide() else ()),
        "match",
    )
    rows = (hit | {"length": length(hit["duration"])} for hit in hits)
    table(names, ([row[name] for name in names] for row in rows))
    exactly = "" if page.total_is_exact else "at least "
    console.print(f"{exactly}{page.total} found", highlight=False)
    for facet, counts in page.facets.items():
        table((facet, "count"), ((count.value, count.count) for count in counts))
    if page.next_cursor:
        console.print(f"more: --cursor {page.next_cursor}", highlight=False, soft_wrap=True)


def _print_explanation(explanation: SearchExplanation) -> None:
    said = {
        "all of": " & ".join(" OR ".join(group) for group in explanation.required),
        "if at all": ", ".join(explanation.optional),
        "none of": ", ".join(explanation.excluded),
        "filters": ", ".join(f"{name} {value}" for name, value in explanation.filters.items()),
        "may mean": "; ".join(f"{word}: {', '.join(near)}" for word, near in explanation.corrections.items()),
    }
    table(("understood", "as"), ((name, text) for name, text in said.items() if text))
    table(
        ("tier", "found", "took", "asked"),
        (
            (
                tier.match,
                f"{tier.found}{'+' if tier.stopped_at_cap else ''}",
                f"{tier.seconds * 1000:.1f} ms",
                " then ".join(tier.asked),
            )
            for tier in explanation.tiers
        ),
    )
    if explanation.timed_out:
        console.print("the search ran out of time: these are the best hits so far", highlight=False)
