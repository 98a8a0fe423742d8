"""Mends typos: finds in the dictionary of all words what a mistyped word may have meant."""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from anyascii import anyascii

from db.statements import Connection, fetch_all, statements

__all__ = ["Spelling", "alike", "distance", "known", "spellings"]

_ALPHABETS = (
    "abcdefghijklmnopqrstuvwxyz",
    "абвгдежзиклмнопрстуфхцчшщъыьэюя",
    "αβγδεζηθικλμνξοπρστυφχψω",
    "אבגדהוזחטיךכלםמןנסעףפץצקרשת",
    "ءابتثجحخدذرزسشصضطظعغفقكلمنهوي",
)
_SHORTEST, _LONGEST_SLIP, _SHORTEST_TRIGRAM = 3, 7, 5
_MOST = 6
_SQL = statements("search")


class Spelling(NamedTuple):
    """A word of the dictionary, and how many slips it is away from the one typed."""

    word: str
    slips: int


def distance(one: str, other: str) -> int:
    """Return how many letters must be added, left out, replaced or swapped to get from one word to the other."""
    oldest: list[int] = []
    older = list(range(len(other) + 1))
    for row, letter in enumerate(one, 1):
        newer = [row]
        for column, against in enumerate(other, 1):
            cost = min(older[column] + 1, newer[-1] + 1, older[column - 1] + (letter != against))
            if row > 1 and column > 1 and letter == other[column - 2] and one[row - 2] == against:
                cost = min(cost, oldest[column - 2] + 1)
            newer.append(cost)
        oldest, older = older, newer
    return older[-1]


def _allowed(word: str) -> int:
    """Return how many slips a word of this length is forgiven."""
    return 1 if len(word) <= 4 else 2 if len(word) <= 9 else 3  # noqa: PLR2004 - the rule itself


def _slips(word: str) -> Iterator[str]:
    """Yield every word that is one slip away."""
    alphabet = next((letters for letters in _ALPHABETS if word[-1] in letters), _ALPHABETS[0])
    for at in range(len(word) + 1):
        head, tail = word[:at], word[at:]
        yield from (head + letter + tail for letter in alphabet)
        if tail:
            yield head + tail[1:]
            yield from (head + letter + tail[1:] for letter in alphabet)
        if len(tail) > 1:
            yield head + tail[1] + tail[0] + tail[2:]


def spellings(conn: Connection, words: Sequence[str]) -> dict[str, list[Spelling]]:
    """Return for each word what it may have meant, nearest first, itself left out.

    Short words are looked up with every slip made, longer ones by trigrams; keys of whole names (``=acdc``) count as
    words. Raises DatabaseOperationError.
    """
    short = [word for word in words if _SHORTEST <= len(word) <= _LONGEST_SLIP and word[0] != "="]
    long = [word for word in words if len(word) >= _SHORTEST_TRIGRAM]
    pairs = [(word, slip) for word in short for slip in set(_slips(word))]
    if not pairs and not long:
        return {}
    parameters = {
        "typed": [word for word, _ in pairs],
        "slips": [slip for _, slip in pairs],
        "long": long,
        "latin": [word if word.isascii() else anyascii(word).lower() for word in long],
    }
    found: dict[str, list[Spelling]] = {word: [] for word in words}
    for row in fetch_all(conn, _SQL["spellings"], parameters):
        typed, word = row["typed"], row["word"]
        if word == typed or (word[0] == "=") != (typed[0] == "="):
            continue
        slips = distance(typed.lstrip("="), word.lstrip("="))
        if slips <= _allowed(typed):
            found[typed].append(Spelling(word, slips))
    return {
        word: sorted(near, key=lambda s: (s.slips, s.word[0] != word[0], s.word))[:_MOST]
        for word, near in found.items()
    }


def known(conn: Connection, words: Sequence[str]) -> set[str]:
    """Return those of the words that any track has. Raises DatabaseOperationError."""
    return {row["word"] for row in fetch_all(conn, _SQL["known_words"], {"words": list(words)})} if words else set()


@lru_cache(maxsize=4096)
def _trigrams(text: str) -> frozenset[str]:
    return frozenset(f"  {word} "[at : at + 3] for word in text.split() for at in range(len(word) + 1)) | frozenset(
        text.replace(" ", "")[at : at + 2] for at in range(len(text))
    )


def alike(one: str, other: str) -> float:
    """Return how alike two folded names are, from 0 to 1 (Dice's coefficient over their trigrams and pairs)."""
    mine, others = _trigrams(one), _trigrams(other)
    if not mine or not others:
        return 0.0
    return 2 * len(mine & others) / (len(mine) + len(others))
