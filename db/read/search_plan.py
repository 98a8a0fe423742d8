"""Plans a search: the tiers in which candidates are taken from the index, each a few branches in a useful order."""

from collections.abc import Sequence
from itertools import combinations
from typing import Final, NamedTuple

from db.folding import ARTICLES, Name, is_unspaced, name
from db.query_language import FIELDS, Query, Term
from db.read.frequencies import Frequencies
from db.read.search_tiers import Exact, Plan, Prefix, Words
from db.search_document import LAYERS, exact_key, size_of
from db.tsquery import all_of, any_of, groups_query, key_query, lexeme, phrase_query, term_query

__all__ = ["CAP", "FEW", "Filters", "filter_query", "plan", "spans"]

CAP: Final = 300
"""The most tracks that one tier ranks, where it does not take all that there are."""
FEW: Final = 600
"""So many tracks are ranked without asking for the likeliest first; the database goes back on it if there are more."""
Groups = Sequence[Sequence[Term]]
_WEIGHTS = "\0"
_LONG_LIST = 10_000
"""Tracks of a word, from which on its list in the index takes more than a millisecond or two to read."""
_MOST_TRACKS = 0.1
_MOST_COMPLETIONS = 12
_MOST_YEARS = 20
_SHORTEST_PREFIX = 3
_MOST_NAMED = 8
_SIGNS = dict.fromkeys(map(ord, " -_./,&'!"))
"""What the database takes out of names to compare small letters and capitals."""


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


def plan(query: Query, filtered: str, known: Frequencies) -> Plan:
    """Plan the tiers exact, words and prefix; ``filtered`` is what filter_query gave.

    Where so many tracks are known to have the words that not all can be ranked, the names that the words are most of
    come first.
    """
    folded, groups = query.name, query.required
    words, (a, b, ab, abc) = _weighted(groups, ("A", "B", "AB", "ABC"), prefix=False)
    named, phrase = _named(folded), _or_null(phrase_query(folded, "AB"))
    exact = _exact(query, filtered, phrase)
    layers = [all_of([layer, filtered]) for layer in _layered(query, prefix=False)] if words else []
    album = _or_null(key_query(_names(query), "C") if query.text else "")
    asked = _or_null(all_of([words, filtered]))
    prefix = _prefix(query, filtered, named, known)
    seen = any_of(
        [exact.asked or "", exact.cores or "", asked or "", groups_query(groups, prefix=True) if prefix else ""]
    )
    expected = known.expected(groups)
    listed = min(known.of_groups(groups), default=0.0)
    words_tier = Words(
        asked=asked,
        layers=layers,
        few=expected <= FEW,
        costly=listed > _LONG_LIST,
        most=not filtered and expected > max(_LONG_LIST, _MOST_TRACKS * known.tracks),
        words_a=a,
        words_b=b,
        words_ab=ab,
        words_abc=abc,
        album=album,
        named=named,
        phrase=phrase,
        whole=_whole(query),
        size=_size(query),
    )
    return Plan(exact, words_tier, prefix, seen)


def _exact(query: Query, filtered: str, phrase: str | None) -> Exact:
    """Plan the tracks whose title or artist is what was typed, whole."""
    if query.text:
        names = _names(query)
        key_a, key_b, core_a, core_b = [_or_null(key_query(names, weight, kind)) for kind in "=~" for weight in "AB"]
        asked, cores = key_query(names), key_query(names, kind="~")
    else:
        fields = [group[0] for group in query.groups if group[0].field in {"title", "artist", "album"}]
        cores, asked = "", all_of(key_query([term.name], FIELDS[term.field or ""]) for term in fields)
        key_a, key_b, core_a, core_b = None, _or_null(asked), None, None
    bare = query.text.translate(_SIGNS) if query.text.lower() != query.text else None
    asked, cores = [all_of([keys, filtered]) if keys else "" for keys in (asked, cores)]
    return Exact(_or_null(asked), _or_null(cores), key_a, key_b, core_a, core_b, phrase, query.text, bare)


def _whole(query: Query) -> str | None:
    """Return the query for titles and artists that have all the words in any order, and no others."""
    groups = [group for group in query.required if not _is_article(group)]
    size = sum(size_of(group[0].name) for group in groups)
    if size not in LAYERS or len(groups) == 1:
        return None
    return groups_query(groups, layer=f"{size}<")


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


def _weighted(groups: Groups, weights: Sequence[str], *, prefix: bool) -> tuple[str, list[str | None]]:
    """Return the query for all the words, and the same of each of these weights."""
    query = groups_query(groups, _WEIGHTS, prefix=prefix)
    plain = query.replace(":" + _WEIGHTS, "").replace(_WEIGHTS, "")
    return plain, [_or_null(query.replace(_WEIGHTS, of)) for of in weights]


def _named(folded: Name) -> str | None:
    """Return the query for artists whose whole name is a part of what was typed."""
    words = ["".join(chunk.parts) for chunk in folded.chunks]
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


def _prefix(query: Query, filtered: str, named: str | None, known: Frequencies) -> Prefix | None:
    """Plan the tracks in which the last word goes on; None where it cannot.

    The index reads the whole lists of all words that go on. Where those are long, only the commonest are asked for.
    """
    groups = query.required
    last = groups[-1][-1] if groups else None
    if last is None or last.phrase or not last.name.chunks:
        return None
    beginning = key_query([query.name], prefix=True) if query.text and len(groups[-1]) == 1 else ""
    part = last.name.chunks[-1].parts[-1]
    layers, asked, also, complete = [beginning], "", "", True
    rare = len(groups) > 1 and min(known.of_groups(groups[:-1])) <= FEW
    long = len(groups) > 1 and known.tracks_with(part, prefix=True) > _LONG_LIST
    if is_unspaced(part):
        pass
    elif rare and (long or len(part) < _SHORTEST_PREFIX):
        asked, also = groups_query(groups[:-1]), groups_query(groups, prefix=True)
    elif long:
        complete = False
        longer = _completed(query, known.completions(part, _MOST_COMPLETIONS))
        layers += _layered(longer, prefix=False)[-1:] if longer else []
        asked = groups_query(longer.required) if longer and min(known.of_groups(groups[:-1])) <= _LONG_LIST else ""
    else:
        likely = _layered(query, prefix=True)
        few = len(groups) > 1 and known.expected(groups, prefix=True) <= FEW
        layers = [*(likely[-1:] if few else likely), beginning]
        asked = groups_query(groups, prefix=True) if len(part) >= _SHORTEST_PREFIX else ""
    _, (a, b, ab) = _weighted(groups, ("A", "B", "AB"), prefix=True)
    return Prefix(
        asked=all_of([asked, filtered]) if asked else None,
        layers=[all_of([layer, filtered]) for layer in layers if layer],
        also=_or_null(also),
        words_a=a,
        words_b=b,
        words_ab=ab,
        beginning=_or_null(beginning),
        named=named,
        length=len(query.text),
        complete=complete,
    )


def _completed(query: Query, words: Sequence[str]) -> Query | None:
    """Return the query with these words in the place of the last; None where there are none."""
    last = query.required[-1]
    ended = tuple(last[-1]._replace(text=word, name=name(word)) for word in words)
    return query._replace(groups=(*query.required[:-1], (*last[:-1], *ended))) if ended else None
