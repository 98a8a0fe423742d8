"""Folds names to what is compared: the same letters, whoever typed them.

What is stored and what is asked pass through here, so any change of outcome needs a new FOLDING_VERSION and a
`tonearm reindex`. Case, accents, width (Unicode TR15, NFKC) and punctuation disappear; vowel marks of Hebrew and Arabic
and the voicing marks of kana are accents too, those of Indic and South-East Asian scripts are letters.
"""

import re
import unicodedata
from functools import lru_cache
from typing import NamedTuple

from anyascii import anyascii

from db.letters import DASHES, INDIC, LOOKALIKES, MIXED, TABLE, UNSPACED, VOWELS

__all__ = ["FOLDING_VERSION", "Chunk", "Name", "fold", "latin", "name", "punctuation", "romanized", "undone"]

FOLDING_VERSION = 2

LONGEST_WORD = 60
_LONGEST_JOINED = 40

_PARTS = re.compile(f"[{UNSPACED}]+|(?:(?![{UNSPACED}])[^\\W_]|[{INDIC}])+")
_UNSPACED_PART = re.compile(f"[{UNSPACED}]")

# Signs and digits that stand for letters: P!nk, Ke$ha, A$AP, Ty Dolla $ign, deadmau5.
_STYLED = re.compile(r"[a-z0-9][$!@][a-z0-9]|[$@][a-z]|[a-z][$]")
_SIGNS = str.maketrans("$!@", "sia")
_DIGIT_IN_WORD = re.compile(r"(?=.{4})(?:[a-z]+[013457][a-z]*|[0134567][a-z]{3,})")
_DIGITS = str.maketrans("013457", "oieast")
_CLIPPED = re.compile(r"[a-z]{2}in'\W*$")
_CONTRACTIONS = frozenset({"s", "t", "re", "ve", "ll", "d", "m", "em"})
_AND = {"&": "and", "+": "and", "n'": "n", "'n'": "n", "'n": "n", "ft": "feat", "ft.": "feat", "featuring": "feat"}


_MOJIBAKE = re.compile("[\u00c2-\u00f4][^\\x00-\\x7f]")

ARTICLES = frozenset({"the", "a", "an"})
_DROPPED = frozenset({("and",), ("n",)})


class Chunk(NamedTuple):
    """What stood between two spaces: its words, and the single words that it may also be read as.

    ``AC/DC`` has the parts ``ac`` and ``dc`` and the reading ``acdc``; ``love`` has the part ``love`` and no reading.
    """

    parts: tuple[str, ...]
    readings: tuple[str, ...] = ()


class Name(NamedTuple):
    """A folded name: its chunks in order, and its keys: the whole of it without spaces and leading article.

    ``keys[0]`` is the plain one; others replace stylised words by what they are read as. A name of nothing but
    punctuation has no chunk, and ``sign`` is what it consists of.
    """

    chunks: tuple[Chunk, ...]
    keys: tuple[str, ...]
    sign: str = ""


def undone(text: str) -> str:
    """Return the text as it was before somebody took its UTF-8 for Windows-1252 (``BjÃ¶rk``); most are as they were."""
    if text.isascii() or not _MOJIBAKE.search(text):
        return text
    try:
        return b"".join(map(_byte, text)).decode()
    except UnicodeError:
        return text


def _byte(letter: str) -> bytes:
    try:
        return letter.encode("cp1252")
    except UnicodeError:
        return letter.encode("latin-1")  # what browsers do with the bytes that Windows-1252 leaves out


def fold(text: str) -> str:
    """Return the text in small letters without accents, its punctuation and spaces still in place."""
    if text.isascii():
        return text.lower()
    text = unicodedata.normalize("NFKC", text).casefold()
    text = unicodedata.normalize("NFD", text).translate(TABLE)
    return unicodedata.normalize("NFC", text)


def is_unspaced(word: str) -> bool:
    """Whether the word is of a script that is written without spaces between words."""
    return not word.isascii() and _UNSPACED_PART.match(word) is not None


def punctuation(text: str) -> str:
    """Return what is left of a name that has neither letters nor digits: its signs, without spaces."""
    kept = "".join(unicodedata.normalize("NFKC", text).translate(DASHES).split())
    return "".join(sign for sign in kept if unicodedata.category(sign)[0] != "C")[:LONGEST_WORD]


