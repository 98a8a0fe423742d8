"""The lock files: what the image installs, and nothing else, with the hash of every file."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PIN = re.compile(r"^([A-Za-z0-9._-]+)==(\S+) \\\n((?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)", re.MULTILINE)


def normal(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def pins(lock):
    text = (ROOT / lock).read_text()
    found = {normal(name): version for name, version, _ in PIN.findall(text)}
    assert PIN.sub("", text).count("\n") == 1, "something but the first line is no pin with hashes: run make lock"
    return found


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-build.lock"])
def test_the_locked_versions_are_those_of_the_constraints(lock):
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    tested = {normal(name): version for name, _, version in (line.partition("==") for line in lines) if version}
    differing = {name: version for name, version in pins(lock).items() if tested.get(name, version) != version}
    assert differing == {}, "run make lock"


def test_every_dependency_is_locked():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    names = {normal(re.match(r"[A-Za-z0-9._-]+", one).group()) for one in project["dependencies"]}
    assert names - set(pins("requirements.lock")) == set()
    assert "hatchling" in pins("requirements-build.lock")
