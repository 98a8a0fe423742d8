"""The migrations and schema.sql say the same; what they build they can take away again."""

import re

import db.migrate
from db.migrate import migrate, migrations_dir, pending, rollback
from tests.migration.schema import SCHEMA, dump

OURS = """
SELECT 'relation', relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relname !~ '^_yoyo'
UNION ALL SELECT 'function', proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace
UNION ALL SELECT 'type', typname FROM pg_type WHERE typnamespace = 'public'::regnamespace AND typname !~ '^_+yoyo'
UNION ALL SELECT 'extension', extname FROM pg_extension WHERE extname <> 'plpgsql'
UNION ALL SELECT 'schema', nspname FROM pg_namespace
    WHERE nspname !~ '^pg_' AND nspname NOT IN ('public', 'information_schema')
"""
FUNCTION_BODIES = """
SELECT prosrc FROM pg_proc p WHERE pronamespace = 'public'::regnamespace
    AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')
"""


def ids() -> list[str]:
    return sorted(path.stem for path in migrations_dir().glob("*.sql") if not path.stem.endswith(".rollback"))


def test_migrations_from_nothing_make_exactly_the_committed_schema(empty_database_url):
    assert migrate(empty_database_url) == ids()
    assert dump(empty_database_url) == SCHEMA.read_text(encoding="utf-8"), "run `make schema` and commit schema.sql"


def test_rolling_everything_back_leaves_nothing_of_ours_and_it_can_be_applied_again(empty_database_url, query):
    migrate(empty_database_url)
    first = dump(empty_database_url)
    assert rollback(empty_database_url, steps=len(ids())) == ids()[::-1]
    assert query(OURS) == []
    assert migrate(empty_database_url) == ids()
    assert dump(empty_database_url) == first


def test_each_migration_can_be_rolled_back_alone_and_applied_again(empty_database_url):
    before = {}
    for count in range(len(ids())):
        before[count] = dump(empty_database_url)
        _apply_up_to(empty_database_url, count + 1)
    for count in reversed(range(len(ids()))):
        after = dump(empty_database_url)
        rollback(empty_database_url)
        assert dump(empty_database_url) == before[count]
        _apply_up_to(empty_database_url, count + 1)
        assert dump(empty_database_url) == after
        rollback(empty_database_url)


def _apply_up_to(url, count):
    wanted, everything = ids()[:count], db.migrate._all_migrations
    try:
        db.migrate._all_migrations = lambda: everything().filter(lambda migration: migration.id in wanted)
        migrate(url)
    finally:
        db.migrate._all_migrations = everything


def test_every_migration_says_how_it_is_rolled_back():
    for name in ids():
        assert (migrations_dir() / f"{name}.rollback.sql").read_text().strip()


def test_the_bodies_of_functions_arrive_whole(empty_database_url, query):
    migrate(empty_database_url)
    text = "\n".join((migrations_dir() / f"{name}.sql").read_text() for name in ids())
    written = set(re.findall(r"\$\$(.*?)\$\$", text, re.DOTALL))
    arrived = {body for (body,) in query(FUNCTION_BODIES)}
    assert arrived
    assert arrived <= written


def test_what_is_pending_is_told_without_touching_the_database(empty_database_url, query):
    assert pending(empty_database_url) == ids()
    assert query("SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace") == []
    migrate(empty_database_url)
    assert pending(empty_database_url) == []
    rollback(empty_database_url)
    assert pending(empty_database_url) == ids()[-1:]