def romanized(text: str) -> list[tuple[str, ...]]:
    """Return the text in Latin letters, a tuple of words for each chunk: the whole chunk, and its syllables."""
    found = []
    for chunk in unicodedata.normalize("NFKC", text).translate(VOWELS).split():
        latin = "".join(sign for sign in anyascii(chunk) if sign.isalnum())
        whole = latin.lower()
        if whole and not chunk.isascii():
            syllables = tuple(part.lower() for part in re.findall(r"[A-Z]?[a-z0-9]+", latin))
            found.append((whole[:LONGEST_WORD], *(syllables if len(syllables) > 1 and is_unspaced(chunk) else ())))
        elif whole:
            found.append((whole[:LONGEST_WORD],))
    return found


def latin(text: str) -> str:
    """Return the text in Latin letters, syllables apart where its script has no spaces."""
    return " ".join(part for chunk in romanized(text) for part in chunk[1:] or chunk)


@lru_cache(maxsize=4096)
def _chunk(text: str) -> Chunk | None:
    """Return the words of what stands between two spaces; None where there is nothing but punctuation."""
    same = _AND.get(text)
    if same:
        return Chunk((same,))
    parts = tuple(part[:LONGEST_WORD] for part in _PARTS.findall(text))
    if not parts:
        return None
    readings: list[str] = []
    if len(parts) > 1:
        joined = "".join(parts)
        spaced = not any(is_unspaced(part) for part in parts)
        if "'" in text and len(parts) == 2 and parts[1] in _CONTRACTIONS:  # noqa: PLR2004 - don't, it's
            parts = (joined,)
        elif spaced and len(joined) <= _LONGEST_JOINED:
            readings.append(joined)
    readings += _read_as(text, parts)
    return Chunk(parts, tuple(dict.fromkeys(reading for reading in readings if (reading,) != parts)))


def _read_as(text: str, parts: tuple[str, ...]) -> list[str]:
    """Return what the signs, digits and foreign letters in a word may stand for."""
    if not text.isascii():
        return [part.translate(LOOKALIKES) for part in parts if MIXED.search(part)] if MIXED.search(text) else []
    if text.isalpha():
        return []
    readings = []
    if _STYLED.search(text):
        readings.append("".join(_PARTS.findall(text.rstrip("!").translate(_SIGNS))))
    if _CLIPPED.search(text):
        readings.append(parts[-1] + "g")
    return readings + [part.translate(_DIGITS) for part in parts if _DIGIT_IN_WORD.fullmatch(part)]


def _key(chunks: list[Chunk], words: list[tuple[str, ...]], *, inverted: bool) -> str:
    """Join the words of a name without its article ("Beatles, The" has it last) and without its ands."""
    if len(chunks) > 1:
        if inverted:
            words = words[:-1]
        elif chunks[0].parts[0] in ARTICLES and len(chunks[0].parts) == 1:
            words = words[1:]
        words = [word for word in words if word not in _DROPPED] or words
    return "".join(["".join(word) for word in words])


def name(text: str) -> Name:
    """Fold a name. Never fails, whatever the text."""
    folded = fold(text)
    chunks = []
    styled = False
    for part in folded.split():
        chunk = Chunk((part,)) if part.isalpha() and part.isascii() and part not in _AND else _chunk(part)
        if chunk is not None:
            chunks.append(chunk)
            styled = styled or bool(chunk.readings)
    if not chunks or (chunks[0].parts == ("and",) and not any(map(str.isalnum, folded))):
        sign = punctuation(text)
        return Name((), (), sign)
    inverted = "," in folded and chunks[-1].parts[0] in ARTICLES and len(chunks[-1].parts) == 1
    words = [chunk.parts for chunk in chunks]
    keys = [_key(chunks, words, inverted=inverted)]
    if styled:
        keys.append(_key(chunks, [chunk.readings[-1:] or chunk.parts for chunk in chunks], inverted=inverted))
    if len(words) > 1 and not _DROPPED.isdisjoint(words):
        for joint in ("\0and", "\0n"):  # kept in the key, unlike a plain one
            spelt = [(joint,) if word in _DROPPED else word for word in words]
            keys.append(_key(chunks, spelt, inverted=inverted).replace("\0", ""))
    return Name(tuple(chunks), tuple(dict.fromkeys(keys)))
