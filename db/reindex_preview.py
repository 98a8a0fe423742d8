"""Shows what a reindex would change, before it: the same queries over the read model as it is, and folded anew."""

from collections.abc import Callable, Sequence

from db.models import SearchDifference
from db.read.search import search_audio_tracks
from db.statements import Connection, fetch_all, run, statements
from db.write.search_index import index_tracks

__all__ = ["preview_reindex"]

_SQL = statements("search_index")


def preview_reindex(
    conn: Connection,
    queries: Sequence[str],
    *,
    batch: int = 1000,
    progress: Callable[[int], None] = lambda _done: None,
) -> list[SearchDifference]:
    """Return the queries whose first ten hits would be others, or in another order, after a reindex.

    Folds the whole catalogue anew into temporary tables, which needs their room on disk and changes nothing; the
    transaction is rolled back. ``progress`` is called with the number of tracks done. Raises ValidationError for
    a query that is empty, DatabaseOperationError.
    """
    try:
        before = {query: _first(conn, query) for query in queries}
        run(conn, _SQL["shadow"])
        after = done = 0
        while rows := fetch_all(conn, _SQL["shadow_batch"], {"after": after, "batch": batch}):
            index_tracks(conn, rows)
            after, done = rows[-1]["doc_id"], done + len(rows)
            progress(done)
        found = {query: _first(conn, query) for query in queries}
    finally:
        conn.rollback()
    return [
        SearchDifference(query=query, before=before[query], after=found[query])
        for query in before
        if before[query] != found[query]
    ]


def _first(conn: Connection, query: str) -> tuple[str, ...]:
    hits = search_audio_tracks(conn, query, limit=10)
    return tuple(f"{hit.artist or '?'} \N{EN DASH} {hit.title}" for hit in hits)
