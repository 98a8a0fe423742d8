"""Prometheus itself reads the alert rules and the configuration."""

import shutil
import subprocess
from pathlib import Path

import pytest

DIRECTORY = Path(__file__).parents[2] / "deploy" / "prometheus"


@pytest.mark.parametrize(("kind", "file"), [("rules", "alerts.yml"), ("config", "prometheus.yml")])
def test_promtool_has_nothing_to_say_against(kind, file):
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("there is no promtool: install Debian's package prometheus")
    done = subprocess.run([promtool, "check", kind, DIRECTORY / file], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "SUCCESS" in done.stdout
