"""Which words many tracks have, as the database last counted: how much work a query is, and in which order."""

import math
import time
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import Final, NamedTuple

from db.query_language import Term
from db.statements import Connection, fetch_one, statements

__all__ = ["Frequencies", "frequencies"]

_SQL = statements("search")
_KEPT_SECONDS: Final = 300.0
_MOST_DATABASES: Final = 64
_kept: dict[str, tuple[float, "Frequencies"]] = {}


class Frequencies(NamedTuple):
    """The share of the tracks that each of the commonest lexemes has, in their order, and how many tracks there are."""

    words: Sequence[str] = ()
    shares: Sequence[float] = ()
    tracks: float = 0.0

    def tracks_with(self, word: str, *, prefix: bool = False) -> float:
        """Return how many tracks have a lexeme, or one that begins with it; 0 where nobody knows."""
        return self._of(word, prefix=prefix) * self.tracks

    def completions(self, part: str, most: int) -> list[str]:
        """Return the commonest words that go on where this one ends, most frequent first."""
        first, last = bisect_right(self.words, part), bisect_right(self.words, part + "\U0010ffff")
        found = sorted(zip(self.shares[first:last], self.words[first:last], strict=True), reverse=True)
        return [word for _, word in found[:most]]

    def _share(self, term: Term, *, prefix: bool) -> float:
        """Return the share of the tracks that match a term at most; 0 where nobody knows."""
        parts = [part for chunk in term.name.chunks for part in chunk.parts]
        return min([self._of(part, prefix=prefix and part is parts[-1]) for part in parts], default=0.0)

    def _of(self, part: str, *, prefix: bool) -> float:
        first = bisect_left(self.words, part)
        last = bisect_right(self.words, part + "\U0010ffff" * prefix)
        return sum(self.shares[first:last])

    def of_groups(self, groups: Sequence[Sequence[Term]], *, prefix: bool = False) -> list[float]:
        """Return for each group of a query how many tracks match it; with ``prefix`` the last term may go on."""
        last = groups[-1][-1] if groups else None
        return [
            min(1.0, sum(self._share(term, prefix=prefix and term is last) for term in group)) * self.tracks
            for group in groups
        ]

    def expected(self, groups: Sequence[Sequence[Term]], *, prefix: bool = False) -> float:
        """Return how many tracks match all groups, if words had nothing to do with each other."""
        tracks = max(self.tracks, 1.0)
        different = dict.fromkeys(tuple(group) for group in groups)
        return math.prod(number / tracks for number in self.of_groups([*different], prefix=prefix)) * tracks


def frequencies(conn: Connection) -> Frequencies:
    """Return what the database knows, remembered for five minutes; nothing until the table was analysed."""
    kept = _kept.get(conn.dsn)
    if kept and time.monotonic() - kept[0] < _KEPT_SECONDS:
        return kept[1]
    row = fetch_one(conn, _SQL["common_words"])
    known = sorted(zip(row["words"], row["frequencies"], strict=False)) if row else []
    tracks = float(max(row["tracks"], 0)) if row else 0.0
    found = Frequencies([word for word, _ in known], [share for _, share in known], tracks)
    if len(_kept) >= _MOST_DATABASES:
        _kept.clear()
    _kept[conn.dsn] = (time.monotonic(), found)
    return found
