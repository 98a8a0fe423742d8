"""The last tier: what may have been meant, where little was found that says what was typed."""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import combinations
from typing import Any, NamedTuple

from db.folding import ARTICLES, Name, fold, name, romanized
from db.numbers import in_digits, in_words
from db.query_language import Query
from db.read.search_plan import spans
from db.read.spelling import LookUp, Spelling, distance, spellings, trigrams
from db.search_document import LAYERS, core, exact_key, initials
from db.statements import Row
from db.tsquery import all_of, any_of, key_query, lexeme

__all__ = ["Guess", "Likeness", "guess", "understood"]

_LEAST_ALIKE = 0.4
_WHOLE = 0.7
_LONG = 4
_IGNORED = frozenset({"the", "a", "an", "and", "n"})
_MOST_WORDS = 8
_SHORTEST_NAME = 2
_FEWEST_INITIALS = 3
_ABBREVIATED = 0.9
_SAME, _CORRECTED, _SAID, _PART = 0.95, 0.9, 0.85, 0.75
"""How far to trust that this was meant: the text without its accidents, corrected, said otherwise, a part of it."""
_CLOSE, _LONGEST_COMPARED = 0.55, 60
_MOST_POINTS = 2499
_SEPARATORS = re.compile(
    r"\s*[/;,|+_]\s*|\s+[-\u2013\u2014&x]\s+|\s+(?:and|vs|versus|with|feat|ft|f|pres|presents|featuring)\b\.?\s*",
    re.IGNORECASE,
)
_GLUED = re.compile(r"(?<=[^\W\d_])(?=\d)|(?<=\d)(?=[^\W\d_])")
_MISREAD = ("cp1252", "latin-1", "cp1251")


class Guess(NamedTuple):
    """What may have been meant: other readings of the text and how far to trust them, other words, where to look."""

    readings: dict[str, float]
    corrections: dict[str, list[Spelling]]
    branches: tuple[str, ...]


def _readings(text: str) -> dict[str, float]:
    """Return what else the text may say: decoded, split, turned round, without what surrounds the name."""
    found = [text.replace("_", " ")]
    for encoding in _MISREAD:
        try:
            found.append(text.encode(encoding).decode("utf-8"))
        except UnicodeError:
            continue
    found.append(_GLUED.sub(" ", text))
    found.append(re.sub(r"^[\d\s.\-]+", "", text))
    kept = core(text)
    if kept:
        found.append(kept)
    last, comma, first = text.partition(",")
    if comma:
        found.append(f"{first} {last}")
    found += _SEPARATORS.split(unicodedata.normalize("NFKC", text))
    readings = {part.strip(): _SAME if len(part) > _WHOLE * len(text) else _PART for part in found}
    for said in (in_digits(text), in_words(text), "" if text.isascii() else _latin(text)):
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


def guess(query: Query, look_up: LookUp) -> Guess | None:
    """Find out what a query may have meant; None where there is nothing to go by. ``look_up`` is for spellings()."""
    words = _words(query)
    if not words or not query.text:
        return None
    key = "=" + exact_key(query.name.keys[0]) if query.name.keys else ""
    corrections = spellings(look_up, [*words, key] if len(key) > 4 else words)  # noqa: PLR2004 - shorter is a word
    meant = {word: any_of([lexeme(word), *(lexeme(near.word) for near in corrections.get(word, []))]) for word in words}
    readings = _readings(query.text)
    names = [folded for folded in map(name, readings) if folded.keys]
    readings |= dict.fromkeys(_corrected(words, corrections), _CORRECTED)
    branches = [
        any_of([*(lexeme(near.word) for near in corrections.get(key, [])), *_abbreviated(words)]),
        any_of([key_query(names), key_query(names, kind="~")]) if names else "",
        all_of(meant[word] for word in words) if len(words) > 1 else _short_names(words[0], corrections),
        any_of(all_of(map(lexeme, _all_words(folded))) for folded in names),
        any_of(lexeme("=" + exact_key(key), "B") for key in spans(_parted(query)) if len(key) > _SHORTEST_NAME),
        *_parts(words, meant, corrections),
    ]
    return Guess(readings, corrections, tuple(branch for branch in branches if branch))


def _corrected(words: Sequence[str], corrections: dict[str, list[Spelling]]) -> tuple[str, ...]:
    """Return the text with its words replaced by what they may mean: a lone word by each, several by the nearest."""
    if len(words) == 1:
        return tuple(near.word for near in corrections.get(words[0], []))
    nearest = [next((near.word for near in corrections.get(word, [])), word) for word in words]
    return (" ".join(nearest),) if nearest != list(words) else ()


