"""Keeps the read model: makes tracks findable, in the transaction that completes them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from anyascii import anyascii

from db.folding import FOLDING_VERSION
from db.search_document import SearchDocument, build
from db.statements import Connection, run, statements

__all__ = ["dictionary_parameters", "index_tracks"]

_COPIED = ("id", "title", "artist", "album", "genre", "year", "duration", "format", "audio_path")


def index_tracks(conn: Connection, tracks: Sequence[Mapping[str, Any]]) -> None:
    """Make tracks findable, or replace what is known of them; two statements in one round trip, however many tracks.

    Each has id, title, artist, album, genre, year, duration, format and audio_path; no id may occur twice. Raises
    DatabaseOperationError.
    """
    if not tracks:
        return
    documents = [build(track) for track in tracks]
    sql = statements("search_index")
    parameters: dict[str, Any] = {column: [track.get(column) for track in tracks] for column in _COPIED}
    parameters["id"] = [str(audio_id) for audio_id in parameters["id"]]
    parameters["title_words"] = [document.title_words for document in documents]
    parameters["title_core"] = [document.title_core for document in documents]
    parameters["artist_words"] = [document.artist_words for document in documents]
    parameters["document"] = [document.document for document in documents]
    parameters |= {"folding_version": FOLDING_VERSION, **dictionary_parameters(documents)}
    run(conn, f"{sql['upsert_documents']};\n{sql['add_words']}", parameters)


def dictionary_parameters(documents: Iterable[SearchDocument]) -> dict[str, list[str]]:
    """Return the parameters of the statement add_words: every word once, and each in ASCII."""
    words = list({word for document in documents for word in document.words})
    return {"words": words, "latin": [word if word.isascii() else anyascii(word).lower() for word in words]}
