"""For whoever runs it: ``health``, ``doctor``, ``prune``."""

import sys
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from db.pool import DatabasePool
from db.write.pruning import prune as pruned_step_by_step
from worker.cli.ages import age
from worker.cli.output import AsJson, console, errors, print_json, table
from worker.doctor import examine
from worker.health import check_health
from worker.settings import Settings


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    app.command()(health)
    app.command()(doctor)
    app.command()(prune)


def health(*, as_json: AsJson = False) -> None:
    """Exit 0 only if this machine's worker loop, the database and the broker answer: for container probes.

    Example: tonearm health
    """
    checks = check_health(Settings())
    well = all(check.healthy for check in checks)
    if as_json:
        print_json({"healthy": well, "checks": [check._asdict() for check in checks]})
    else:
        for check in checks:
            console.print(f"{'ok     ' if check.healthy else 'FAILING'} {check.name}: {check.detail}", markup=False)
    sys.exit(0 if well else 1)


def doctor(*, as_json: AsJson = False) -> None:
    """Look for what would go wrong later: settings, database, broker. Exits 1 if there is a problem.

    Example: tonearm doctor
    """
    findings = examine(Settings())
    problems = [finding for finding in findings if finding.level == "problem"]
    if as_json:
        print_json({"healthy": not problems, "findings": [finding._asdict() for finding in findings]})
    else:
        table(("about", "", "found", "what to do"), (tuple(finding) for finding in findings))
    sys.exit(1 if problems else 0)


def prune(
    *,
    older_than: Annotated[timedelta, typer.Option(parser=age, metavar="AGE", help="36h, 90d, 12w …")],
    as_json: AsJson = False,
) -> None:
    """Forget settled events and old history. Open events, and tracks that are not COMPLETED, are left alone.

    Example: tonearm prune --older-than 90d
    """
    try:
        before = datetime.now(UTC) - older_than
    except OverflowError as error:
        raise typer.BadParameter("--older-than: that is longer than there has been time") from error
    removed = {"events": 0, "history": 0}
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("blocks"))
    pool = DatabasePool(Settings().database(), min_size=0, max_size=1, statement_timeout=300)
    try:
        with Progress(*columns, console=errors, transient=True) as progress:
            tasks = {name: progress.add_task(name, total=None) for name in removed}
            for step in pruned_step_by_step(pool, before):
                removed[step.table] += step.rows
                progress.update(tasks[step.table], completed=step.done, total=step.blocks)
    finally:
        pool.close()
    if as_json:
        print_json({"before": before, "removed": removed})
    else:
        console.print(f"removed {removed['events']} settled events and {removed['history']} lines of history")
