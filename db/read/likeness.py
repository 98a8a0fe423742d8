"""Tells how like names are to what was typed, where nothing is the same."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from db.folding import fold, latin, name
from db.query_language import Query
from db.read.spelling import distance, trigrams
from db.search_document import core, initials
from db.statements import Row

__all__ = ["Likeness"]

_LEAST_ALIKE: Final = 0.4
_MOST_POINTS: Final = 2499
_ABBREVIATED: Final = 0.9
_TRUSTED, _ALL_WORDS = 0.85, 0.85
"""Names that have all the words of a reading that is trusted so far are at least so much alike."""
_TITLE: Final = 0.99
"""A title is a little less likely to be meant than an artist, as where names are the same."""
_CLOSE, _LONGEST_COMPARED = 0.55, 60
_IGNORED = frozenset({"the", "a", "an", "and", "n"})


class Likeness:
    """How like what was typed names are: the text itself, for a little less one of its other readings, or corrected.

    Measured by Dice's coefficient over their trigrams and pairs of letters, or by slips where these are few.
    """

    def __init__(self, query: Query, readings: Mapping[str, float]) -> None:
        asked = {_plain(query.text): 1.0}
        for text, trust in readings.items():
            plain = _plain(text)
            asked[plain] = max(trust, asked.get(plain, 0.0))
        self._whole = [(trust, frozenset(plain.split())) for plain, trust in asked.items() if trust >= _TRUSTED]
        grams = [(trust, plain, trigrams(plain)) for plain, trust in asked.items() if plain]
        self._asked = sorted(grams, key=lambda one: -one[0])
        self._known: dict[str, float] = {}
        self._letters = query.name.keys[0] if len(query.name.chunks) == 1 else ""

    def points(self, row: Row) -> int:
        """Return how like it a track's names are, from 0 to 2499; 0 for what nobody would call alike."""
        title, artist = _plain(row["title"]), _plain(row["artist"] or "")
        best = max(self._of(artist), _TITLE * self._of(title), self._of(f"{artist} {title}", both=True))
        short = core(row["title"])
        if short:
            title = _plain(short)
            best = max(best, _TITLE * self._of(title), _TITLE * self._of(f"{artist} {title}", both=True))
        if best < _ABBREVIATED:
            words = {*artist.split(), *title.split()}
            for trust, asked in self._whole:
                if len(asked) > 1 and asked <= words:
                    best = max(best, trust * (_ALL_WORDS + (1 - _ALL_WORDS) * len(asked) / len(words)))
        if best < _ABBREVIATED and self._letters and _initials(row["artist"] or "") == self._letters:
            best = _ABBREVIATED
        if best < _LEAST_ALIKE and not f"{artist}{title}".isascii():
            best = max(self._of(_latin(row["artist"] or "")), self._of(_latin(row["title"])))
        return int(_MOST_POINTS * best) if best >= _LEAST_ALIKE else 0

    def _of(self, known: str, *, both: bool = False) -> float:
        best = self._known.get(known)
        if best is None:
            best = _LEAST_ALIKE * 0.99
            parts = trigrams(known)
            for trust, text, asked in self._asked:
                # No more can be alike than the smaller of the two has; most are told apart by that alone.
                size = len(parts) + len(asked)
                if 2 * trust * min(len(parts), len(asked)) > best * size:
                    like = 2 * len(parts & asked) / size
                    if not both and _CLOSE < like < 1 and len(known) <= _LONGEST_COMPARED:
                        like = max(like, 1 - distance(known, text) / max(len(known), len(text)))
                    best = max(best, trust * like)
            self._known[known] = best
        return best


@lru_cache(maxsize=8192)
def _plain(text: str) -> str:
    words = [part for chunk in name(text).chunks for part in chunk.parts]
    return " ".join([word for word in words if word not in _IGNORED] or words) or fold(text)


@lru_cache(maxsize=8192)
def _initials(text: str) -> str:
    return initials(name(text))


@lru_cache(maxsize=8192)
def _latin(text: str) -> str:
    return latin(text)
