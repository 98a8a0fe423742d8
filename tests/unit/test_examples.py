"""Every command's help has examples, and each of them is one that the command takes."""

import re
import shlex

import pytest
import typer.main

from worker.cli import _COMMANDS, command_line
from worker.cli.examples import examples_of

ROOT = typer.main.get_command(command_line())


def commands(group=ROOT, path=()):
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, (*path, name))
        else:
            yield (*path, name), command


COMMANDS = dict(commands())


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_example_is_a_command_line_that_is_understood(path):
    examples = examples_of(COMMANDS[path].callback.__doc__)
    assert examples, f"tonearm {' '.join(path)} --help shows no example"
    for example in examples:
        words = shlex.split(re.search(r"\btonearm ([^|)]*)", example)[1])
        assert tuple(words[: len(path)]) == path, example
        COMMANDS[path].make_context(path[-1], words[len(path) :])  # raises for what it does not take


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_examples_are_shown_apart_from_the_description(path):
    command = COMMANDS[path]
    assert "Example" not in command.help
    assert command.epilog.startswith("[bold]Examples[/]\n")


@pytest.mark.parametrize("module", _COMMANDS)
def test_the_table_of_commands_names_those_that_each_module_has(module):
    name = _COMMANDS[module][0]
    assert set(typer.main.get_command(command_line([name])).commands) == set(_COMMANDS[module])
