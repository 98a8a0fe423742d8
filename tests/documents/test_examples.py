"""The examples for upload services, run as they are: real PostgreSQL, real broker, real worker, until COMPLETED."""

import json
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"

needs_node = pytest.mark.skipif(
    not (shutil.which("node") and shutil.which("npm")), reason="needs the programs node and npm, which are not here"
)


def run(running, *command, cwd):
    done = subprocess.run(
        command, cwd=cwd, env=running.programs.environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def become_completed(running, wait_until, audio_id):
    wait_until(lambda: running.status(audio_id) == ["COMPLETED"], timeout=20)
    (row,) = running.query("SELECT artist, title, year FROM audio_tracks WHERE id = %s", audio_id)
    return row


@pytest.mark.parametrize(
    ("example", "expected"),
    [("publish.py", ("Björk", "Jóga", 1997)), ("send_task.py", ("Björk", "Army of Me", 1995))],
)
def test_a_program_that_publishes_makes_a_completed_track(running, wait_until, tmp_path, example, expected):
    audio_id = run(running, sys.executable, str(EXAMPLES / example), cwd=tmp_path)
    assert become_completed(running, wait_until, audio_id) == expected


def test_the_example_with_bare_celery_imports_nothing_of_ours():
    text = (EXAMPLES / "send_task.py").read_text(encoding="utf-8")
    assert "worker" not in text
    assert "import db" not in text


@needs_node
def test_node_sends_the_message_itself(running, wait_until, tmp_path):
    shutil.copy(EXAMPLES / "send.mjs", tmp_path)
    run(running, "npm", "install", "--no-audit", "--no-fund", "--no-package-lock", "ioredis@>=5.4", cwd=tmp_path)
    audio_id = run(running, "node", "send.mjs", cwd=tmp_path)
    assert become_completed(running, wait_until, audio_id) == ("Björk", "Possibly Maybe", 1995)


def test_an_upload_and_its_event_are_committed_together_or_not_at_all(running, wait_until, tmp_path):
    published = run(running, sys.executable, str(EXAMPLES / "transaction.py"), cwd=tmp_path)
    assert become_completed(running, wait_until, published) == (None, "Hyperballad", None)
    assert running.query("SELECT audio_id::text, path FROM uploads") == [(published, "gs://bucket/hyperballad.mp3")]
    late = "gs://bucket/one-too-many.mp3"
    assert running.query("SELECT count(*) FROM audio_events WHERE payload ->> 'audio_path' = %s", late) == [(0,)]
    assert running.query("SELECT count(*) FROM audio_tracks WHERE audio_path = %s", late) == [(0,)]


@contextmanager
def serving(running, port, log):
    command = [sys.executable, "-m", "uvicorn", "web:app", "--port", str(port), "--log-level", "warning"]
    with log.open("wb") as output:
        server = subprocess.Popen(command, cwd=EXAMPLES, env=running.programs.environment, stdout=output, stderr=output)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(20)


def post(url, body):
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)
    except OSError:
        return None


def test_a_web_request_publishes_and_the_same_request_again_changes_nothing(running, wait_until, tmp_path, unused_port):
    upload = {
        "audio_id": str(uuid4()),
        "occurred_at": "2026-11-01T12:00:00Z",
        "audio_path": "gs://bucket/unravel.opus",
        "metadata": {"artist": "Björk", "title": "Unravel", "year": 1997},
    }
    with serving(running, unused_port, tmp_path / "web.log") as url:
        status, first = wait_until(lambda: post(f"{url}/uploads", upload), timeout=20)
        assert (status, first["duplicate"]) == (202, False)
        assert post(f"{url}/uploads", upload) == (202, {"event_id": first["event_id"], "duplicate": True})
        status, refused = post(f"{url}/uploads", upload | {"audio_path": "no scheme"})
        assert status == 422
        assert "audio_path" in refused["detail"]
        assert become_completed(running, wait_until, upload["audio_id"]) == ("Björk", "Unravel", 1997)
    assert (tmp_path / "web.log").read_text() == ""
