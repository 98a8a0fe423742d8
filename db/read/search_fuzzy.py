"""The last tier: what may have been meant, where little was found that says what was typed."""

import re
import unicodedata
from collections.abc import Sequence
from contextlib import suppress
from itertools import combinations
from typing import Any, NamedTuple

from db.folding import ARTICLES, is_unspaced, latin, name
from db.numbers import in_digits, in_words
from db.query_language import Query
from db.read.frequencies import Frequencies
from db.read.meanings import Meaning, affordable, all_asked, word_asked
from db.read.search_plan import spans
from db.read.spelling import Looked, LookUp, Spelling, spellings
from db.search_document import LAYERS, core, exact_key
from db.tsquery import any_of, key_query, lexeme

__all__ = ["Guess", "guess", "understood"]

_WHOLE = 0.7
_LONG = 4
_MANY = 500
"""Tracks: more than are compared anyway."""
_MOST_WORDS = 8
_SHORTEST_NAME = 2
_FEWEST_INITIALS = 3
_COMMON = 2000
"""Tracks; of a word that more have, it is not asked what else it may mean."""
_SAME, _CORRECTED, _SAID, _PART, _LATER_PART = 0.95, 0.9, 0.85, 0.75, 0.7
"""How far to trust that this was meant: the text without its accidents, corrected, said otherwise, its parts."""
_SEPARATORS = re.compile(
    r"\s*[/;,|+_]\s*|\s+[-\u2013\u2014&x]\s+|\s+(?:and|vs|versus|with|feat|ft|f|pres|presents|featuring)\b\.?\s*",
    re.IGNORECASE,
)
_GLUED = re.compile(r"(?<=[^\W\d_])(?=\d)|(?<=\d)(?=[^\W\d_])")


class Guess(NamedTuple):
    """What may have been meant: other readings of the text and how far to trust them, other words, where to look."""

    readings: dict[str, float]
    corrections: dict[str, list[Spelling]]
    branches: tuple[str, ...]


def _readings(text: str) -> dict[str, float]:
    """Return what else the text may say: decoded, split, turned round, without what surrounds the name."""
    found = [text.replace("_", " ")]
    with suppress(UnicodeError):
        found.append(text.encode("cp1251").decode())
    found.append(_GLUED.sub(" ", text))
    found.append(re.sub(r"^[\d\s.\-]+", "", text))
    found.append(re.sub(r"^the(?=\w{3}\S*$)", "", text, flags=re.IGNORECASE))
    kept = core(text)
    if kept:
        found.append(kept)
    last, comma, first = text.partition(",")
    if comma:
        found.append(f"{first} {last}")
    song, by, artist = text.partition(" by ")
    if by:
        found.append(f"{artist} {song}")
    first, *others = [part for part in _SEPARATORS.split(unicodedata.normalize("NFKC", text)) if part.strip()] or [text]
    readings = {part.strip(): _SAME if len(part) > _WHOLE * len(text) else _PART for part in (*found, first)}
    for part in others:
        readings.setdefault(part.strip(), _LATER_PART)
    for said in (in_digits(text), in_words(text), latin(text)):
        readings.setdefault(said, _SAID)
    return {reading: trust for reading, trust in readings.items() if reading and reading != text}


def _words(query: Query) -> list[str]:
    """Return the words that may be mistyped: those of plain terms, read as one where they are more."""
    words: list[str] = []
    for group in query.required:
        for term in group:
            if not term.phrase:
                for chunk in term.name.chunks:
                    words += chunk.readings[-1:] if len(chunk.parts) > 1 and chunk.readings else chunk.parts
    return list(dict.fromkeys(words))[:_MOST_WORDS]


