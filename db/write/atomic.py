"""All or nothing, inside a transaction that is the caller's."""

from collections.abc import Iterator
from contextlib import contextmanager

from psycopg2.extensions import TRANSACTION_STATUS_IDLE

from db.statements import Connection, run, statements

_SQL = statements("savepoints")


@contextmanager
def all_or_nothing(conn: Connection) -> Iterator[None]:
    """Undo what the block did, and only that, if it raises; whether it is committed is the caller's to say.

    On a connection in autocommit the block is a transaction of its own.
    """
    own = conn.autocommit and conn.info.transaction_status == TRANSACTION_STATUS_IDLE
    begin, end, undo = ("begin", "commit", "rollback") if own else ("savepoint", "release", "undo")
    run(conn, _SQL[begin])
    try:
        yield
    except BaseException:
        if not conn.closed:
            run(conn, _SQL[undo])
        raise
    run(conn, _SQL[end])
