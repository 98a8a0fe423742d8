"""What the product promises of its compose file: copied and started as it is, and nothing that dies loses an event."""

import json
import subprocess
from uuid import uuid4

import pytest

from tests.docker.project import compose_project

# An upload service: it publishes until its standard input ends, and again what was not accepted.
UPLOADING = """
import select, sys, time, uuid
from db.errors import MusicLibraryError
from worker.publisher import Publisher
with Publisher() as publisher:
    while not select.select([sys.stdin], [], [], 0.02)[0]:
        event = {"event_id": str(uuid.uuid4()), "audio_id": str(uuid.uuid4()), "audio_path": "gs://b/a.mp3",
                 "metadata": {"title": "Jóga"}}
        while True:
            try:
                assert publisher.publish(event).stored
                break
            except MusicLibraryError:
                time.sleep(0.2)
        print("published", event["event_id"], flush=True)
"""


@pytest.fixture(scope="module")
def compose(tmp_path_factory):
    with compose_project(tmp_path_factory.mktemp("clone")) as project:
        yield project


def health(compose):
    return {
        one["Config"]["Labels"]["com.docker.compose.service"]: one["State"]["Health"]["Status"]
        for one in compose.containers()
    }


def test_it_starts_from_a_clean_clone_with_the_example_settings_and_finds_what_is_published(compose, wait_until):
    compose.run("up", "--detach", "--wait")
    assert health(compose) == dict.fromkeys(["postgres", "redis", "worker", "flower"], "healthy")
    event = {"audio_id": str(uuid4()), "audio_path": "gs://b/a.mp3", "metadata": {"title": "Jóga", "artist": "Björk"}}
    compose.tonearm("publish", "-", stdin=json.dumps(event))
    found = wait_until(
        lambda: json.loads(compose.tonearm("search", "bjork", "joga", "--json").stdout)["hits"], timeout=20
    )
    assert [hit["id"] for hit in found] == [event["audio_id"]]


def test_killing_each_container_in_turn_while_events_are_published_loses_none(compose, wait_until):
    """Nothing is applied twice either; the leases are those of the example, a minute."""
    upload = compose.command("run", "--rm", "-T", "--no-deps", "--interactive", "worker", "python3", "-c", UPLOADING)

    def stored():
        return int(compose.ask("SELECT count(*) FROM audio_events")[0])

    wait_until(lambda: stored() > 50, timeout=60)
    for service in ("worker", "redis", "postgres", "flower"):
        victim = compose.container(service)
        subprocess.run(["docker", "kill", victim], check=True, capture_output=True)
        subprocess.run(["docker", "start", victim], check=True, capture_output=True)
        wait_until(lambda: set(health(compose).values()) == {"healthy"}, timeout=90)
        before = stored()
        wait_until(lambda before=before: stored() > before + 50, timeout=60)
    out, _ = upload.communicate("", timeout=60)
    assert upload.returncode == 0, out
    published = {line.split()[1] for line in out.splitlines() if line.startswith("published")}
    assert len(published) > 200

    wait_until(lambda: compose.ask("SELECT 1 FROM audio_events WHERE settled_at IS NULL LIMIT 1") == [], timeout=90)
    applied = compose.ask(
        """SELECT event_id FROM audio_track_history WHERE to_status = 'COMPLETED' AND from_status = 'PROCESSING'
           GROUP BY event_id HAVING count(*) = 1"""
    )
    assert published <= set(applied)
    assert compose.ask("SELECT count(*) FROM audio_tracks WHERE status <> 'COMPLETED'") == ["0"]
