"""Applies the migrations: ``python -m db.migrate [--rollback N]``, under an advisory lock so that many may try at once.

yoyo-migrations reads the files and keeps the list of what is applied. Three things are done otherwise than it does
them: a migration and its entry in that list are one transaction (a migrator killed between the two would leave a
database that can go neither forth nor back); its lock table is not used (a killed migrator would leave it locked for
ever); its log does not need a user with a name or a resolver that answers.
"""

import argparse
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext
from datetime import UTC, datetime
from glob import escape
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid1

import psycopg2
import yoyo
from yoyo.backends.core.postgresql import PostgresqlBackend

from db.dsn import redacted, resolve
from db.errors import MusicLibraryError, translated
from db.statements import Connection, fetch_all, fetch_one, statements

_LOCK_KEY = 0x746F6E6561726D  # "tonearm"
# No statement is too slow for a migration, but one that cannot get its lock must not make all others queue behind it.
_SETTINGS = "-c statement_timeout=0 -c idle_in_transaction_session_timeout=0 -c lock_timeout=60s"
_SETTINGS += " -c client_connection_check_interval=1s"  # a killed migrator lets go even in a long statement


class _Address(NamedTuple):
    """Where yoyo's backend is to connect; it asks for ``database`` by that name."""

    dsn: str
    database: str = ""


class _Backend(PostgresqlBackend):  # type: ignore[misc] # yoyo has no types
    """yoyo's backend on our terms: our connection string, our lock, one transaction for each migration."""

    has_transactional_ddl = True

    def __init__(self, dsn: str) -> None:
        super().__init__(_Address(dsn), yoyo.default_migration_table)

    def connect(self, dburi: _Address) -> Connection:
        conn = _connect(dburi.dsn)
        conn.autocommit = True
        return conn

    def copy(self) -> "_Backend":
        return _Backend(self.uri.dsn)

    def lock(self, timeout: float = 0) -> "nullcontext[None]":  # noqa: ARG002 - yoyo's signature
        return nullcontext()  # the advisory lock is held

    def get_log_data(self, migration: Any = None, operation: str = "apply") -> dict[str, Any]:
        # As yoyo's own, but for the name of a user who may have none and of a host that may not resolve.
        return {
            "id": str(uuid1()),
            "migration_id": migration and migration.id,
            "migration_hash": migration and migration.hash,
            "username": f"uid {os.geteuid()}",
            "hostname": socket.gethostname(),
            "created_at_utc": datetime.now(UTC).replace(tzinfo=None),
            "operation": operation,
        }


def _connect(dsn: str) -> Connection:
    with translated():
        return psycopg2.connect(dsn, application_name="tonearm-migrate", connect_timeout=10, options=_SETTINGS)


def migrations_dir() -> Path:
    """Return where the migrations are: inside an installed package, or beside it in a checkout."""
    packaged = Path(__file__).parent / "migrations"
    return packaged if packaged.is_dir() else Path(__file__).parent.parent / "migrations"


def _all_migrations() -> Any:
    return yoyo.read_migrations(escape(str(migrations_dir())))


@contextmanager
def _locked_backend(database_url: str | None) -> Iterator[_Backend]:
    """Lend a backend once nobody else migrates the database."""
    with _Backend(resolve(database_url)) as backend, translated():
        with backend.connection.cursor() as cursor:
            cursor.execute(statements("migrations")["lock_migrations"], {"key": _LOCK_KEY})
        yield backend


def migrate(database_url: str | None = None) -> list[str]:
    """Apply what is pending and return the ids of what was applied, in order.

    Each migration is applied whole or not at all; those before one that fails stay applied. Needs a direct connection
    (not PgBouncer): the lock belongs to the session. Raises DatabaseOperationError.
    """
    done: list[str] = []
    with _locked_backend(database_url) as backend:
        for migration in backend.to_apply(_all_migrations()):
            if migration.use_transactions:
                with backend.transaction():
                    migration.process_steps(backend, "apply")
                    backend.mark_one(migration)
            else:
                backend.apply_one(migration)
            done.append(migration.id)
    return done


def rollback(database_url: str | None = None, *, steps: int = 1) -> list[str]:
    """Roll back the last ``steps`` migrations and return their ids, latest first. Raises DatabaseOperationError."""
    done: list[str] = []
    with _locked_backend(database_url) as backend:
        for migration in backend.to_rollback(_all_migrations())[:steps]:
            if migration.use_transactions:
                with backend.transaction():
                    migration.process_steps(backend, "rollback")
                    backend.unmark_one(migration)
            else:
                backend.rollback_one(migration)
            done.append(migration.id)
    return done


def pending(database_url: str | None = None) -> list[str]:
    """Return the ids of the migrations that are not applied yet, all of them for an empty database; only reads."""
    with closing(_connect(resolve(database_url))) as conn:
        known = fetch_one(conn, statements("migrations")["migrations_table"])
        rows = fetch_all(conn, statements("migrations")["applied_migrations"]) if known and known["exists"] else []
    applied = {row["migration_id"] for row in rows}
    return [migration.id for migration in sorted(_all_migrations(), key=lambda m: m.id) if migration.id not in applied]


def main() -> int:
    """Run the command line; return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m db.migrate", description="Apply Tonearm's migrations.")
    parser.add_argument("--rollback", type=_count, metavar="N", help="roll back the last N migrations instead")
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
        nothing = "no migration is applied" if arguments.rollback else "the database is up to date"
        print(f"nothing to do: {nothing}")  # noqa: T201 - a program's output
    return 0


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number


if __name__ == "__main__":
    sys.exit(main())
