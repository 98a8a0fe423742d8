"""Commands that the documents name in running text exist, with the options named."""

import re

import pytest
import typer

from tests.documents.blocks import DOCUMENTS, ROOT
from worker.cli import command_line

INLINE = re.compile(r"`((?:tonearm|make)\s[^`]+)`")
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
TONEARM = typer.main.get_command(command_line())


def named():
    for document in DOCUMENTS:
        prose = re.sub(r"^```.*?^```$", "", document.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
        for match in INLINE.finditer(prose):
            yield pytest.param(match[1].split(), id=f"{document.name}: {' '.join(match[1].split())}")


def fault_of(words):
    """Say what is wrong with a command line of ``tonearm``, or None."""
    command = TONEARM
    for word in words[1:]:
        name = word.split("=")[0].rstrip(",.")
        if word.startswith("-") and word != "-":
            known = {option for parameter in command.params for option in parameter.opts}
            if name not in known | {"--help", "-h"}:
                return f"{command.name} has no option {name}"
        elif subcommands := getattr(command, "commands", None):
            if name not in subcommands:
                return f"there is no command {name}"
            command = subcommands[name]
    return None


@pytest.mark.parametrize("words", list(named()))
def test_a_command_that_a_document_names_exists(words):
    if words[0] == "make":
        assert words[1] in TARGETS
    else:
        assert fault_of(words) is None


@pytest.mark.parametrize("line", ["tonearm serch x", "tonearm search --fuzy x", "tonearm rejected lost"])
def test_a_command_that_does_not_exist_is_noticed(line):
    assert fault_of(line.split())
