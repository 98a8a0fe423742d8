"""What the documents show runs: their Python, their shell lines, their JSON, in order, page by page.

A block that is neither run nor marked (see blocks.py) fails. Between two blocks everything that was published is
applied: a reader is slower than a worker.
"""

import os
import sys
from pathlib import Path

import pytest

from db import close_pool
from tests.documents.blocks import DOCUMENTS, ROOT, blocks, quoted
from tests.documents.page import Page, printed_as_shown

IN_CHECKOUT = {"README.md", "CONTRIBUTING.md"}
"""Documents whose readers stand in a checkout; the others may have only the wheel."""
WITHOUT_SERVERS = {"quickstart.md"}
"""Documents that begin before there is any server."""
SHOWN = {"text", "mermaid"}
RUN = {"python", "sh", "json"}
NAMES = [str(document.relative_to(ROOT)) for document in DOCUMENTS]


@pytest.fixture
def page(request, running, tmp_path, wait_until, monkeypatch):
    document = ROOT / request.param
    servers = {"TONEARM_HOME": str(tmp_path / "home"), "LOG_FORMAT": "console", "COLUMNS": "120"}
    if document.name not in WITHOUT_SERVERS:
        servers |= {"DATABASE_URL": running.database_url, "BROKER_URL": running.broker_url}
    for name, value in servers.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    directory = ROOT if document.name in IN_CHECKOUT else tmp_path
    opened = Page(directory, dict(os.environ), wait_until)
    yield opened
    close_pool()
    opened.close()


@pytest.mark.parametrize("name", NAMES)
def test_every_block_is_run_or_says_why_not(name):
    loose = [
        f"{block}: ```{block.language}"
        for block in blocks(ROOT / name)
        if block.language not in SHOWN | RUN and block.mark != "file" and not (block.mark == "not run" and block.said)
    ]
    assert loose == []
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


def to_run(name):
    return [block for block in blocks(ROOT / name) if block.mark in {None, "prints"} and block.language != "mermaid"]


@pytest.mark.parametrize(
    ("name", "page"),
    [(name, name) for name in NAMES if any(block.language in RUN for block in to_run(name))],
    indirect=["page"],
    ids=lambda name: name,
)
def test_what_a_document_shows_runs(name, page, wait_until):
    for block in to_run(name):
        if block.mark == "prints":
            assert printed_as_shown(block.text).search(page.printed), f"{block}: printed was\n{page.printed}"
        elif block.language in RUN:
            page.run(block)
            wait_until(page.is_settled, timeout=20, message=f"{block}: its events are not applied")
