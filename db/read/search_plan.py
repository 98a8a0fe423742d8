"""Plans a search: the tiers in which candidates are taken from the index, each a few branches in a useful order."""

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any, NamedTuple

from db.folding import ARTICLES, Name, is_unspaced, name
from db.models import Match
from db.query_language import FIELDS, Query, Term
from db.search_document import LAYERS, exact_key, size_of
from db.tsquery import all_of, any_of, groups_query, key_query, lexeme, phrase_query, term_query

__all__ = ["CAP", "PREFIX_CAP", "Filters", "Tier", "exact_tier", "filter_query", "prefix_tier", "spans", "words_tier"]

CAP = 300
"""The most tracks that one tier ranks."""
PREFIX_CAP = 150
"""The same for words that go on: whoever types them types on."""
_MOST_YEARS = 20
_SHORTEST_PREFIX = 3
_MOST_NAMED = 8


class Filters(NamedTuple):
    """What a track must be besides being found."""

    artist: str | None = None
    album: str | None = None
    genre: str | None = None
    format: str | None = None
    year_min: int | None = None
    year_max: int | None = None
    duration_min: float | None = None
    duration_max: float | None = None
    status: str | None = None


class Tier(NamedTuple):
    """One tier: its branches as tsquery text, best first, and how its hits are scored, between ``least`` and ``most``.

    ``seen`` is what all its hits match, for later tiers to leave out; ``also`` is a further tsquery that a hit of the
    last branch must match and that the index is not asked for.
    """

    match: Match
    branches: tuple[str, ...]
    parameters: Mapping[str, Any]
    least: int
    most: int
    seen: str
    also: str = ""


def filter_query(query: Query, filters: Filters) -> str:
    """Return what of the filters the index can answer, and the terms of the query that name a field."""
    parts = []
    for text, weight in ((filters.artist, "B"), (filters.album, "C")):
        if text:
            names = [name(text)]
            parts.append(any_of([key_query(names, weight), key_query(names, weight, "~")]))
    parts += [all_of(term_query(_term(text)) for text in (filters.genre, filters.format) if text)]
    first, last = filters.year_min, filters.year_max
    if first is not None and last is not None and 0 <= last - first < _MOST_YEARS:
        parts.append(any_of(lexeme(str(year)) for year in range(first, last + 1)))
    parts += [any_of(term_query(term) for term in group) for group in query.groups if all(term.field for term in group)]
    return all_of(parts)


def _term(text: str) -> Term:
    return Term(text, name(text))


def _names(query: Query) -> list[Name]:
    """Return the names that a query may be: the whole of it, or each alternative of a lone OR."""
    if len(query.groups) == 1:
        return [term.name for term in query.groups[0]]
    return [query.name]


def _or_null(text: str) -> str | None:
    return text or None


def exact_tier(query: Query) -> Tier:
    """Plan the tracks whose title or artist is what was typed, whole."""
    if query.text:
        names = _names(query)
        weighted = {weight: key_query(names, weight) for weight in "AB"}
        core = {weight: key_query(names, weight, "~") for weight in "AB"}
        branch = any_of([key_query(names), key_query(names, kind="~")])
    else:
        named = [group[0] for group in query.groups if group[0].field in {"title", "artist", "album"}]
        weighted = {"A": "", "B": all_of(key_query([term.name], FIELDS[term.field or ""]) for term in named)}
        core = {"A": "", "B": ""}
        branch = weighted["B"]
    parameters = {
        "key_a": _or_null(weighted["A"]), "key_b": _or_null(weighted["B"]),
        "core_a": _or_null(core["A"]), "core_b": _or_null(core["B"]),
        "text": query.text, "phrase": _or_null(phrase_query(query.name, "AB")),
    }  # fmt: skip
    return Tier("exact", (branch,) if branch else (), parameters, 9000, 10000, branch)


def _size(query: Query) -> int:
    return sum(size_of(group[0].name) for group in query.required)


