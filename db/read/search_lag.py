"""How far the read model is behind the tracks and the code."""

from db.folding import FOLDING_VERSION
from db.models import ReadModelLag
from db.statements import Connection, fetch_one, statements

__all__ = ["read_model_lag"]

_SQL = statements("search_explain")


def read_model_lag(conn: Connection) -> ReadModelLag:
    """Count what `tonearm reindex` would do; reads both tables. Raises DatabaseOperationError."""
    row = fetch_one(conn, _SQL["lag"], {"folding_version": FOLDING_VERSION}) or {"missing": 0, "outdated": 0}
    return ReadModelLag(**row, folding_version=FOLDING_VERSION)
