"""Forgetting settled events and old history, in bounded transactions."""

from collections.abc import Iterator
from datetime import datetime
from typing import Final, Literal, NamedTuple

from db.pool import DatabasePool
from db.statements import fetch_one, statements

_SQL = statements("pruning")
_BLOCKS_AT_ONCE: Final = 256


class Pruned(NamedTuple):
    """How far pruning one table has come: blocks done of how many, and the rows that this step removed."""

    table: Literal["events", "history"]
    done: int
    blocks: int
    rows: int


def prune(pool: DatabasePool, before: datetime, *, blocks_at_once: int = _BLOCKS_AT_ONCE) -> Iterator[Pruned]:
    """Remove what was settled, or happened, before a moment; yield after each transaction.

    Open events stay, and so do the last hour's history, and the event and the history of every track that is not
    COMPLETED. Stopping in between loses nothing. An event that comes again after it was pruned is still known to be
    stale by what its track applied.

    Raises DatabaseOperationError.
    """
    for table in ("events", "history"):
        with pool.transaction() as conn:
            blocks = int((fetch_one(conn, _SQL[f"{table}_blocks"]) or {"blocks": 0})["blocks"])
        for first in range(0, blocks, blocks_at_once):
            last = min(first + blocks_at_once, blocks)
            params = {"first": f"({first},0)", "last": f"({last},0)", "before": before}
            with pool.transaction() as conn:
                removed = fetch_one(conn, _SQL[f"prune_{table}"], params)
            yield Pruned(
                "events" if table == "events" else "history", last, blocks, int((removed or {"rows": 0})["rows"])
            )
