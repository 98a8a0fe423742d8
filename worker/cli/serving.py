"""``tonearm up``, ``tonearm migrate`` and ``tonearm demo``: the commands that start something."""

import os
import sys
from contextlib import ExitStack
from typing import Annotated

import typer

from db.migrate import migrate as apply_migrations
from worker.cli.demo import demo
from worker.cli.output import console, errors
from worker.embedded import start_broker, start_postgres
from worker.settings import Settings


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(demo)
    app.command()(up)
    app.command()(migrate)


def up(
    concurrency: Annotated[int, typer.Option("--concurrency", "-c", min=1, help="Worker processes.")] = 2,
) -> None:
    """Migrate and run a worker, with an embedded PostgreSQL and broker unless DATABASE_URL / BROKER_URL are set.

    Stop it with Ctrl-C: what is running is finished first.

    Example: tonearm up
    Example: DATABASE_URL=postgresql://… BROKER_URL=redis://… tonearm up --concurrency 4
    """
    settings = Settings()
    with ExitStack() as started:
        if not settings.names_database:
            postgres = started.enter_context(start_postgres(settings.tonearm_home))
            os.environ["DATABASE_URL"] = postgres.url
            errors.print(postgres.description, highlight=False, soft_wrap=True)
        if not settings.broker_url:
            broker = started.enter_context(start_broker(settings.tonearm_home))
            os.environ["BROKER_URL"] = broker.url
            errors.print(broker.description, highlight=False, soft_wrap=True)
        _migrate(Settings())
        from worker.app import app as celery  # noqa: PLC0415 - configured by what was just put into the environment

        try:
            celery.worker_main(["worker", "--concurrency", str(concurrency), "--loglevel", settings.log_level])
        except SystemExit as stopped:
            if stopped.code:
                raise


def migrate() -> None:
    """Apply the migrations that are not applied yet. Safe to run from many places at once.

    Example: tonearm migrate
    """
    if not _migrate(Settings()):
        console.print("nothing to do: the database is up to date")


def _migrate(settings: Settings) -> list[str]:
    applied = apply_migrations(settings.database())
    for name in applied:
        console.print(f"applied {name}", highlight=False)
    sys.stdout.flush()
    return applied
