"""The wheel, for somebody who has nothing else: installed into an empty environment, away from the checkout.

``PYTHONS="python3.11 python3.12"`` names the interpreters; without it, the one that runs this.
"""

import json
import os
import re
import subprocess
import sys
import zipfile

import pytest

from tests.documents.blocks import DOCS, ROOT
from tests.documents.page import Page
from tests.programs import OURS
from tests.servers import throwaway_home

pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]

PYTHONS = os.environ.get("PYTHONS", sys.executable).split()
EXAMPLES = [DOCS / "examples" / name for name in ("publish.py", "transaction.py", "send_task.py")]
CONSUMER = """
from uuid import UUID

from db import AudioTrack, DatabasePool, SearchHit, TrackStatus, get_audio_metadata_by_id, search_audio_tracks


def first(pool: DatabasePool, query: str) -> SearchHit | None:
    with pool.transaction() as conn:
        hits = search_audio_tracks(conn, query, limit=1)
        return hits[0] if hits else None


def seconds(pool: DatabasePool, audio_id: UUID) -> float | None:
    with pool.get_connection() as conn:
        track: AudioTrack | None = get_audio_metadata_by_id(conn, audio_id)
    return track.duration if track and track.status is TrackStatus.COMPLETED else None
"""
WRONG = CONSUMER.replace("-> float | None", "-> str")


def run(*command, environment=None, cwd=None):
    done = subprocess.run(command, env=environment, cwd=cwd, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, f"{' '.join(map(str, command))}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    directory = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(directory), str(ROOT))
    (built,) = directory.glob("*.whl")
    return built


@pytest.fixture(scope="module", params=PYTHONS)
def environment(request, wheel, tmp_path_factory):
    """The environment variables of a shell in which the wheel, and nothing of ours besides, is installed."""
    directory = tmp_path_factory.mktemp("venv")
    run(request.param, "-m", "venv", str(directory))
    install = (str(directory / "bin" / "pip"), "install", "--quiet", "--constraint", str(ROOT / "constraints.txt"))
    run(*install, f"{wheel}[embedded]")
    clean = {name: value for name, value in os.environ.items() if name not in {*OURS, "PYTHONPATH", "VIRTUAL_ENV"}}
    return clean | {
        "PATH": f"{directory / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "LOG_FORMAT": "console",
        "COLUMNS": "120",
    }


def test_the_wheel_has_what_is_needed_and_nothing_else(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    assert {"db/py.typed", "worker/py.typed", "worker/samples.jsonl", "db/migrations/0001_tracks.sql"} <= set(names)
    assert any(re.fullmatch(r"tonearm-[\d.]+\.dist-info/licenses/LICENSE", name) for name in names)
    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == {"db", "worker"}
    assert [name for name in names if "__pycache__" in name or name.endswith(".rollback.sql.py")] == []


def test_a_new_user_gets_through_the_documents_from_top_to_bottom(environment, wait_until):
    with throwaway_home() as home:
        page = Page(home, environment | {"TONEARM_HOME": str(home / "home")}, wait_until, python="python")
        try:
            page.read(DOCS / "quickstart.md")  # from here on `tonearm up` runs
            page.environment |= json.loads(run("tonearm", "env", "--json", environment=page.environment))
            page.forget()
            for document in sorted(DOCS.glob("*.md")):
                if document.name != "quickstart.md":
                    page.read(document)
                    page.forget()
        finally:
            page.close()


def test_the_dependencies_agree(environment):
    assert "No broken requirements" in run("pip", "check", environment=environment)


def test_a_users_type_checker_knows_our_types(environment, tmp_path):
    constraints = ("--constraint", str(ROOT / "constraints.txt"))
    run("pip", "install", "--quiet", *constraints, "mypy", "types-psycopg2", environment=environment)
    for name, text in {"consumer.py": CONSUMER, "wrong.py": WRONG}.items():
        (tmp_path / name).write_text(text)
    strict = ("mypy", "--strict", "--no-error-summary")
    assert run(*strict, "consumer.py", environment=environment, cwd=tmp_path) == ""
    examples = [path for path in EXAMPLES if path.name != "send_task.py"]
    assert run(*strict, *map(str, examples), environment=environment, cwd=tmp_path) == ""
    wrong = subprocess.run(
        [*strict, "wrong.py"], env=environment, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert "Incompatible return value type" in wrong.stdout
