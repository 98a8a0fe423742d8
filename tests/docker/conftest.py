"""Docker: asked for by `make test-docker`; without an engine the tests say why they do not run."""

import shutil
import subprocess

import pytest


def pytest_collection_modifyitems(items):
    ours = [item for item in items if "tests/docker" in item.path.as_posix()]
    reason = _why_not() if ours else None
    for item in ours:
        item.add_marker(pytest.mark.docker)
        item.add_marker(pytest.mark.timeout(600))
        if reason:
            item.add_marker(pytest.mark.skip(reason=reason))


def _why_not():
    if shutil.which("docker") is None:
        return "there is no docker command: install Docker to run these tests"
    asked = subprocess.run(["docker", "info", "--format", "{{.ServerVersion}}"], capture_output=True, check=False)
    if asked.returncode != 0:
        return f"no Docker engine answers: {asked.stderr.decode().strip().splitlines()[-1]}"
    asked = subprocess.run(["docker", "compose", "version"], capture_output=True, check=False)
    return None if asked.returncode == 0 else "docker has no compose plugin"
