"""One database for each file of tests, emptied after each test: these tests are many and small."""

from collections.abc import Callable, Iterator
from contextlib import closing
from urllib.parse import urlsplit

import psycopg2
import pytest
from psycopg2.extensions import connection

import db.statements
from tests.tracks import query

_TABLES = """
SELECT string_agg(format('%I', tablename), ', ')
FROM pg_tables WHERE schemaname = 'public' AND tablename !~ 'yoyo'
"""


@pytest.fixture(scope="module")
def _files_database(
    _create_database: Callable[..., str], _drop_database: Callable[[str], None], _template: str
) -> Iterator[tuple[str, connection]]:
    url = _create_database(_template)
    with closing(psycopg2.connect(url, application_name=f"emptier of {urlsplit(url).path}")) as emptier:
        emptier.autocommit = True
        yield url, emptier
    _drop_database(url)


@pytest.fixture
def database_url(_files_database: tuple[str, connection]) -> Iterator[str]:
    """A migrated, empty database."""
    url, emptier = _files_database
    yield url
    ((tables,),) = query(emptier, _TABLES)
    query(emptier, f"TRUNCATE {tables} RESTART IDENTITY")


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The statements that the library sends from now on."""
    statements: list[str] = []
    execute = db.statements._execute

    def recorded(cursor, statement, params):
        statements.append(statement)
        execute(cursor, statement, params)

    monkeypatch.setattr(db.statements, "_execute", recorded)
    return statements
