"""The documentation site builds without a warning and has everything that is public."""

import os
import re
import subprocess
import sys

import pytest

import db
from tests.documents.blocks import DOCS, ROOT


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    directory = tmp_path_factory.mktemp("site")
    built = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(directory)],
        cwd=ROOT,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    assert "WARNING" not in built.stderr
    return directory


def test_every_document_is_a_page(site):
    assert {page.stem for page in site.glob("*.html")} == {page.stem for page in DOCS.glob("*.md")} | {"404"}


def test_everything_public_is_in_the_reference(site):
    reference = (site / "api.html").read_text(encoding="utf-8")
    public = {f"db.{name}" for name in db.__all__} | {"worker.publisher.Publisher.publish", "db.AudioTrack.duration"}
    assert {name for name in public if f'id="{name}"' not in reference} == set()


def test_diagrams_are_left_to_mermaid(site):
    assert '<pre class="mermaid"><code>stateDiagram-v2' in (site / "architecture.html").read_text(encoding="utf-8")


def test_no_page_loads_anything_from_elsewhere(site):
    loading = re.compile(
        r"<(?:script|img|iframe)[^>]+src=\"?https?:|<link[^>]+rel=\"?(?:stylesheet|preconnect)[^>]+https?:"
    )
    assert {page.name for page in site.glob("*.html") if loading.search(page.read_text(encoding="utf-8"))} == set()
