"""Reads what people type into a search: ``"phrase"``, ``-word``, ``OR``, ``artist:`` and the like; all else is text.

Nothing is ever a syntax error: what makes no sense as an operator is text.
"""

import html
import re
from contextlib import suppress
from typing import NamedTuple
from urllib.parse import unquote

from db.errors import ValidationError
from db.folding import Name, name, undone

__all__ = ["FIELDS", "Query", "Term", "parse"]

LONGEST_QUERY = 500
MOST_TERMS = 32
FIELDS = {"title": "A", "artist": "B", "album": "C", "genre": "D", "format": "D"}
"""The fields that a query can name, and the weight that their words have in the document."""

_QUOTES = str.maketrans("\u201c\u201d\u201e\u00ab\u00bb\u300c\u300d", '"' * 7)
_TOKEN = re.compile(
    r'(?P<minus>-)?(?:(?P<field>artist|title|album|genre|format|year):\s*(?=\S))?(?:"(?P<phrase>[^"]*)"(?=\s|$)|(?P<word>\S+))',
    re.IGNORECASE,
)
_YEARS = re.compile(r"(\d{4})?(\.\.)?(\d{4})?")
_ESCAPED = re.compile(r"%[0-9a-fA-F]{2}")
_OPTIONAL = frozenset({"and", "n", "feat", "vs"})


class Term(NamedTuple):
    """A word, or words in quotes; ``field`` is a key of FIELDS where it was said in which field."""

    text: str
    name: Name
    phrase: bool = False
    field: str | None = None

    @property
    def optional(self) -> bool:
        """Whether tracks without it match too: signs, and the ands that people put or leave out as they like."""
        chunks = self.name.chunks
        return not chunks or (not self.phrase and len(chunks) == 1 and chunks[0].parts[0] in _OPTIONAL)


class Query(NamedTuple):
    """A query as it was understood: every group must match, by any one of its terms; no excluded term may."""

    text: str
    groups: tuple[tuple[Term, ...], ...]
    excluded: tuple[Term, ...] = ()
    year_min: int | None = None
    year_max: int | None = None

    @property
    def name(self) -> Name:
        """The text as if it were one name."""
        return name(self.text)

    @property
    def required(self) -> tuple[tuple[Term, ...], ...]:
        """The groups without the optional ones, unless there are no others."""
        return tuple(g for g in self.groups if not all(t.optional for t in g)) or self.groups


def parse(query: str) -> Query:
    """Understand a query. Raises ValidationError for one that is empty; anything else means something."""
    if not isinstance(query, str):
        raise ValidationError(f"query: {query!r:.80} should be text")
    text = _legible(query[:LONGEST_QUERY])
    if not text.strip():
        raise ValidationError("query: it is empty; give at least one word or sign")
    understood = _understand(text)
    if understood is None:
        terms = tuple((Term(word, name(word)),) for word in text.split()[:MOST_TERMS])
        understood = Query(text.strip(), tuple(group for group in terms if _says_something(group[0])))
    if not understood.groups and understood.year_min is None and understood.year_max is None:
        raise ValidationError(f"query: {query!r:.80} has neither a letter nor a digit nor a sign")
    return understood


def _legible(text: str) -> str:
    """Undo what addresses and web pages do to names: ``White%20Stripes``, ``Des&apos;ree``."""
    text = undone(text.encode("utf-8", "ignore").decode())
    if _ESCAPED.search(text):
        with suppress(UnicodeDecodeError):
            text = unquote(text, errors="strict")
    if "&" in text and ";" in text:
        text = html.unescape(text)
    return text.replace("\0", " ")


def _says_something(term: Term) -> bool:
    return bool(term.name.chunks or term.name.sign)


def _understand(text: str) -> Query | None:
    """Return the query, or None where its operators leave nothing to look for."""
    groups: list[list[Term]] = []
    excluded: list[Term] = []
    years: tuple[int | None, int | None] = (None, None)
    plain: list[str] = []
    alternative = False
    tokens = list(_TOKEN.finditer(text.translate(_QUOTES)))[:MOST_TERMS]
    for at, token in enumerate(tokens):
        said, field = token["phrase"] or token["word"] or "", (token["field"] or "").lower() or None
        if said == "OR" and token[0] == "OR" and groups and not alternative and at + 1 < len(tokens):
            alternative = True
            continue
        if field == "year":
            span = _span(said)
            if span is not None:
                years = span
                continue
            field, said = None, token[0]
        term = Term(said, name(said), token["phrase"] is not None, field)
        if not _says_something(term):
            continue
        if token["minus"] and term.name.chunks:
            excluded.append(term)
        elif alternative:
            groups[-1].append(term)
            plain.append(said)
        else:
            groups.append([term])
            if field is None:
                plain.append(said)
        alternative = False
    if not groups and years == (None, None):
        return None
    return Query(" ".join(plain), tuple(tuple(group) for group in groups), tuple(excluded), *years)


def _span(text: str) -> tuple[int | None, int | None] | None:
    match = _YEARS.fullmatch(text)
    if not match or not (match[1] or match[3]) or (match[1] and match[3] and not match[2]):
        return None
    first, last = (int(year) if year else None for year in (match[1], match[3]))
    return (first, last) if match[2] else (first, first)
