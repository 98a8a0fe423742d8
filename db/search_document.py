"""Makes of a track what is searched: a tsvector, built here and not by to_tsvector, whose parser mangles names.

Lexemes begin with what tells them apart, and weights say where they come from (A title, B artist, C album, D else;
those of lengths and initials have none, which saves room):

========== ============================================================================================
``love``   a word; for scripts without spaces each pair of neighbouring characters, and the last character
``=key``   a whole name without spaces and leading article; with weight D, the name in Latin letters
``~key``   a whole name without what follows it: "(Live)", "- Remastered 2009", "feat. Somebody";
           each artist of a list ("Somebody; Somebody Else")
``2<love`` a word of a title or artist of two words, as of one and three: the names it is most of
``!!!!``   a name of nothing but punctuation
``^rhcp``  the initials of an artist of three words or more
========== ============================================================================================
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from hashlib import blake2b
from typing import Any, NamedTuple

from db.folding import ARTICLES, LONGEST_WORD, Name, is_unspaced, name, romanized, undone

__all__ = ["LAYERS", "SearchDocument", "build", "core", "exact_key", "grams", "initials", "quoted", "size_of"]

LAYERS = (1, 2, 3)

_ARTIST_AT, _ALBUM_AT, _REST_AT = 1001, 2001, 4001
_LAST_POSITION = 900
_LONGEST_KEY = 40
_SUFFIX = re.compile(
    r"\s*(?:[(\[{].*|\s[-\u2013\u2014]\s.*|[\s,;]+(?:feat|ft|featuring|pres|presents|vs)\b\.?\s.*)$",
    re.IGNORECASE | re.DOTALL,
)
_MAY_HAVE_SUFFIX = re.compile(r"[(\[{]|\s[-\u2013\u2014]\s|\b(?:feat|ft|featuring|vs|pres|presents)\b", re.IGNORECASE)


_DROPPED_IN_KEYS = frozenset({"and", "n"})
_LISTED = re.compile(r"\s*;\s*|\s+/\s+")
_FEWEST_INITIALS, _MOST_INITIALS = 3, 8
_SAME_WORDS = frozenset({"ft", "featuring", "feat", "vs", "pres", "presents", "and", "n"})


class SearchDocument(NamedTuple):
    """What goes into ``track_search`` besides the metadata; ``words`` are for the dictionary that mends typos.

    A name's words are counted as people would: ``AC/DC`` is one, a leading article none, a character of a script
    without spaces one. ``title_core`` leaves out what core() does.
    """

    document: str
    title_words: int
    title_core: int
    artist_words: int
    words: tuple[str, ...]


class _Field(NamedTuple):
    literal: str
    size: int
    core_size: int
    words: tuple[str, ...]


_EMPTY = _Field("", 0, 0, ())


def quoted(lexeme: str) -> str:
    """Return the lexeme as tsvector and tsquery literals want it."""
    return "'" + lexeme.replace("\\", "\\\\").replace("'", "''") + "'"


def exact_key(key: str) -> str:
    """Return the key as stored: a long one ends in a hash of the rest."""
    if len(key) <= _LONGEST_KEY:
        return key
    return key[:32] + "#" + blake2b(key.encode(), digest_size=6).hexdigest()


def grams(run: str) -> list[str]:
    """Return the pairs of neighbouring characters and the last character: ``ABC`` gives ``AB``, ``BC``, ``C``."""
    return [run[at : at + 2] for at in range(len(run))]


def _units(part: str) -> list[str]:
    return grams(part) if is_unspaced(part) else [part]


def core(text: str) -> str | None:
    """Return a name without "(Live)", "- Remastered 2009", "feat. Somebody"; None where it has nothing like that."""
    if not _MAY_HAVE_SUFFIX.search(text):
        return None
    kept = _SUFFIX.sub("", text)
    return kept if kept.strip() and kept != text else None


def size_of(folded: Name) -> int:
    """Return how many words a name has: a leading article and an "and" none, a character of an unspaced script one."""
    chunks = folded.chunks
    size = len(chunks)
    if size > 1:
        size -= chunks[0].parts[0] in ARTICLES and len(chunks[0].parts) == 1
        size = max(1, size - sum(chunk.parts[0] in _DROPPED_IN_KEYS and len(chunk.parts) == 1 for chunk in chunks))
    for parts, _ in chunks:
        if not parts[0].isascii() or len(parts) > 1:
            size += sum(len(part) - 1 for part in parts if is_unspaced(part))
    return size if chunks else 1


def _positioned(folded: Name, start: int) -> list[tuple[str, int]]:
    """Return the lexemes of a name with their positions."""
    found: list[tuple[str, int]] = []
    at = start
    for parts, readings in folded.chunks:
        first = at
        for part in parts:
            if is_unspaced(part):
                found += zip(grams(part), range(at, at + len(part)), strict=True)
                at += len(part)
            else:
                found.append((part, at))
                at += 1
        for reading in readings:
            found.append((reading, first))
            if at - 1 > first:
                found.append((reading, at - 1))
        if at - start > _LAST_POSITION:
            break
    return found


def _plain_field(words: list[str], start: int, weight: str, *, layered: bool) -> _Field:
    """Return what _field returns for a name of nothing but ASCII letters and spaces: most names, in half the time."""
    named = words[1:] if len(words) > 1 and words[0] in ARTICLES else words
    size = len(named)
    key = exact_key("".join(named))
    literal = " ".join([f"{word}:{at}{weight}" for at, word in enumerate(words, start)])
    literal += f" '={key}':{start}{weight} "
    if layered and size in LAYERS:
        literal += " ".join([f"'{size}<{word}'" for word in named]) + " "
    if weight == "B" and len(words) > 1:
        return _Field(literal + _initials(named), size, size, (*words, "=" + key))
    return _Field(literal, size, size, tuple(words))


def initials(folded: Name) -> str:
    """Return the first letters of an artist's words (``rhcp``); empty for a name of one or two, or of many."""
    words = [chunk.parts[0] for chunk in folded.chunks]
    if words and words[0] in ARTICLES:
        words = words[1:]
    letters = "".join([word[0] for word in words if word not in _DROPPED_IN_KEYS])
    return letters if _FEWEST_INITIALS <= len(letters) <= _MOST_INITIALS and letters.isalpha() else ""


