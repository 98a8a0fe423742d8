"""What the documents show runs: their Python, their shell lines, their JSON, in order, page by page.

A block that is neither run nor marked (see blocks.py) fails. Between two blocks everything that was published is
applied: a reader is slower than a worker.
"""

import os
import re
import sys
from pathlib import Path

import pytest

from tests.documents.blocks import DOCUMENTS, ROOT, blocks, quoted
from tests.documents.page import RUN, Page, to_run

IN_CHECKOUT = {"README.md", "CONTRIBUTING.md"}
"""Documents whose readers stand in a checkout; the others may have only the wheel."""
WITHOUT_SERVERS = {"quickstart.md"}
"""Documents that begin before there is any server."""
SHOWN = {"text", "mermaid"}
NAMES = [str(document.relative_to(ROOT)) for document in DOCUMENTS]


@pytest.fixture
def page(request, running, tmp_path, wait_until):
    document = ROOT / request.param
    environment = running.programs.environment | {
        "TONEARM_HOME": str(tmp_path / "home"),
        "LOG_FORMAT": "console",
        "COLUMNS": "120",
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    if document.name in WITHOUT_SERVERS:
        del environment["DATABASE_URL"], environment["BROKER_URL"]
    opened = Page(ROOT if document.name in IN_CHECKOUT else tmp_path, environment, wait_until)
    yield opened
    opened.close()


@pytest.mark.parametrize("name", NAMES)
def test_every_block_is_run_or_says_why_not(name):
    loose = [
        f"{block}: ```{block.language}"
        for block in blocks(ROOT / name)
        if block.language not in SHOWN | RUN and block.mark != "file" and not (block.mark == "not run" and block.said)
    ]
    assert loose == []
    reasons = " ".join(block.said or "" for block in blocks(ROOT / name))
    assert [path for path in re.findall(r"tests/[\w/.]+", reasons) if not (ROOT / path).exists()] == []
    fences = [
        line for line in (ROOT / name).read_text(encoding="utf-8").splitlines() if line.lstrip().startswith("```")
    ]
    assert len(fences) == 2 * len(list(blocks(ROOT / name))), "a fence is indented, or says more than its language"


@pytest.mark.parametrize("name", NAMES)
def test_a_quoted_file_is_quoted_word_for_word(name):
    document = ROOT / name
    assert quoted(document) == document.read_text(encoding="utf-8"), "run: make docs-reference"
    for block in blocks(document):
        if block.mark == "file":
            assert (ROOT / "docs" / block.said).is_file()


@pytest.mark.parametrize(
    ("name", "page"),
    [(name, name) for name in NAMES if any(block.language in RUN for block in to_run(ROOT / name))],
    indirect=["page"],
    ids=lambda name: name,
)
def test_what_a_document_shows_runs(name, page):
    page.read(ROOT / name)
