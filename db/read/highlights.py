"""Marks in a track's names what a query matched."""

import html
import re
from collections.abc import Iterator

from db.folding import fold, is_unspaced, name
from db.query_language import Query
from db.statements import Row

__all__ = ["highlights"]

_FIELDS = ("title", "artist", "album")
_PIECES = re.compile(r"\S+|\s+")
_LEAST_PREFIX = 2


def highlights(row: Row, query: Query) -> dict[str, str]:
    """Return the fields in which something matched, as HTML: escaped, what matched inside ``<mark>``."""
    words, runs = _sought(query)
    marked = {field: _marked(row[field], words, runs) for field in _FIELDS if row[field]}
    return {field: text for field, text in marked.items() if "<mark>" in text}


def _sought(query: Query) -> tuple[set[str], set[str]]:
    words: set[str] = set()
    runs: set[str] = set()
    for group in query.groups:
        for term in group:
            for chunk in term.name.chunks:
                words |= {*chunk.readings, *(part for part in chunk.parts if not is_unspaced(part))}
                words.add("".join(chunk.parts))
                runs |= {part for part in chunk.parts if is_unspaced(part)}
    words.update(query.name.keys)
    return words, runs


def _marked(text: str, words: set[str], runs: set[str]) -> str:
    return "".join(_pieces(text, words, runs))


def _pieces(text: str, words: set[str], runs: set[str]) -> Iterator[str]:
    for piece in _PIECES.findall(text):
        chunks = name(piece).chunks
        readings = {word for chunk in chunks for word in (*chunk.parts, *chunk.readings, "".join(chunk.parts))}
        if readings & words or any(_begins(reading, words) for reading in readings):
            yield f"<mark>{html.escape(piece)}</mark>"
        elif runs and any(run in fold(piece) for run in runs):
            yield _substrings(piece, runs)
        else:
            yield html.escape(piece)


def _begins(reading: str, words: set[str]) -> bool:
    return any(len(word) >= _LEAST_PREFIX and reading.startswith(word) for word in words)


def _substrings(piece: str, runs: set[str]) -> str:
    """Mark parts of a piece that has no spaces, letter by letter where folding keeps their number."""
    folded = [fold(letter) for letter in piece]
    if any(len(letter) > 1 for letter in folded):
        return f"<mark>{html.escape(piece)}</mark>"
    pattern = "|".join(re.escape(run) for run in sorted(runs, key=len, reverse=True))
    whole = "".join(letter or "\0" for letter in folded)
    out, at = [], 0
    for match in re.finditer(pattern, whole):
        out += [
            html.escape(piece[at : match.start()]),
            "<mark>",
            html.escape(piece[match.start() : match.end()]),
            "</mark>",
        ]
        at = match.end()
    return "".join([*out, html.escape(piece[at:])])