def _layered(query: Query, *, prefix: bool) -> list[str]:
    """Return the query for the names that it is most of: names of as many words, of one more, and so on to three."""
    groups = query.required
    words = [group for group in groups if not _is_article(group)]
    articles = groups_query([group for group in groups if _is_article(group)])
    if not words or (len(words) < len(groups) and _is_article(groups[-1])):
        words, articles = list(groups), ""
    size = sum(size_of(group[0].name) for group in words)
    found = [
        all_of([groups_query(words, layer=f"{layer}<", prefix=prefix), articles]) for layer in LAYERS if layer >= size
    ]
    if len(words) > 1:
        last = words[-1][-1]
        short = all_of(
            any_of(
                term_query(term, layer=f"{layer}<", prefix=prefix and term is last)
                for term in group
                for layer in LAYERS
            )
            for group in words
        )
        found.append(all_of([short, articles]))
    return found


def _is_article(group: tuple[Term, ...]) -> bool:
    chunks = group[0].name.chunks
    return len(group) == 1 and len(chunks) == 1 and chunks[0].parts[0] in ARTICLES


def _weighted(query: Query, *, prefix: bool) -> dict[str, str | None]:
    groups = query.required
    return {
        f"words_{weights.lower()}": _or_null(groups_query(groups, weights, prefix=prefix))
        for weights in ("A", "B", "AB", "ABC")
    }


def _named(query: Query) -> str | None:
    """Return the query for artists whose whole name is a part of what was typed."""
    words = ["".join(chunk.parts) for chunk in query.name.chunks]
    if len(words) > _MOST_NAMED:
        return None
    return _or_null(any_of(lexeme("=" + exact_key(key), "B") for key in spans(words) if key != "".join(words)))


def spans(words: Sequence[str]) -> list[str]:
    """Return the keys of the names that some of the words, one after the other, may be."""
    found = []
    for first, last in combinations(range(len(words) + 1), 2):
        part = words[first:last]
        found.append("".join(part[1:] if part[0] in ARTICLES and len(part) > 1 else part))
    return list(dict.fromkeys(found))


def words_tier(query: Query, *, common: bool) -> Tier:
    """Plan the tracks that have all the words, anywhere; ``common``: too many have them to rank them all."""
    base = groups_query(query.required)
    branches = [*_layered(query, prefix=False), base] if common and base else [base]
    parameters = _weighted(query, prefix=False) | {
        "size": _size(query),
        "named": _named(query),
        "album": _or_null(key_query(_names(query), "C") if query.text else ""),
        "phrase": _or_null(phrase_query(query.name, "AB")),
    }
    return Tier("words", tuple(branches), parameters, 5000, 8999, base)


def prefix_tier(query: Query, *, common: bool) -> Tier | None:
    """Plan the tracks in which the last word goes on; None where it cannot.

    ``common``: too many have the words before it to look at them all.
    """
    groups = query.required
    last = groups[-1][-1] if groups else None
    if last is None or last.phrase or not last.name.chunks:
        return None
    beginning = key_query([query.name], prefix=True) if query.text and len(groups[-1]) == 1 else ""
    part = last.name.chunks[-1].parts[-1]
    also = ""
    if is_unspaced(part):
        branches = [beginning]
    else:
        branches = [*_layered(query, prefix=True), beginning]
        if len(part) >= _SHORTEST_PREFIX:
            branches.append(groups_query(groups, prefix=True))
        elif len(groups) > 1 and not common:
            branches.append(groups_query(groups[:-1]))
            also = groups_query(groups, prefix=True)
    parameters = _weighted(query, prefix=True) | {
        "length": len(query.text),
        "named": _named(query),
        "beginning": _or_null(beginning),
    }
    return Tier(
        "prefix",
        tuple(branch for branch in branches if branch),
        parameters,
        2500,
        4999,
        groups_query(groups, prefix=True),
        also,
    )
