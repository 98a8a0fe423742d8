"""The command lines of the documents that need Docker, as they are written, one after another in a clean clone."""

import subprocess
from pathlib import Path

import pytest

from tests.docker.project import compose_project
from tests.documents.blocks import DOCUMENTS, blocks

ROOT = Path(__file__).parents[2]


def ours(document):
    return [block for block in blocks(document) if (block.said or "").startswith("needs Docker")]


@pytest.mark.parametrize("document", [path for path in DOCUMENTS if ours(path)], ids=lambda path: path.name)
def test_what_a_document_says_to_docker_works_as_written(document, tmp_path):
    with compose_project(tmp_path) as compose:
        (tmp_path / ".env").unlink()
        for block in ours(document):
            (tmp_path / "block.sh").write_text(block.text)
            # On a terminal, as those who read it are; nobody types anything.
            done = subprocess.run(
                ["script", "--quiet", "--return", "--command", "bash -eu -o pipefail block.sh", "/dev/null"],
                cwd=tmp_path, env=compose.environment, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                check=False, timeout=300,
            )  # fmt: skip
            assert done.returncode == 0, f"{block}: {done.stdout[-2000:]}"
