"""Mends typos: finds in the dictionary of all words what a mistyped word may have meant."""

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from anyascii import anyascii

from db.composites import array
from db.statements import Row

__all__ = ["LookUp", "Looked", "Spelling", "distance", "spellings", "trigrams"]

_ALPHABETS = (
    "abcdefghijklmnopqrstuvwxyz",
    "абвгдежзиклмнопрстуфхцчшщъыьэюя",
    "αβγδεζηθικλμνξοπρστυφχψω",
    "אבגדהוזחטיךכלםמןנסעףפץצקרשת",
    "ءابتثجحخدذرزسشصضطظعغفقكلمنهوي",
)
_SHORTEST, _LONGEST_SLIP, _SHORTEST_TRIGRAM = 3, 7, 5
_MOST = 8
LookUp = Callable[[dict[str, Any]], list[Row]]


class Spelling(NamedTuple):
    """A word of the dictionary, and how many slips it is away from the one typed."""

    word: str
    slips: int


def distance(one: str, other: str) -> int:
    """Return how many letters must be added, left out, replaced or swapped to get from one word to the other."""
    same = 0
    while one[same : same + 1] == other[same : same + 1] != "":
        same += 1
    one, other = one[same:], other[same:]
    while one and other and one[-1] == other[-1]:
        one, other = one[:-1], other[:-1]
    if not one or not other:
        return len(one) + len(other)
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
    return 1 if len(word) <= 4 else 2 if len(word) <= 9 else min(4, len(word) // 3)  # noqa: PLR2004 - the rule itself


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


class Looked(NamedTuple):
    """What words may have meant, nearest first, themselves left out; and which are words of the dictionary."""

    near: dict[str, list[Spelling]]
    known: frozenset[str]


def spellings(look_up: LookUp, words: Sequence[str], often: Callable[[str], float]) -> Looked:
    """Return for each word what it may have meant; of what is equally near, what is ``often`` comes first.

    Short words are looked up with every slip made, longer ones by trigrams; keys of whole names (``=acdc``) count as
    words. ``look_up`` runs the statement ``spellings`` with the parameters it is given.
    """
    slips = {
        slip for word in words if _SHORTEST <= len(word) <= _LONGEST_SLIP and word[0] != "=" for slip in _slips(word)
    }
    long = [word for word in words if len(word.lstrip("=")) >= _SHORTEST_TRIGRAM]
    if not slips and not long:
        return Looked({}, frozenset())
    latin = {(word if word.isascii() else anyascii(word).lower()).lstrip("=") for word in long}
    known = {row["word"] for row in look_up({"slips": " ".join(slips), "long": array(latin)})}
    found = {}
    right = frozenset(words).intersection(known)
    for typed in words:
        near = [Spelling(word, away) for word in known if (away := _away(typed, word)) is not None]
        # Letters in another order are likelier than other letters, and another first letter is unlikely.
        near.sort(key=lambda s: (s.slips, {*s.word} != {*typed}, s.word[:1] != typed[:1], -often(s.word), s.word))
        found[typed] = near[:_MOST]
    return Looked(found, right)


def _away(typed: str, word: str) -> int | None:
    """Return how many slips make the word of the dictionary what was typed; None for more than are forgiven."""
    most = _allowed(typed)
    if word == typed or abs(len(word) - len(typed)) > most or (word[0] == "=") != (typed[0] == "="):
        return None
    if len({*word} ^ {*typed}) > 2 * most:
        return None
    slips = distance(typed, word)
    return slips if slips <= most else None


@lru_cache(maxsize=4096)
def trigrams(text: str) -> frozenset[str]:
    """Return the trigrams of the words of a folded name, and the pairs of its letters."""
    found = {f"  {word} "[at : at + 3] for word in text.split() for at in range(len(word) + 1)}
    joined = text.replace(" ", "")
    return frozenset(found | {joined[at : at + 2] for at in range(len(joined))})
