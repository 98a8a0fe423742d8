"""Keeps the read model: makes tracks findable, in the transaction that completes them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from anyascii import anyascii
from pydantic_core import to_json

from db.folding import FOLDING_VERSION
from db.prepared import run_planned
from db.search_document import build
from db.statements import Connection, statements

_COPIED = ("id", "title", "artist", "album", "genre", "year", "duration", "format", "audio_path")


def index_tracks(conn: Connection, tracks: Sequence[Mapping[str, Any]]) -> None:
    """Make tracks findable, or replace what is known of them; two statements in one round trip, however many tracks.

    Each has id, title, artist, album, genre, year, duration, format and audio_path; no id may occur twice. Raises
    DatabaseOperationError.
    """
    if not tracks:
        return
    rows, words = [], set[str]()
    for track in tracks:
        built = build(track)
        row = {column: track.get(column) for column in _COPIED}
        row["document"] = built.document
        row["title_words"], row["title_core"], row["artist_words"] = (
            built.title_words,
            built.title_core,
            built.artist_words,
        )
        rows.append(row)
        words.update(built.words)
    parameters = {
        "tracks": to_json(rows).decode(),
        "folding_version": FOLDING_VERSION,
        "words": _dictionary(words),
    }
    sql = statements("search_index")
    run_planned(conn, [sql["upsert_documents"], sql["add_words"]], parameters, rows=len(tracks))


def _dictionary(words: Iterable[str]) -> str:
    """Return what the statement add_words takes: each word, and what it is in ASCII."""
    entries = [{"word": word, "latin": word if word.isascii() else anyascii(word).lower()} for word in words]
    return to_json(entries).decode()
