"""What Flower shows of attempts that fail: on its API, and on its page in a real browser."""

import json
import re
import shutil
import subprocess
import urllib.request
from base64 import b64encode
from uuid import uuid4

import pytest

from tests.docker.project import compose_project

# Tracks named so are what a defect of ours, and data that PostgreSQL refuses, would be.
FAULTS = """
CREATE FUNCTION fault() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF NEW.title = 'unexpected' THEN RAISE 'out of order' USING ERRCODE = 'XX000'; END IF;
    IF NEW.title = 'permanent' THEN RAISE 'no such data' USING ERRCODE = '22000'; END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER zz_fault BEFORE UPDATE ON audio_tracks FOR EACH ROW EXECUTE FUNCTION fault();
"""


@pytest.fixture(scope="module")
def compose(tmp_path_factory):
    with compose_project(tmp_path_factory.mktemp("flower"), MAX_ATTEMPTS="3") as project:
        project.up()
        project.ask(FAULTS)
        yield project


@pytest.fixture(scope="module")
def tasks(compose):
    token = b64encode(f"tonearm:{compose.secret('flower', 'flower_password')}".encode()).decode()

    def ask():
        """Flower's tasks, by the event that each of them carries."""
        request = urllib.request.Request(f"{compose.flower}/api/tasks", headers={"Authorization": f"Basic {token}"})
        with urllib.request.urlopen(request, timeout=10) as answer:
            return list(json.loads(answer.read()).values())

    return ask


def publish(compose, title):
    event = {"audio_id": str(uuid4()), "audio_path": "gs://b/a.mp3", "metadata": {"title": title}}
    compose.tonearm("publish", "-", stdin=json.dumps(event))
    return event["audio_id"]


def test_an_attempt_that_will_be_repeated_is_shown_as_retry_and_the_last_one_as_failure(compose, tasks, wait_until):
    track = publish(compose, "unexpected")

    def shown(state):
        return [task for task in tasks() if track in (task["args"] or "") and task["state"] == state]

    retried = wait_until(lambda: shown("RETRY"), timeout=30)[0]
    assert re.search(r"AttemptFailedError.*attempt [12]: database_error", retried["exception"])
    # The sweeper may have sent a message of its own for the last attempt.
    wait_until(
        lambda: [task for task in shown("FAILURE") if "attempt 3: database_error" in task["exception"]], timeout=60
    )
    assert {task["name"] for task in shown("FAILURE")} == {"audio.processed"}
    shown_by_us = json.loads(compose.tonearm("show", track, "--json").stdout)
    assert shown_by_us["track"]["status"] == "FAILED"
    assert shown_by_us["track"]["retry_count"] == 3


def test_data_that_can_never_be_stored_is_shown_as_failure_at_once(compose, tasks, wait_until):
    track = publish(compose, "permanent")
    (failed,) = wait_until(
        lambda: [task for task in tasks() if track in (task["args"] or "") and task["state"] == "FAILURE"], timeout=30
    )
    assert "attempt 1: invalid_data: " in failed["exception"]


def test_the_page_shows_failure_and_success_in_a_real_browser(compose, tmp_path, wait_until):
    browser = shutil.which("chromium") or shutil.which("chromium-browser")
    if browser is None:
        pytest.skip("there is no chromium: install Debian's package of that name")
    publish(compose, "permanent")
    publish(compose, "Jóga")
    address = compose.flower.replace("http://", f"http://tonearm:{compose.secret('flower', 'flower_password')}@")
    command = [browser, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}"]

    def page():
        shown = subprocess.run(
            [*command, "--virtual-time-budget=8000", "--dump-dom", f"{address}/tasks"],
            capture_output=True, text=True, check=False, timeout=60,
        ).stdout  # fmt: skip
        return all(word in shown for word in ("audio.processed", "FAILURE", "SUCCESS"))

    wait_until(page, timeout=90)
