"""An upgrade under load: the version before works while migrations are applied, then workers are replaced one by one.

``UPGRADE_FROM`` is the commit to upgrade from; without it, the last one that lacks the newest migration:
``make test-upgrade``.
"""

import os
import signal
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest

from db.migrate import migrate
from tests.faults.load import expected
from tests.faults.stage import PROMISE_SECONDS, ROOT, Stage, Worker, finish, wait_for
from tests.faults.verdict import faults_found
from tests.servers import throwaway_home
from tests.versions import version_before

SEED, COUNT, RATE = 7, 1500, 40


@pytest.fixture
def before(tmp_path):
    return version_before(tmp_path / "before")


def migrated(url: str, code: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "db.migrate"], cwd=code, env=os.environ | {"DATABASE_URL": url, "PYTHONPATH": str(code)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def works(on: Stage, worker: Worker, since: datetime) -> bool:
    """Say whether this worker has completed a track since then."""
    sql = "SELECT 1 FROM audio_track_history WHERE to_status = 'COMPLETED' AND at > %s AND worker LIKE %s LIMIT 1"
    return bool(on.ask(sql, since, f"%:{worker.process.pid}:%"))


@pytest.mark.long
@pytest.mark.timeout(300)
def test_an_upgrade_under_load_loses_nothing_and_fails_no_attempt(before):
    with throwaway_home() as home:
        on = Stage(home, "worker.app")
        try:
            print(migrated(on.postgres.url, before))
            old = [on.start_worker(code=before) for _ in range(2)]
            publishers = [
                on.start_publisher(SEED, 0, COUNT, RATE, code=before),
                on.start_publisher(SEED, 1, COUNT, RATE),
            ]
            wait_for(lambda: on.ask("SELECT count(*) > 300 FROM audio_events")[0][0], 60, "there is load")

            applied = migrate(on.postgres.url)
            migrated_at = on.ask("SELECT clock_timestamp()")[0][0]
            print(f"applied {applied}")
            assert applied, "there was nothing to upgrade"
            for worker in old:
                wait_for(lambda: works(on, worker, migrated_at), 30, "the old workers go on with the new schema")  # noqa: B023
            for worker in old:
                new = on.start_worker()
                wait_for(lambda: works(on, new, migrated_at), 30, "new workers work beside old ones")  # noqa: B023
                worker.signal(signal.SIGTERM)
                worker.wait_end(30)
                on.workers.remove(worker)
            assert publishers[0].poll() is None, "it was not under load"
            for publisher in publishers:
                finish(publisher, timeout=120)
            on.wait_settled(on.open_events(), PROMISE_SECONDS)

            # Of two commits between releases, the later may fold names in another way and call it the same version.
            command = [sys.executable, "-m", "worker.cli", "reindex", "--all"]
            subprocess.run(command, env=on.environment, cwd=ROOT, check=True, capture_output=True)
            ids, winners = expected(SEED, 2, COUNT)
            with on.connect() as conn:
                assert faults_found(conn, ids, winners) == []
            assert on.ask("SELECT count(*) FROM audio_track_history WHERE to_status = 'FAILED'") == [(0,)]
        finally:
            on.close()
