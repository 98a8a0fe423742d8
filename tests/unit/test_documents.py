"""The documents say what the code does."""

import re
from pathlib import Path

import pytest

from worker.cli.demo import sample_lines
from worker.events import parse_json
from worker.reference import settings_table

ROOT = Path(__file__).parents[2]
DOCUMENTS = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]


@pytest.mark.parametrize("document", ["README.md", "docs/operations.md"])
def test_the_table_of_settings_is_that_of_the_settings_class(document):
    assert settings_table() in (ROOT / document).read_text(encoding="utf-8"), "run: make docs-reference"


def test_every_sample_event_is_valid_needs_no_cleaning_and_is_a_track_of_its_own():
    events = [parse_json(line) for line in sample_lines()]
    assert len({event.audio_id for event in events}) == len({event.event_id for event in events}) == len(events) == 86
    assert [event.notes for event in events if event.notes] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_what_a_document_links_to_is_there(document):
    links = re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", document.read_text(encoding="utf-8"))
    missing = [link for link in links if "://" not in link and not (document.parent / link).exists()]
    assert missing == []
