"""``tonearm env``: where the servers are, for other programs."""

import shlex
from typing import Annotated

import typer

from worker.cli.output import print_json
from worker.settings import Settings


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("env")(env)


def env(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of shell commands.")] = False,
) -> None:
    """Print the addresses of the database and the broker, passwords and all, as the shell's export commands.

    So that programs which are not Tonearm's find the embedded servers of `tonearm up`, too.

    Example: eval "$(tonearm env)"
    """
    settings = Settings()
    addresses = {"DATABASE_URL": settings.database(), "BROKER_URL": settings.broker()}
    if as_json:
        print_json(addresses)
        return
    for name, url in addresses.items():
        print(f"export {name}={shlex.quote(url)}")
