"""The migrator: whole or not at all, one at a time, and killed without harm."""

import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

import db.migrate
from db.errors import DatabaseOperationError, DatabaseUnavailableError
from db.migrate import migrate, pending

AWKWARD = r"""
-- A comment; with a semicolon, and an 'apostrophe that is never closed.
CREATE FUNCTION awkward() RETURNS text LANGUAGE plpgsql AS $body$
DECLARE
    seen text := 'a;b';
BEGIN
    -- END; $$ is only a comment here
    IF seen LIKE '%;%' THEN
        CASE WHEN true THEN PERFORM 1; ELSE RAISE EXCEPTION 'no % of it', seen; END CASE;
    END IF;
    FOR i IN 1..2 LOOP seen := seen || $$;$$; END LOOP;
    RETURN seen;
EXCEPTION WHEN others THEN
    RETURN 'BEGIN; it failed';
END;
$body$;
CREATE TABLE after_it (id integer);
"""
TABLES = (
    "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND relname !~ 'yoyo'"
)
SLEEPING = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND query LIKE '%pg_sleep(3600)%' AND pid <> pg_backend_pid()
"""


def test_a_function_full_of_semicolons_arrives_whole(empty_database_url, query, migration_files):
    migration_files(m0001_awkward=AWKWARD)
    migrate(empty_database_url)
    assert query("SELECT awkward()") == [("a;b;;",)]
    assert query("SELECT prosrc FROM pg_proc WHERE proname = 'awkward'") == [(AWKWARD.split("$body$")[1],)]
    assert query(TABLES) == [("after_it",)]


def test_a_migration_that_fails_leaves_nothing_half_done(empty_database_url, query, migration_files):
    migration_files(
        m0001_good="CREATE TABLE good (id integer);",
        m0002_bad="-- depends: 0001_good\nCREATE TABLE half (id integer); CREATE TABLE good (id integer);",
        m0003_never="-- depends: 0002_bad\nCREATE TABLE never (id integer);",
    )
    with pytest.raises(DatabaseOperationError, match="already exists"):
        migrate(empty_database_url)
    assert query(TABLES) == [("good",)]
    assert pending(empty_database_url) == ["0002_bad", "0003_never"]
    migration_files(m0002_bad="-- depends: 0001_good\nCREATE TABLE mended (id integer);")
    assert migrate(empty_database_url) == ["0002_bad", "0003_never"]


def test_a_migration_and_the_note_that_it_is_applied_are_one(empty_database_url, query, migration_files, monkeypatch):
    migration_files(m0001_one="CREATE TABLE one (id integer);")
    with monkeypatch.context() as patch:
        patch.setattr(db.migrate._Backend, "mark_one", lambda *_: signal.raise_signal(signal.SIGINT))
        with pytest.raises(KeyboardInterrupt):
            migrate(empty_database_url)
    assert query(TABLES) == []
    assert migrate(empty_database_url) == ["0001_one"]


def test_a_migration_outside_a_transaction_is_applied_and_rolled_back(empty_database_url, query, migration_files):
    migration_files(
        m0001_one="CREATE TABLE one (id integer);",
        m0002_index="-- transactional: false\n-- depends: 0001_one\nCREATE INDEX CONCURRENTLY one_id ON one (id);",
    )
    migration_files(**{"m0002_index.rollback": "-- transactional: false\nDROP INDEX CONCURRENTLY one_id;"})
    assert migrate(empty_database_url) == ["0001_one", "0002_index"]
    assert query("SELECT indisvalid FROM pg_index WHERE indexrelid = 'one_id'::regclass") == [(True,)]
    assert db.migrate.rollback(empty_database_url) == ["0002_index"]
    assert query("SELECT to_regclass('one_id')") == [(None,)]


def test_of_two_migrators_at_once_each_migration_is_applied_by_one(empty_database_url):
    everything = pending(empty_database_url)
    with ThreadPoolExecutor(4) as threads:
        done = list(threads.map(migrate, [empty_database_url] * 4))
    assert sorted(done, key=len) == [[], [], [], everything]


def test_a_migrator_killed_in_the_middle_holds_up_nobody(
    empty_database_url, query, migration_files, tmp_path, wait_until
):
    migration_files(m0001_slow="CREATE TABLE slow (id integer); SELECT pg_sleep(3600);")
    program = (
        "import pathlib, sys, db.migrate; db.migrate.migrations_dir = lambda: pathlib.Path(sys.argv[1]);"
        "db.migrate.migrate(sys.argv[2])"
    )
    with subprocess.Popen([sys.executable, "-c", program, tmp_path, empty_database_url]) as migrator:
        wait_until(lambda: query(SLEEPING) == [(1,)])
        migrator.kill()
    migration_files(m0001_slow="CREATE TABLE slow (id integer);")
    assert migrate(empty_database_url) == ["0001_slow"]
    assert query(TABLES) == [("slow",)]


def test_the_command_says_what_it_did(empty_database_url, capsys, monkeypatch):
    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["migrate", *arguments])
        code = db.migrate.main()
        return code, capsys.readouterr().out.splitlines()

    monkeypatch.setenv("DATABASE_URL", empty_database_url)
    everything = pending(empty_database_url)
    assert run() == (0, [f"applied {name}" for name in everything])
    assert run() == (0, ["nothing to do: the database is up to date"])
    assert run("--rollback", "1") == (0, [f"rolled back {everything[-1]}"])
    assert run("--rollback", "99") == (0, [f"rolled back {name}" for name in everything[-2::-1]])
    assert run("--rollback", "1") == (0, ["nothing to do: no migration is applied"])


@pytest.mark.parametrize("number", ["0", "-1", "many"])
def test_a_number_that_makes_no_sense_is_wrong_usage(number, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["migrate", "--rollback", number])
    with pytest.raises(SystemExit, match="2"):
        db.migrate.main()
    assert "--rollback" in capsys.readouterr().err


def test_a_database_that_cannot_be_reached_is_one_line_and_exit_code_3(monkeypatch, capsys):
    url = "postgresql://tonearm:s3cret@127.0.0.1:1/tonearm"
    with pytest.raises(DatabaseUnavailableError):
        migrate(url)
    monkeypatch.setenv("DATABASE_URL", url)
    monkeypatch.setattr(sys, "argv", ["migrate"])
    assert db.migrate.main() == 3
    message = capsys.readouterr().err
    assert message.startswith("migrate: ")
    assert "s3cret" not in message
