"""Applies the migrations: ``python -m db.migrate [--rollback N]``, under an advisory lock so that many may try at once.

yoyo-migrations keeps the list of what is applied; its own lock table is not used, since a killed migrator would leave
it locked for ever, while PostgreSQL lets go of an advisory lock when the connection ends.
"""

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg2
import yoyo
from psycopg2.extensions import parse_dsn

from db.dsn import redacted, resolve
from db.errors import MusicLibraryError, translated

_LOCK_KEY = 0x746F6E6561726D  # "tonearm"


def migrations_dir() -> Path:
    """Return where the migrations are: inside an installed package, or beside it in a checkout."""
    packaged = Path(__file__).parent / "migrations"
    return packaged if packaged.is_dir() else Path(__file__).parent.parent / "migrations"


def _yoyo_url(dsn: str) -> str:
    """Return the connection string as the URL that yoyo takes, every parameter in its query part."""
    from urllib.parse import urlencode  # noqa: PLC0415 - only here

    parts = parse_dsn(dsn)
    database = parts.pop("dbname", "")
    return f"postgresql:///{database}?{urlencode(parts)}"


@contextmanager
def _locked(dsn: str) -> Iterator[None]:
    with translated():
        conn = psycopg2.connect(dsn, application_name="tonearm-migrate", connect_timeout=10)
    try:
        conn.autocommit = True
        with translated(), conn.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(%s)", (_LOCK_KEY,))
        yield
    finally:
        conn.close()


def _backend(dsn: str) -> "yoyo.backends.base.DatabaseBackend":
    with translated():
        return yoyo.get_backend(_yoyo_url(dsn))


def migrate(database_url: str | None = None) -> list[str]:
    """Apply what is pending and return the ids of what was applied, in order.

    Needs a direct connection (not PgBouncer): the lock belongs to the session. Raises DatabaseOperationError.
    """
    dsn = resolve(database_url)
    with _locked(dsn), translated():
        backend = _backend(dsn)
        try:
            pending = backend.to_apply(yoyo.read_migrations(str(migrations_dir())))
            backend.apply_migrations(pending)
            return [migration.id for migration in pending]
        finally:
            backend.connection.close()


def rollback(database_url: str | None = None, *, steps: int = 1) -> list[str]:
    """Roll back the last ``steps`` migrations and return their ids, latest first."""
    dsn = resolve(database_url)
    with _locked(dsn), translated():
        backend = _backend(dsn)
        try:
            applied = backend.to_rollback(yoyo.read_migrations(str(migrations_dir())))[:steps]
            backend.rollback_migrations(applied)
            return [migration.id for migration in applied]
        finally:
            backend.connection.close()


def pending(database_url: str | None = None) -> list[str]:
    """Return the ids of the migrations that are not applied yet; changes nothing that matters."""
    dsn = resolve(database_url)
    with translated():
        backend = _backend(dsn)
        try:
            return [migration.id for migration in backend.to_apply(yoyo.read_migrations(str(migrations_dir())))]
        finally:
            backend.connection.close()


def main() -> int:
    """Run the command line; return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m db.migrate", description="Apply Tonearm's migrations.")
    parser.add_argument("--rollback", type=int, metavar="N", help="roll back the last N migrations instead")
    arguments = parser.parse_args()
    try:
        done = rollback(steps=arguments.rollback) if arguments.rollback else migrate()
    except MusicLibraryError as error:
        print(f"migrate: {redacted(str(error))}", file=sys.stderr)  # noqa: T201 - a program's message
        return 3
    verb = "rolled back" if arguments.rollback else "applied"
    for migration in done:
        print(f"{verb} {migration}")  # noqa: T201 - a program's output
    if not done:
        print("nothing to do: the database is up to date")  # noqa: T201 - a program's output
    return 0


if __name__ == "__main__":
    sys.exit(main())
