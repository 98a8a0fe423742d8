"""Writes tsquery text from folded names: only quoted lexemes and operators, so that no input is a syntax error."""

from collections.abc import Iterable, Sequence

from db.folding import Chunk, Name, is_unspaced
from db.query_language import FIELDS, Term
from db.search_document import exact_key, grams, quoted

__all__ = [
    "all_of",
    "any_of",
    "chunk_query",
    "groups_query",
    "key_query",
    "lexeme",
    "pairs_query",
    "phrase_query",
    "term_query",
]


def lexeme(text: str, weights: str = "", *, prefix: bool = False) -> str:
    """Return one lexeme, of these weights only where some are given."""
    marks = ("*" if prefix else "") + weights
    return f"{quoted(text)}:{marks}" if marks else quoted(text)


def any_of(queries: Iterable[str]) -> str:
    """Join queries with OR; an empty one is left out."""
    kept = list(dict.fromkeys(query for query in queries if query))
    return kept[0] if len(kept) == 1 else "(" + " | ".join(kept) + ")" if kept else ""


def all_of(queries: Iterable[str]) -> str:
    """Join queries with AND; an empty one is left out."""
    kept = list(dict.fromkeys(query for query in queries if query))
    return kept[0] if len(kept) == 1 else "(" + " & ".join(kept) + ")" if kept else ""


def _part(part: str, weights: str, layer: str, *, prefix: bool) -> str:
    if not is_unspaced(part):
        return lexeme(layer + part, weights, prefix=prefix)
    if len(part) == 1:
        return lexeme(layer + part, weights, prefix=True)
    pairs = grams(part)[:-1]
    if layer:
        return all_of(lexeme(layer + pair, weights) for pair in pairs)
    return pairs_query(pairs, weights)


def pairs_query(pairs: Sequence[str], weights: str = "") -> str:
    """Return the query for neighbouring pairs of characters, which is how a substring is found."""
    query = " <-> ".join(lexeme(pair, weights) for pair in pairs)
    return f"({query})" if len(pairs) > 1 else query


def chunk_query(chunk: Chunk, weights: str = "", layer: str = "", *, prefix: bool = False) -> str:
    """Return the query for what stood between two spaces: all its parts, or one of its readings.

    With ``prefix`` the last part may go on; with ``layer`` (``2<``) only names of that many words match.
    """
    last = len(chunk.parts) - 1
    if not last and not chunk.readings:
        return _part(chunk.parts[0], weights, layer, prefix=prefix)
    parts = all_of(_part(part, weights, layer, prefix=prefix and at == last) for at, part in enumerate(chunk.parts))
    return any_of([parts, *(lexeme(layer + reading, weights, prefix=prefix) for reading in chunk.readings)])


def phrase_query(folded: Name, weights: str = "", *, prefix: bool = False) -> str:
    """Return the query for a name's words one after the other; empty for a name of one word."""
    steps: list[tuple[int, str]] = []
    distance = 1
    last = folded.chunks[-1] if folded.chunks else None
    for chunk in folded.chunks:
        for at, part in enumerate(chunk.parts):
            starred = prefix and chunk is last and at == len(chunk.parts) - 1
            if is_unspaced(part) and len(part) > 1:
                for pair in grams(part)[:-1]:
                    steps.append((distance, lexeme(pair, weights)))
                    distance = 1
                distance = 2
            else:
                steps.append((distance, lexeme(part, weights, prefix=starred or is_unspaced(part))))
                distance = 1
    if len(steps) < 2:  # noqa: PLR2004 - two make a sequence
        return ""
    return "(" + steps[0][1] + "".join(f" <{gap}> {query}" for gap, query in steps[1:]) + ")"


def term_query(term: Term, weights: str = "", layer: str = "", *, prefix: bool = False) -> str:
    """Return the query for a term, in its own field where it names one."""
    if term.field:
        weights, layer = FIELDS[term.field], ""  # what tells how long a name is does not tell whose it is
    folded = term.name
    if not folded.chunks:
        return lexeme("!" + folded.sign, weights)
    if len(folded.chunks) == 1:
        return chunk_query(folded.chunks[0], weights, layer, prefix=prefix)
    chunks = [
        chunk_query(chunk, weights, layer, prefix=prefix and at == len(folded.chunks) - 1)
        for at, chunk in enumerate(folded.chunks)
    ]
    if not term.phrase:
        return all_of(chunks)
    return all_of([phrase_query(folded, weights, prefix=prefix), *(chunks if layer else ())])


def groups_query(groups: Sequence[Sequence[Term]], weights: str = "", layer: str = "", *, prefix: bool = False) -> str:
    """Return the query for every group by any of its terms; with ``prefix`` the last word typed may go on."""
    last = groups[-1][-1] if groups else None
    return all_of(
        any_of(term_query(term, weights, layer, prefix=prefix and term is last and not term.phrase) for term in group)
        for group in groups
    )


def key_query(names: Iterable[Name], weights: str = "", kind: str = "=", *, prefix: bool = False) -> str:
    """Return the query for whole names; with ``prefix`` for names that begin like these."""
    keys = dict.fromkeys(key for folded in names for key in folded.keys)
    if not keys:
        signs = dict.fromkeys(folded.sign for folded in names if folded.sign)
        return any_of(lexeme("!" + sign, weights) for sign in signs) if kind == "=" and not prefix else ""
    return any_of(lexeme(kind + (key if prefix else exact_key(key)), weights, prefix=prefix) for key in keys)
