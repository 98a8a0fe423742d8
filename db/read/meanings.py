"""What mistyped words may mean, as queries, and what the index has to read for them."""

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from db.folding import is_unspaced
from db.read.frequencies import Frequencies
from db.read.spelling import Spelling
from db.search_document import grams
from db.tsquery import all_of, any_of, lexeme, pairs_query

__all__ = ["Asked", "Meaning", "affordable", "all_asked", "any_asked", "word_asked"]

_MOST_READ: Final = 6_000
"""Tracks: to read longer lists of the index takes more than a millisecond, and says little about which is meant."""
_READ_AT_LEAST: Final = 50.0


class Asked(NamedTuple):
    """A query, and how many tracks the index has to read for it, as far as anybody knows."""

    query: str
    reads: float


def word_asked(text: str, known: Frequencies) -> Asked:
    """Return the query for a lexeme."""
    return Asked(lexeme(text), max(_READ_AT_LEAST, known.tracks_with(text)))


def any_asked(choices: Iterable[Asked]) -> Asked:
    """Join queries with OR: all lists are read."""
    kept = list(choices)
    return Asked(any_of(one.query for one in kept), sum(one.reads for one in kept))


def all_asked(parts: Iterable[Asked]) -> Asked:
    """Join queries with AND: the shortest list is read, and looked up in the others."""
    kept = list(parts)
    return Asked(all_of(one.query for one in kept), min([one.reads for one in kept], default=0.0))


def affordable(choices: Iterable[Asked]) -> str:
    """Join with OR as many as can be answered quickly, the first ones first."""
    kept, left = [], float(_MOST_READ)
    for one in choices:
        if one.reads <= left:
            left -= one.reads
            kept.append(one.query)
    return any_of(kept)


class Meaning:
    """What one word may mean: itself, or a word of the dictionary that is near."""

    def __init__(self, word: str, near: Sequence[Spelling], known: Frequencies) -> None:
        self.word, self.near = word, near
        self._known = known

    def anywhere(self) -> Asked:
        """Return the query for it in any name; in a script without spaces for most of its characters in a row."""
        if not is_unspaced(self.word):
            return any_asked(word_asked(text, self._known) for text in (self.word, *(one.word for one in self.near)))
        pairs = grams(self.word)[:-1] or [self.word]
        length = min(len(pairs), max(2, (len(pairs) - 1) // 2))
        runs = [pairs[at : at + length] for at in range(len(pairs) - length + 1)]
        return any_asked(
            Asked(pairs_query(run), min(word_asked(pair, self._known).reads for pair in run)) for run in runs
        )

    def in_names_of(self, layer: int, *, slips: int = 9) -> Asked:
        """Return the query for it in names of so many words, with no more than so many slips."""
        texts = [self.word, *(one.word for one in self.near if one.slips <= slips)]
        return any_asked(word_asked(f"{layer}<{text}", self._known) for text in texts)
