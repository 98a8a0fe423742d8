"""An upgrade in containers by the commands of docs/operations.md, while an old upload service goes on."""

import json

from tests.docker.project import clean_copy, compose_project, nothing_lost, published_by
from tests.versions import version_before


def test_the_documented_upgrade_loses_nothing_and_all_is_healthy_afterwards(tmp_path, wait_until):
    with compose_project(tmp_path, version_before) as compose:
        compose.up()
        upload = compose.upload()
        wait_until(lambda: int(compose.ask("SELECT count(*) FROM audio_events")[0]) > 50, timeout=60)
        clean_copy(tmp_path)
        compose.run("build")
        migrated = compose.run("run", "--rm", "-T", "migrate").stdout
        assert "applied" in migrated
        compose.up()
        before = int(compose.ask("SELECT count(*) FROM audio_events")[0])
        wait_until(lambda: int(compose.ask("SELECT count(*) FROM audio_events")[0]) > before + 50, timeout=60)
        nothing_lost(compose, published_by(upload), wait_until)
        compose.tonearm("reindex")
        findings = json.loads(compose.tonearm("doctor", "--json").stdout)["findings"]
        assert {finding["level"] for finding in findings} == {"ok"}
