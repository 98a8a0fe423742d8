"""What there is to know of a database before relying on it."""

from typing import NamedTuple

from db.statements import Connection, fetch_all, fetch_one, statements

_SQL = statements("diagnosis")


class Server(NamedTuple):
    """A server's version (as 170002 and as it shows itself), and what it was set to."""

    version: int
    shown: str
    encoding: str
    locale: str
    fsync: str
    synchronous_commit: str
    max_connections: int
    superuser: bool
    role: str
    replica: bool


def describe_server(conn: Connection) -> Server:
    """Return what the server says of itself. Raises DatabaseOperationError."""
    return Server(**(fetch_one(conn, _SQL["server"]) or {}))


def installed_extensions(conn: Connection) -> set[str]:
    """Return the names of the extensions in this database. Raises DatabaseOperationError."""
    return {row["name"] for row in fetch_all(conn, _SQL["extensions"])}


def indexes(conn: Connection) -> dict[str, bool]:
    """Return every index by name, and whether queries may use it. Raises DatabaseOperationError."""
    return {row["name"]: row["valid"] for row in fetch_all(conn, _SQL["indexes"])}
