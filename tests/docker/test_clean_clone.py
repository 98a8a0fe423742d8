"""What the product promises of its compose file: copied and started as it is, and nothing that dies loses an event."""

import json
import subprocess
from uuid import uuid4

import pytest

from tests.docker.project import compose_project, nothing_lost, published_by


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
    upload = compose.upload()

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
    published = published_by(upload)
    assert len(published) > 200

    nothing_lost(compose, published, wait_until)