def _parted(query: Query) -> list[str]:
    return [part for chunk in query.name.chunks for part in chunk.parts][:_MOST_WORDS]


def _all_words(folded: Name) -> Iterable[str]:
    return [part for chunk in folded.chunks for part in chunk.parts]


def _parts(words: Sequence[str], meant: dict[str, str], corrections: dict[str, list[Spelling]]) -> list[str]:
    """Return queries for most of the words, where not all of them are in any name."""
    if len(words) == 1:
        return []
    telling = sorted(words, key=lambda word: (-len(word), word))
    if len(words) == 2:  # noqa: PLR2004 - one of two words: only in short names
        exact = [word for word in telling if word not in ARTICLES]
        layered = [lexeme(f"{layer}<{near}") for layer in LAYERS for word in exact for near in _near(word, corrections)]
        return [any_of(layered)]
    left_out = any_of(all_of(meant[word] for word in words if word != out) for out in words)
    pairs = any_of(all_of(meant[word] for word in pair) for pair in combinations(telling[:3], 2))
    return [left_out, pairs]


def _abbreviated(words: Sequence[str]) -> list[str]:
    return [lexeme("^" + words[0], "B")] if len(words) == 1 and len(words[0]) >= _FEWEST_INITIALS else []


def _short_names(word: str, corrections: dict[str, list[Spelling]]) -> str:
    """Return the query for short names with what a lone word may mean: it may mean a word that too many tracks have."""
    near = [spelling.word for spelling in corrections.get(word, [])]
    return any_of(
        lexeme(kind + other) for kind in ("=", "1<", "2<") for other in near if kind != "2<" or len(other) > _LONG
    )


def _near(word: str, corrections: dict[str, list[Spelling]]) -> list[str]:
    return [word, *(near.word for near in corrections.get(word, []) if near.slips == 1)]


class Likeness:
    """How like what was typed names are: the text itself, for a little less one of its other readings, or corrected.

    Measured by Dice's coefficient over their trigrams and pairs of letters, or by slips where these are few.
    """

    def __init__(self, query: Query, meant: Guess) -> None:
        asked = {_plain(query.text): 1.0}
        for text, trust in meant.readings.items():
            plain = _plain(text)
            asked[plain] = max(trust, asked.get(plain, 0.0))
        grams = [(trust, plain, trigrams(plain)) for plain, trust in asked.items() if plain]
        self._asked = sorted(grams, key=lambda one: -one[0])
        self._known: dict[str, float] = {}
        self._letters = query.name.keys[0] if len(query.name.chunks) == 1 else ""

    def points(self, row: Row) -> int:
        """Return how like it a track's names are, from 0 to 2499; 0 for what nobody would call alike."""
        title, artist = _plain(row["title"]), _plain(row["artist"] or "")
        best = max(self._of(artist), self._of(title), self._of(f"{artist} {title}"))
        if best < _ABBREVIATED and self._letters and initials(name(row["artist"] or "")) == self._letters:
            best = _ABBREVIATED
        if best < _LEAST_ALIKE and not f"{artist}{title}".isascii():
            best = max(self._of(_latin(row["artist"] or "")), self._of(_latin(row["title"])))
        return int(_MOST_POINTS * best) if best >= _LEAST_ALIKE else 0

    def _of(self, known: str) -> float:
        best = self._known.get(known)
        if best is None:
            best = _LEAST_ALIKE / 2
            parts = trigrams(known)
            for trust, text, asked in self._asked:
                # No more can be alike than the smaller of the two has; most are told apart by that alone.
                size = len(parts) + len(asked)
                if 2 * trust * min(len(parts), len(asked)) > best * size:
                    like = 2 * len(parts & asked) / size
                    if _CLOSE < like < 1 and len(known) <= _LONGEST_COMPARED:
                        like = max(like, 1 - distance(known, text) / max(len(known), len(text)))
                    best = max(best, trust * like)
            self._known[known] = best
        return best


@lru_cache(maxsize=8192)
def _plain(text: str) -> str:
    words = [part for chunk in name(text).chunks for part in chunk.parts]
    return " ".join([word for word in words if word not in _IGNORED] or words) or fold(text)


@lru_cache(maxsize=8192)
def _latin(text: str) -> str:
    return " ".join(part for chunk in romanized(text) for part in chunk[1:] or chunk)


def understood(found: Guess) -> dict[str, Any]:
    """Return the guess as something to show."""
    return {word: [near.word for near in spelt] for word, spelt in found.corrections.items() if spelt}
