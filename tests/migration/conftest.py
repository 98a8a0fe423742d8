"""Migrations of the test's own, and looking at a database from outside."""

from collections.abc import Callable, Iterator
from contextlib import closing

import psycopg2
import pytest

import db.migrate


@pytest.fixture
def migration_files(tmp_path, monkeypatch) -> Callable[..., None]:
    """Return ``write(name=sql, …)``: from then on these files are the migrations."""
    monkeypatch.setattr(db.migrate, "migrations_dir", lambda: tmp_path)

    def write(**files: str) -> None:
        for name, sql in files.items():
            (tmp_path / f"{name.removeprefix('m')}.sql").write_text(sql)

    return write


@pytest.fixture
def query(empty_database_url) -> Iterator[Callable[[str], list[tuple]]]:
    """Return ``query(sql)``, which asks the empty database."""
    with closing(psycopg2.connect(empty_database_url)) as conn:
        conn.autocommit = True

        def ask(sql: str) -> list[tuple]:
            with conn.cursor() as cursor:
                cursor.execute(sql)
                return cursor.fetchall()

        yield ask
