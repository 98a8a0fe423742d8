"""``tonearm scan``: the tags of real audio files, published."""

import os
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from worker.app import BACKFILL_QUEUE
from worker.cli.output import AsJson, console, errors, fail, print_json
from worker.scan.files import Fault, Walk, shown
from worker.scan.matching import Kind
from worker.scan.run import Options, Tally, scan
from worker.scan.thumbnails import thumbnails_directory
from worker.settings import Settings

_SHOWN = 20
_REFUSED, _USAGE, _INTERRUPTED = 1, 2, 130


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(name="scan")(scan_files)


def scan_files(
    paths: Annotated[list[str], typer.Argument(metavar="DIR…", help="Directories, or single files.")],
    as_json: AsJson = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be published; change nothing.")] = False,
    again: Annotated[
        bool, typer.Option("--again", help="Read every file and publish it, known or not: after a change of readers.")
    ] = False,
    thumbnails: Annotated[
        bool, typer.Option("--thumbnails", help="Write embedded pictures to TONEARM_HOME/thumbnails, too.")
    ] = False,
    backfill: Annotated[
        bool, typer.Option("--backfill", help="A mass import: workers apply what is published otherwise first.")
    ] = False,
    jobs: Annotated[
        int | None, typer.Option(min=1, max=64, help="How many files to read at a time; one for each CPU by default.")
    ] = None,
    time_limit: Annotated[
        float, typer.Option(min=1, max=86400, help="Seconds that reading a file's tags may take.")
    ] = 60.0,
) -> None:
    """Read the tags of audio files and publish an event for each that is new, changed or moved.

    Scanning again is no work: a file is recognised by its audio, wherever it is and however it is tagged.

    Files that cannot be read are listed with the reason, never stop a scan, and make it exit with 1.

    Example: tonearm scan ~/Music
    """
    roots = [_root(name) for name in paths]
    settings = Settings()
    options = Options(
        processes=jobs or min(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 4, 16),
        thumbnails=_writable(thumbnails_directory(settings.tonearm_home)) if thumbnails and not dry_run else None,
        again=again,
        dry_run=dry_run,
        time_limit=time_limit,
        queue=BACKFILL_QUEUE if backfill else None,
    )
    walk, tally = Walk(roots), Tally()
    try:
        _with_progress(roots, settings, options, walk, tally)
    except KeyboardInterrupt:
        fail(f"interrupted after {tally.done} files; what was published stays, run it again to go on", _INTERRUPTED)
    _report(tally, walk, options, as_json=as_json)
    if tally.unreadable:
        raise typer.Exit(_REFUSED)


def _root(name: str) -> Path:
    """Return a path that can be scanned, made absolute; a link that somebody named stays one."""
    if not name:
        fail("cannot read a directory without a name: is a variable empty?", _USAGE)
    root = Path(os.path.abspath(Path(name).expanduser()))  # noqa: PTH100 - ".." goes, links stay
    try:
        if root.stat() and root.is_dir():
            os.scandir(root).close()
        else:
            root.open("rb").close()
    except OSError as error:
        fail(f"cannot read {shown(Path(name))}: {error.strerror}", _USAGE)
    return root


def _writable(directory: Path) -> Path:
    try:
        if not directory.parent.is_dir():
            directory.parent.mkdir(mode=0o700, parents=True)  # the embedded servers may move in later
        directory.mkdir(exist_ok=True)
    except OSError as error:
        fail(f"cannot write thumbnails to {directory}: {error.strerror}; set TONEARM_HOME", _USAGE)
    return directory


def _with_progress(roots: list[Path], settings: Settings, options: Options, walk: Walk, tally: Tally) -> None:
    if not errors.is_terminal:
        scan(roots, settings, options, walk=walk, tally=tally)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("files"),
        TextColumn("{task.fields[rate]}/s"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=errors, transient=True) as progress:
        bar = progress.add_task("looking for files", total=None, rate="–")
        total = 0
        for total, _ in enumerate(Walk(roots), 1):
            progress.update(bar, completed=total)
        progress.update(bar, description="reading tags", completed=0, total=total)

        def update() -> None:
            elapsed = progress.tasks[0].elapsed
            progress.update(bar, completed=tally.done, rate=f"{tally.done / elapsed:.0f}" if elapsed else "–")

        scan(roots, settings, options, walk=walk, tally=tally, progress=update)


def _report(tally: Tally, walk: Walk, options: Options, *, as_json: bool) -> None:
    if as_json:
        print_json(_document(tally, walk, options))
        return
    for fault in tally.unreadable:
        _say(f"unreadable: {shown(fault.path)}: {fault.reason}")
    _some([f"copy: {shown(copy)} equals {shown(original)}" for copy, original in tally.copies])
    _some([f"gone: {shown(path)} (its track stays)" for path in tally.missing])
    _some([f"no picture: {shown(fault.path)}: {fault.reason}" for fault in tally.pictures])
    kinds = tally.kinds
    line = ", ".join(f"{kinds[kind]} {kind}" for kind in (Kind.NEW, Kind.CHANGED, Kind.MOVED, Kind.KNOWN))
    if copies := kinds[Kind.COPY]:
        line += f", {copies} {'copy' if copies == 1 else 'copies'} of another file"
    line += f", {len(tally.unreadable)} unreadable"
    line += f"; {walk.ignored} other files" if walk.ignored else ""
    if walk.not_read:
        line += f"; not read: {', '.join(f'{count} {suffix}' for suffix, count in walk.not_read.most_common())}"
    if tally.not_enqueued:
        line += f"; the broker is away: {tally.not_enqueued} are stored and will be enqueued by a worker's sweeper"
    console.print(("would publish: " if options.dry_run else "") + line, highlight=False, markup=False, soft_wrap=True)


def _document(tally: Tally, walk: Walk, options: Options) -> dict[str, Any]:
    return {
        **{str(kind): tally.kinds[kind] for kind in Kind},
        "unreadable": len(tally.unreadable),
        "ignored": walk.ignored,
        "not_read": dict(walk.not_read),
        "not_enqueued": tally.not_enqueued,
        "dry_run": options.dry_run,
        "unreadable_files": _faults(tally.unreadable),
        "copied_files": [{"path": shown(copy), "of": shown(original)} for copy, original in tally.copies],
        "missing_files": [shown(path) for path in tally.missing],
        "pictures_left_out": _faults(tally.pictures),
    }


def _faults(faults: list[Fault]) -> list[dict[str, str]]:
    return [{"path": shown(fault.path), "reason": fault.reason} for fault in faults]


def _some(lines: list[str]) -> None:
    for line in lines[:_SHOWN]:
        _say(line)
    if len(lines) > _SHOWN:
        _say(f"… and {len(lines) - _SHOWN} more; --json lists all")


def _say(line: str) -> None:
    errors.print(line, markup=False, highlight=False, soft_wrap=True)
