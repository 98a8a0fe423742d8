"""``tonearm reindex``: folds the catalogue anew after an upgrade, while everything goes on."""

from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from db.reindex_preview import preview_reindex
from db.write.reindex import reindex as run_reindex
from worker.cli.connect import writing
from worker.cli.output import AsJson, console, errors, print_json, table
from worker.settings import Settings


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(reindex)


def reindex(
    everything: Annotated[bool, typer.Option("--all", help="Fold every track anew, not only what is behind.")] = False,
    compare: Annotated[
        Path | None, typer.Option(help="Change nothing; show which queries in this file, one a line, would differ.")
    ] = None,
    batch: Annotated[int, typer.Option(min=1, max=10_000, help="Tracks in one transaction.")] = 500,
    as_json: AsJson = False,
) -> None:
    """Rebuild what searches read, online; what is stopped goes on where it was.

    Example: tonearm reindex
    Example: tonearm reindex --compare queries.txt
    """
    if compare is not None:
        _compare(compare, batch, as_json=as_json)
        return
    columns = (TextColumn("reindex"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with writing(Settings()) as conn, Progress(*columns, console=errors, transient=True) as bar:
        task = bar.add_task("reindex", total=None)
        done = run_reindex(
            conn,
            batch=batch,
            everything=everything,
            progress=lambda count, total: bar.update(task, completed=count, total=total),
        )
    if as_json:
        print_json({"reindexed": done})
    else:
        console.print(f"{done} tracks folded anew" if done else "nothing to do: the read model is up to date")


def _compare(file: Path, batch: int, *, as_json: bool) -> None:
    try:
        queries = [line.strip() for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise typer.BadParameter(f"{file}: {error}") from error
    with writing(Settings()) as conn:
        differences = preview_reindex(conn, queries, batch=batch)
    if as_json:
        print_json({"queries": len(queries), "differences": differences})
        return
    table(
        ("query", "now", "then"),
        ((each.query, next(iter(each.before), None), next(iter(each.after), None)) for each in differences),
    )
    console.print(f"{len(differences)} of {len(queries)} queries would be answered differently")
