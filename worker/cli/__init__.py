"""The ``tonearm`` command.

Exit codes: 0 done, 1 some of the input was refused, 2 wrong usage, 3 a service cannot be reached.
"""

import importlib
import importlib.metadata
import sys
from collections.abc import Sequence
from typing import Annotated, Final, NoReturn

import pydantic
import typer
from kombu.exceptions import OperationalError

from db.dsn import redacted
from db.errors import DatabaseOperationError, MusicLibraryError, ValidationError
from worker.cli.examples import show_examples
from worker.cli.output import fail
from worker.cli.pipes import end_quietly_with_the_reader
from worker.embedded import EmbeddedError
from worker.settings import ServiceNotConfiguredError, Settings
from worker.telemetry import configure_logging

REFUSED, USAGE, UNREACHABLE, INTERRUPTED = 1, 2, 3, 130

_COMMANDS: Final = {
    "serving": ("demo", "up", "migrate"),
    "addresses": ("env",),
    "publishing": ("publish",),
    "scanning": ("scan",),
    "searching": ("search",),
    "showing": ("show",),
    "listing": ("list",),
    "status": ("status",),
    "tailing": ("tail",),
    "operating": ("health", "doctor", "prune"),
    "recovering": ("retry", "sweep", "rejected"),
    "reconciling": ("reconcile",),
    "reindexing": ("reindex",),
}
"""This package's modules, and the commands that each of them has."""


def command_line(words: Sequence[str] = ()) -> typer.Typer:
    """Return the command line: all of it, or only the module of the command that ``words`` begin with.

    Somebody who searches should not wait for Celery to be imported.
    """
    asked = [module for module, names in _COMMANDS.items() if words and words[0] in names]
    app = typer.Typer(
        help="Turns audio-processed events into a searchable catalogue: nothing lost, nothing applied twice.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_options)
    for module in asked or _COMMANDS:
        importlib.import_module(f"worker.cli.{module}").register(app)
    show_examples(app)
    return app


def _version(wanted: bool) -> None:  # noqa: FBT001 - a typer callback takes its option's value
    if wanted:
        print(f"tonearm {importlib.metadata.version('tonearm')}")
        raise typer.Exit


def _options(
    version: Annotated[  # noqa: ARG001 - its callback does it
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    # A command's output is its own; what is logged on the way goes to standard error, from warnings up.
    configure_logging(Settings(), least="WARNING")


def main() -> NoReturn:
    """Run the command line and exit: one clear line for whatever goes wrong, no traceback."""
    end_quietly_with_the_reader()
    try:
        _run()
    finally:
        sys.stdout.flush()  # here a reader that is gone is no trouble yet; at the interpreter's exit it would be


def _run() -> NoReturn:
    try:
        command_line(sys.argv[1:])()
    except ServiceNotConfiguredError as error:
        fail(str(error), UNREACHABLE)
    except ValidationError as error:
        fail(str(error), USAGE)
    except pydantic.ValidationError as error:
        fail(_settings_fault(error), USAGE)
    except DatabaseOperationError as error:
        fail(_database_fault(error), UNREACHABLE)
    except MusicLibraryError as error:
        fail(redacted(str(error)), REFUSED)
    except OperationalError as error:
        fail(f"the broker cannot be reached: {redacted(str(error))}; set BROKER_URL or start the broker", UNREACHABLE)
    except EmbeddedError as error:
        fail(str(error), UNREACHABLE)
    except KeyboardInterrupt:
        fail("interrupted", INTERRUPTED)
    sys.exit(0)


def _settings_fault(error: pydantic.ValidationError) -> str:
    faults = [f"{'.'.join(map(str, fault['loc'])).upper()}: {fault['msg']}" for fault in error.errors()]
    return "; ".join(faults)


def _database_fault(error: DatabaseOperationError) -> str:
    if error.retryable:
        return f"{redacted(str(error))}; check DATABASE_URL and that PostgreSQL is running"
    return redacted(str(error))