def _initials(words: list[str]) -> str:
    letters = "".join([word[0] for word in words])
    return f"'^{letters}' " if _FEWEST_INITIALS <= len(letters) <= _MOST_INITIALS else ""


def _field(text: str, start: int, weight: str, *, layered: bool) -> _Field:
    if text.isascii() and text.replace(" ", "").isalpha() and len(text) <= LONGEST_WORD:
        words = text.lower().split()
        if _SAME_WORDS.isdisjoint(words):
            return _plain_field(words, start, weight, layered=layered)
    text = undone(text)
    folded = name(text)
    if not folded.chunks:
        return _Field(f"{quoted('!' + folded.sign)}:{start}{weight} ", 1, 1, ()) if folded.sign else _EMPTY
    found = _positioned(folded, start)
    size = size_of(folded)
    literal = [f"{lexeme}:{at}{weight} " for lexeme, at in found]
    literal += [f"'={exact_key(key)}':{start}{weight} " for key in folded.keys]
    words = [lexeme for lexeme, _ in found if not is_unspaced(lexeme)]
    core_size = size
    if layered:
        if size in LAYERS:
            named = found[1:] if found[0][0] in ARTICLES and len(found) > 1 else found
            named = [one for one in named if one[0] not in _DROPPED_IN_KEYS] or named
            literal += [f"'{size}<{lexeme}' " for lexeme, _ in named]
        kept = core(text)
        if kept is not None:
            inner = name(kept)
            literal += [f"'~{exact_key(key)}':{start}{weight} " for key in inner.keys]
            core_size = size_of(inner)
    if not text.isascii():
        literal += _latin(text, folded, words)
    if weight == "B" and len(folded.chunks) > 1:
        words.append("=" + exact_key(folded.keys[0]))
        literal += _several(text, folded)
    return _Field("".join(literal), size, core_size, tuple(words))


def _several(text: str, folded: Name) -> list[str]:
    """Return the lexemes for the artists that a name lists (``Tiësto; John Legend``), and for its initials."""
    listed = _LISTED.split(text)
    keys = dict.fromkeys(key for part in listed for key in name(part).keys) if len(listed) > 1 else {}
    letters = initials(name(listed[0]) if len(listed) > 1 else folded)
    abbreviated = [quoted("^" + letters) + " "] if letters else []
    return [f"'~{exact_key(key)}':{_ARTIST_AT}B " for key in keys] + abbreviated


def _latin(text: str, folded: Name, words: list[str]) -> list[str]:
    """Return the lexemes of the name in Latin letters, where folding does not give the same anyway."""
    chunks = romanized(text)
    key = "".join(chunk[0] for chunk in chunks)
    if not key or key in folded.keys:
        return []
    known = set(words)
    latin = [word for word in dict.fromkeys(word for chunk in chunks for word in chunk) if word not in known]
    words += latin
    return [f"{word}:{_REST_AT} " for word in latin] + [f"'={exact_key(key)}':{_REST_AT} "]


@lru_cache(maxsize=4096)
def _artist(text: str) -> _Field:
    return _field(text, _ARTIST_AT, "B", layered=True)


@lru_cache(maxsize=1024)
def _album(text: str) -> _Field:
    return _field(text, _ALBUM_AT, "C", layered=False)


@lru_cache(maxsize=4096)
def _rest(genre: str | None, year: int | None, format_: str | None) -> str:
    words: dict[str, None] = {}
    for text in (genre, format_):
        if text:
            for chunk in name(text).chunks:
                words |= dict.fromkeys(gram for part in chunk.parts for gram in _units(part))
    if year:
        words[str(year)] = None
    return "".join([f"{word}:{_REST_AT} " for word in words])


def build(track: Mapping[str, Any]) -> SearchDocument:
    """Return what is searched of a track: a mapping with title, artist, album, genre, year and format.

    Every text is taken as it is; only None and a missing key mean that there is none.
    """
    title = _field(track.get("title") or "", 1, "A", layered=True)
    artist_name, album_name = track.get("artist"), track.get("album")
    artist = _artist(artist_name) if artist_name else _EMPTY
    album = _album(album_name) if album_name else _EMPTY
    return SearchDocument(
        title.literal
        + artist.literal
        + album.literal
        + _rest(track.get("genre"), track.get("year"), track.get("format")),
        title.size,
        title.core_size,
        artist.core_size,
        title.words + artist.words + album.words,
    )
