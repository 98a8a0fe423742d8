"""Rebuilds the read model online: in batches, each a transaction of its own, while ingest and search go on."""

from collections.abc import Callable

from db.folding import FOLDING_VERSION
from db.statements import Connection, Row, fetch_all, fetch_one, statements
from db.write.search_index import index_tracks

__all__ = ["reindex"]

_SQL = statements("search_index")
_FIRST = "00000000-0000-0000-0000-000000000000"


def reindex(
    conn: Connection,
    *,
    batch: int = 500,
    everything: bool = False,
    progress: Callable[[int, int], None] = lambda _done, _all: None,
) -> int:
    """Fold anew each track that another version folded, add those that are missing, and return how many they were.

    Commits after each batch, and can be stopped at any time: what is done is done, and the next run goes on from
    there. ``everything`` folds every track anew. ``progress`` is called with how many are done and how many there are.
    The dictionary keeps words that no track has any more; they do no harm. Raises DatabaseOperationError.
    """
    wanted = fetch_one(conn, _SQL["remaining"], {"folding_version": FOLDING_VERSION, "everything": everything})
    total, began = (wanted["tracks"], wanted["now"]) if wanted else (0, None)
    conn.commit()
    done = 0
    progress(done, total)
    common = {"folding_version": FOLDING_VERSION, "batch": batch, "before": began if everything else None}
    after = 0
    while rows := _batch(conn, "outdated", common | {"after": after}):
        after = rows[-1]["doc_id"]
        done += len(rows)
        progress(done, max(total, done))
    last = _FIRST
    while rows := _batch(conn, "missing", common | {"after": last}):
        last = str(rows[-1]["id"])
        done += len(rows)
        progress(done, max(total, done))
    return done


def _batch(conn: Connection, statement: str, parameters: Row) -> list[Row]:
    rows = fetch_all(conn, _SQL[statement], parameters)
    index_tracks(conn, rows)
    conn.commit()
    return rows