def guess(query: Query, known: Frequencies, look_up: LookUp) -> Guess | None:
    """Find out what a query may have meant; None where there is nothing to go by. ``look_up`` is for spellings().

    A word that many tracks have is no slip, and says little about which of them is meant.
    """
    words = _words(query)
    if not words or not query.text:
        return None
    telling = [word for word in words if known.tracks_with(word) <= _COMMON] or words
    key = "=" + exact_key(query.name.keys[0]) if query.name.keys else ""
    asked = [*telling, key] if len(key) > 4 else telling  # noqa: PLR2004 - shorter is a word
    looked = spellings(look_up, asked, known.tracks_with)
    corrections = looked.near
    meant = [Meaning(word, corrections.get(word, []), known) for word in words]
    corrected = _corrected(words, looked)
    readings = _readings(query.text)
    others = [*readings, *(corrected if len(words) > 1 else ())]
    names = {text: folded for text in others if (folded := name(text)).keys}
    whole = [
        all_asked(word_asked(part, known) for chunk in folded.chunks for part in chunk.parts)
        for text, folded in names.items()
        if text in readings and (readings[text] > _PART or len(folded.chunks) > 1)
    ]
    readings |= dict.fromkeys(corrected, _CORRECTED)
    later = [folded for text, folded in names.items() if readings[text] <= _LATER_PART]
    likely = [folded for text, folded in names.items() if readings[text] > _LATER_PART]
    branches = [
        any_of([*(lexeme(near.word) for near in corrections.get(key, [])), *_abbreviated(words)]),
        any_of([key_query(likely), key_query(likely, kind="~")]),
        _all_words(meant) if len(words) > 1 or is_unspaced(words[0]) else _short_names(meant[0], known),
        affordable(whole),
        any_of([key_query(later), *(lexeme("=" + exact_key(key), "B") for key in _inner_names(query))]),
        *_some_words(meant, telling),
    ]
    return Guess(readings, corrections, tuple(dict.fromkeys(branch for branch in branches if branch)))


def _all_words(meant: Sequence[Meaning]) -> str:
    """Return the query for all the words, whatever they mean: anywhere, or in short names where that takes too long."""
    everywhere = affordable([all_asked(word.anywhere() for word in meant)])
    layers = [layer for layer in LAYERS if layer >= len(meant)]
    return everywhere or affordable(all_asked(word.in_names_of(layer) for word in meant) for layer in layers)


def _corrected(words: Sequence[str], looked: Looked) -> tuple[str, ...]:
    """Return the text with what it may mean: a lone word as each of its meanings, several as the nearest.

    Words of the dictionary are right where others are wrong; where all are right, any may be wrong.
    """
    if len(words) == 1:
        return tuple(near.word for near in looked.near.get(words[0], []))
    nearest = {word: near[0].word for word, near in looked.near.items() if near}
    wrong = [word for word in words if word in nearest and word not in looked.known] or words
    meant = " ".join(nearest.get(word, word) if word in wrong else word for word in words)
    return (meant,) if meant != " ".join(words) else ()


def _inner_names(query: Query) -> list[str]:
    return [key for key in spans(_parted(query)) if len(key) > _SHORTEST_NAME]


def _parted(query: Query) -> list[str]:
    return [part for chunk in query.name.chunks for part in chunk.parts][:_MOST_WORDS]


def _some_words(meant: Sequence[Meaning], telling: Sequence[str]) -> list[str]:
    """Return queries for most of the words, where not all of them are in any name."""
    if len(meant) == 1:
        return []
    if len(meant) == 2:  # noqa: PLR2004 - one of two words: only in short names
        said = [word for word in meant if word.word in telling and word.word not in ARTICLES]
        return [affordable(word.in_names_of(layer, slips=1) for word in said for layer in LAYERS)]
    longest = sorted(meant, key=lambda word: (-len(word.word), word.word))[:3]
    left_out = [[word for word in meant if word is not out] for out in meant]
    choices = [
        [all_asked(word.anywhere() for word in kept) for kept in choice]
        for choice in (left_out, combinations(longest, 2))
    ]
    return [affordable(sorted(choice, key=lambda one: one.reads)) for choice in choices]


def _abbreviated(words: Sequence[str]) -> list[str]:
    return [lexeme("^" + words[0])] if len(words) == 1 and len(words[0]) >= _FEWEST_INITIALS else []


def _short_names(meant: Meaning, known: Frequencies) -> str:
    """Return the query for short names with what a lone word may mean: it may mean a word that too many tracks have."""
    alone = [word_asked(f"1<{near.word}", known) for near in meant.near]
    longer = [word_asked(f"2<{near.word}", known) for near in meant.near if len(near.word) > _LONG]
    return affordable([*alone, *(longer if sum(one.reads for one in alone) < _MANY else ())])


def understood(found: Guess) -> dict[str, Any]:
    """Return the guess as something to show."""
    return {word: [near.word for near in spelt] for word, spelt in found.corrections.items() if spelt}
