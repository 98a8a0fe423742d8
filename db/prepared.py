"""Statements for a handful of rows: planned once a session, as planning them takes longer than running them.

PostgreSQL by default plans anew for every event, in the hope that its values make a difference. A plan that is kept
must stay right while tables grow from nothing: for a handful of rows that is the one that goes by indexes, row by row.
Statements for many rows are planned each time, by the sizes of that moment.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, Final, NamedTuple, TypeVar

from db.errors import DatabaseOperationError, DatabaseUnavailableError
from db.session import Session
from db.statements import Connection, Row, fetch_all, run

T = TypeVar("T")

FEW: Final = 10
"""Up to so many rows count as a handful."""

_NAME = re.compile(r"^-- name: (\w+)$", re.MULTILINE)
_PARAMETER = re.compile(r"%\((\w+)\)s")
_NOT_KEPT = ("26000", "42P05")
"""No such prepared statement, or one of this name that somebody else prepared."""
_BY_INDEX = (
    "SET LOCAL plan_cache_mode = force_generic_plan; SET LOCAL enable_seqscan = off;"
    " SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off"
)


class _Statement(NamedTuple):
    """``preparation`` is sent once a session, ``execution`` each time, with the parameters by their names."""

    name: str
    preparation: str
    execution: str


@cache
def _statement(text: str) -> _Statement:
    found = _NAME.search(text)
    if found is None:
        raise ValueError(f"a statement without a name cannot be prepared: {text[:60]}")
    parameters = list(dict.fromkeys(_PARAMETER.findall(text)))
    numbered = _PARAMETER.sub(lambda match: f"${parameters.index(match[1]) + 1}", text)
    body = numbered.rstrip().removesuffix(";").replace("%%", "%")
    values = ", ".join(f"%({parameter})s" for parameter in parameters)
    return _Statement(found[1], f"PREPARE {found[1]} AS {body}", f"EXECUTE {found[1]}({values})")


def fetch_planned(conn: Connection, texts: Sequence[str], params: Mapping[str, Any], *, rows: int) -> list[Row]:
    """Run statements of ``db.statements`` for so many rows, in one round trip; return what the last one returns.

    Prepared where they are for a handful and the connection is a session of a pool that reaches PostgreSQL itself.
    Raises what fetch_all does, and DatabaseUnavailableError, once, where a pooler that nobody noticed stands between:
    nothing is prepared from then on.
    """
    return _planned(fetch_all, conn, texts, params, rows)


def run_planned(conn: Connection, texts: Sequence[str], params: Mapping[str, Any], *, rows: int) -> int:
    """Do the same for the statements' effect, and return how many rows the last one touched."""
    return _planned(run, conn, texts, params, rows)


def _planned(
    send: Callable[[Connection, str, Mapping[str, Any]], T],
    conn: Connection,
    texts: Sequence[str],
    params: Mapping[str, Any],
    rows: int,
) -> T:
    if rows > FEW or not isinstance(conn, Session) or conn.prepared is None:
        return send(conn, ";\n".join(text.rstrip().removesuffix(";") for text in texts), params)
    planned = [_statement(text) for text in texts]
    try:
        for statement in planned:
            if statement.name not in conn.prepared:
                run(conn, statement.preparation)
                conn.prepared.add(statement.name)
        return send(conn, "; ".join([_BY_INDEX, *(statement.execution for statement in planned)]), params)
    except DatabaseOperationError as error:
        if error.sqlstate not in _NOT_KEPT:
            raise
        Session.keeps_statements = False
        conn.close()
        raise DatabaseUnavailableError(
            "what was prepared is gone: a pooler stands between that lends sessions by the transaction"
        ) from error
