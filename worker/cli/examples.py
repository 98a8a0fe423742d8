"""What ``--help`` shows below the options: the examples, which stand in the commands' docstrings as ``Example: …``."""

import inspect
import re

import typer
from rich.markup import escape

_EXAMPLE = re.compile(r"^Example: (.+)$", re.MULTILINE)


def examples_of(docstring: str) -> list[str]:
    """Return the command lines that a docstring gives as examples."""
    return _EXAMPLE.findall(inspect.cleandoc(docstring))


def show_examples(app: typer.Typer) -> None:
    """Move the examples of all commands from their descriptions to where help shows them line by line."""
    for command in app.registered_commands:
        docstring = inspect.cleandoc((command.callback and command.callback.__doc__) or "")
        if examples := examples_of(docstring):
            command.help = _EXAMPLE.sub("", docstring).strip()
            lines = (f"[cyan]$[/] {escape(example)}" for example in examples)
            command.epilog = "\n".join(["[bold]Examples[/]", *lines])
    for group in app.registered_groups:
        if group.typer_instance:
            show_examples(group.typer_instance)
