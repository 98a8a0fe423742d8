"""The version before this one, for tests of upgrades."""

import os
import subprocess
import tarfile
from io import BytesIO
from pathlib import Path

import pytest

from db.migrate import migrations_dir

ROOT = Path(__file__).parents[1]


def version_before(directory: Path) -> Path:
    """Put the code of ``UPGRADE_FROM``, else of the last commit that lacks the newest migration, into a directory."""
    if not (ROOT / ".git").exists():
        pytest.skip("this is no clone: there is no version before")
    newest = max(path.name for path in migrations_dir().glob("*.sql") if not path.name.endswith(".rollback.sql"))
    commit = os.environ.get("UPGRADE_FROM")
    if not commit:
        added = _git("log", "--diff-filter=A", "--format=%H", "-1", "--", f"migrations/{newest}").decode().strip()
        commit = f"{added}^"
    with tarfile.open(fileobj=BytesIO(_git("archive", commit))) as archive:
        archive.extractall(directory, filter="data")
    print(f"from {_git('log', '-1', '--format=%h %s', commit).decode().strip()}")  # noqa: T201 - which one it was
    return directory


def _git(*arguments: str) -> bytes:
    return subprocess.run(["git", "-C", str(ROOT), *arguments], check=True, capture_output=True).stdout
