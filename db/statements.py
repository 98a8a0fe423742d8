"""Named SQL statements: loaded from ``db/sql/*.sql``, sent with their names, run with driver errors translated."""

import re
from collections.abc import Iterable, Mapping
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Any
from uuid import UUID

import psycopg2.extras
from psycopg2.extensions import connection as Connection  # noqa: N812 - the driver's class, under the name of a class
from psycopg2.extensions import cursor as Cursor  # noqa: N812 - as above

from db.errors import InvalidDataError, translated

__all__ = ["Connection", "Row", "fetch_all", "fetch_one", "run", "statements", "uuid_array"]

psycopg2.extras.register_uuid()  # type: ignore[no-untyped-call]  # its stub says nothing

Row = dict[str, Any]
_HEADER = re.compile(r"^-- name: (\w+)$", re.MULTILINE)


@cache
def statements(file: str) -> Mapping[str, str]:
    """Return the statements of ``db/sql/<file>.sql`` by name.

    Each begins with a line ``-- name: …``, which stays in the text, so that server logs and pg_stat_activity show it.
    """
    text = resources.files("db").joinpath("sql", f"{file}.sql").read_text(encoding="utf-8")
    starts = list(_HEADER.finditer(text))
    ends = [match.start() for match in starts[1:]] + [len(text)]
    found = {match[1]: text[match.start() : end].strip() for match, end in zip(starts, ends, strict=True)}
    if len(found) != len(starts):
        raise ValueError(f"db/sql/{file}.sql names a statement twice")
    return MappingProxyType(found)


def uuid_array(ids: Iterable[UUID]) -> str:
    """Return ids as PostgreSQL writes an array of them, to be cast: the driver's own way costs four times as much."""
    return "{" + ",".join(map(str, ids)) + "}"


def _execute(cursor: Cursor, statement: Any, params: Mapping[str, Any] | None) -> None:
    try:
        cursor.execute(statement, params)
    except ValueError as error:  # the driver refuses NUL and lone surrogates before they are sent
        raise InvalidDataError(f"a parameter cannot be sent to PostgreSQL: {error}") from error


def fetch_all(conn: Connection, statement: Any, params: Mapping[str, Any] | None = None) -> list[Row]:
    """Run a statement and return its rows, each a dict by column name."""
    with translated(), conn.cursor(cursor_factory=Cursor) as cursor:
        _execute(cursor, statement, params)
        names = [column.name for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def fetch_one(conn: Connection, statement: Any, params: Mapping[str, Any] | None = None) -> Row | None:
    """Run a statement that gives at most one row."""
    rows = fetch_all(conn, statement, params)
    return rows[0] if rows else None


def run(conn: Connection, statement: Any, params: Mapping[str, Any] | None = None) -> int:
    """Run a statement for its effect and return how many rows it touched."""
    with translated(), conn.cursor(cursor_factory=Cursor) as cursor:
        _execute(cursor, statement, params)
        return int(cursor.rowcount)
