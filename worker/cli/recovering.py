"""``tonearm retry``, ``tonearm rejected`` and ``tonearm sweep``: recovery by hand."""

from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from typing import Annotated, Any, NamedTuple
from uuid import UUID

import typer
from kombu.exceptions import OperationalError

from db.errors import ResourceNotFoundError, ValidationError
from db.pool import DatabasePool
from db.read.recovery import Rejected, get_rejected, list_rejected
from db.statements import Connection
from db.write.recovery import Answer, Retried, failed_for_good, mark_replayed, retry
from worker import process
from worker.app import create_app
from worker.cli.connect import actor, reading, writing
from worker.cli.ids import find_track
from worker.cli.output import AsJson, console, errors, print_json, table
from worker.events import InvalidEventError, parse_json
from worker.publisher import Publisher
from worker.settings import Settings
from worker.sweeper import Sweeper, Swept

_SAID = {
    "retried": "queued again",
    "already_queued": "already queued",
    "completed": "is COMPLETED: nothing to retry",
    "no_event": "its event is no longer in the inbox: publish it again",
    "not_found": "there is no such track",
}
_REFUSED = {"no_event", "not_found"}
_REPLAYED_AT_ONCE = 500
_SHOWN = 20
_PREVIEW = 60


class _Answered(NamedTuple):
    """The answer to what is the id of no track."""

    audio_id: str
    answer: Answer


rejected = typer.Typer(help="The dead letters: what arrived and was no event.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("retry")(retry_tracks)
    app.command()(sweep)
    app.add_typer(rejected, name="rejected")


def retry_tracks(
    ids: Annotated[
        list[str] | None, typer.Argument(help="Tracks: their ids, or enough of their beginnings.", show_default=False)
    ] = None,
    failed: Annotated[bool, typer.Option("--failed", help="All tracks that are FAILED for good.")] = False,
    error_code: Annotated[str | None, typer.Option(help="With --failed: only those that failed with this.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="With --failed: at most so many.")] = 1000,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")] = False,
    as_json: AsJson = False,
) -> None:
    """Put FAILED tracks back, with all their attempts; the history says who asked.

    Example: tonearm retry 5d09 e8f43f8d-49a7-5e73-bdbf-94f47ea46b04
    Example: tonearm retry --failed --dry-run
    Example: tonearm retry --failed --error-code worker_lost --limit 100
    """
    if bool(ids) == failed:
        raise ValidationError("say which tracks: either their ids, or --failed")
    if error_code and not failed:
        raise ValidationError("--error-code goes with --failed")
    settings = Settings()
    with writing(settings) as conn:
        missing: list[str] = []
        chosen = (
            failed_for_good(conn, error_code=error_code, limit=limit) if failed else _find(conn, ids or (), missing)
        )
        answers: list[Retried | _Answered] = [
            *retry(conn, chosen, actor=actor(), dry_run=dry_run),
            *(_Answered(text, "not_found") for text in dict.fromkeys(missing)),
        ]
    if not dry_run and any(answer == "retried" for _, answer in answers):
        _enqueue_now(settings)
    _report(answers, dry_run=dry_run, as_json=as_json)
    if any(answer in _REFUSED for _, answer in answers):
        raise typer.Exit(1)


def _find(conn: Connection, texts: Sequence[str], missing: list[str]) -> list[UUID]:
    """Return the tracks that are meant, and put into ``missing`` what means none."""
    found = []
    for text in texts:
        try:
            found.append(find_track(conn, text))
        except ResourceNotFoundError:
            missing.append(text)
    return found


def _enqueue_now(settings: Settings) -> None:
    try:
        _sweep_once(settings)
    except OperationalError:
        errors.print("the broker is away: a worker's sweeper enqueues them when it is back")


def _report(answers: Sequence[Retried | _Answered], *, dry_run: bool, as_json: bool) -> None:
    if as_json:
        print_json({"dry_run": dry_run, "tracks": [answer._asdict() for answer in answers]})
        return
    for audio_id, answer in answers[:_SHOWN]:
        said = "would be queued again" if dry_run and answer == "retried" else _SAID[answer]
        console.print(f"{audio_id}  {said}", highlight=False)
    if len(answers) > _SHOWN:
        console.print(f"… and {len(answers) - _SHOWN} more", highlight=False)
    counts = Counter(answer for _, answer in answers)
    console.print(", ".join(f"{number} {what}" for what, number in counts.items()) or "nothing to retry")


def sweep(as_json: AsJson = False) -> None:
    """Do now what the workers' sweeper does every few seconds: put lost and dead work back.

    Example: tonearm sweep
    """
    swept = _sweep_once(Settings())
    if as_json:
        print_json(swept._asdict())
    elif not swept.elected:
        console.print("another sweeper is at it")
    else:
        console.print(f"{swept.expired} leases had run out, {swept.enqueued} events enqueued", highlight=False)


def _sweep_once(settings: Settings) -> Swept:
    hooks = process.hooks()
    with closing(DatabasePool(settings.database(), min_size=0, max_size=1, application_name=actor())) as pool:
        try:
            return Sweeper(pool, create_app(settings), settings, hooks=hooks).sweep()
        finally:
            process.close_hooks(settings.tonearm_hook_seconds)


@rejected.command("list")
def list_them(
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 50,
    before: Annotated[int | None, typer.Option(help="Go on before this number.")] = None,
    replayed: Annotated[bool, typer.Option("--replayed", help="Also those accepted since.")] = False,
    as_json: AsJson = False,
) -> None:
    """List dead letters, the latest first.

    Example: tonearm rejected list
    Example: tonearm rejected list --replayed --json
    """
    with reading(Settings()) as conn:
        letters = list_rejected(conn, limit=limit, before=before, replayed=replayed)
    if as_json:
        print_json([_as_json(letter) for letter in letters])
        return
    rows = (
        (one.id, one.last_at, one.times, "; ".join(one.reasons)[: 2 * _PREVIEW], one.raw[:_PREVIEW]) for one in letters
    )
    table(("number", "last", "times", "reasons", "what arrived"), rows)
    if len(letters) == limit:
        console.print(f"more: --before {letters[-1].id}", highlight=False)


@rejected.command("show")
def show_them(ids: Annotated[list[int], typer.Argument(help="Their numbers.")], as_json: AsJson = False) -> None:
    """Show dead letters whole, with every reason.

    Example: tonearm rejected show 3 4
    """
    with reading(Settings()) as conn:
        letters = get_rejected(conn, ids)
    if as_json:
        print_json([_as_json(letter) for letter in letters])
    else:
        for letter in letters:
            console.print(
                f"{letter.id}, {letter.times} times, last {letter.last_at:%Y-%m-%d %H:%M:%S}", highlight=False
            )
            for reason in letter.reasons:
                console.print(f"  {reason}", markup=False, highlight=False)
            console.print(letter.raw, markup=False, highlight=False, soft_wrap=True)
    _complain_of_missing(ids, letters)


@rejected.command("replay")
def replay_them(
    ids: Annotated[list[int] | None, typer.Argument(help="Their numbers.", show_default=False)] = None,
    everything: Annotated[bool, typer.Option("--all", help="All that were not accepted since.")] = False,
    as_json: AsJson = False,
) -> None:
    """Publish dead letters again, such as after an upgrade that understands them; what is still no event stays.

    Example: tonearm rejected replay 3
    Example: tonearm rejected replay --all
    """
    if bool(ids) == everything:
        raise ValidationError("say which: either their numbers, or --all")
    settings = Settings()
    with reading(settings) as conn:
        letters = _all_of_them(conn) if everything else get_rejected(conn, ids or ())
    accepted, refused = _publish_again(settings, letters)
    if as_json:
        print_json({"accepted": accepted, "refused": refused})
    else:
        for number, reason in list(refused.items())[:_SHOWN]:
            errors.print(f"{number}: {reason}", markup=False, highlight=False, soft_wrap=True)
        console.print(f"{len(accepted)} accepted, {len(refused)} still refused", highlight=False)
    _complain_of_missing(ids or (), letters)
    if refused:
        raise typer.Exit(1)


def _all_of_them(conn: Any) -> list[Rejected]:
    letters = page = list_rejected(conn, limit=1000)
    while page:
        page = list_rejected(conn, limit=1000, before=page[-1].id)
        letters = letters + page
    return letters


def _publish_again(settings: Settings, letters: list[Rejected]) -> tuple[list[int], dict[int, str]]:
    good, refused = [], {}
    for letter in letters:
        try:
            good.append((letter.id, parse_json(letter.raw)))
        except InvalidEventError as error:
            refused[letter.id] = str(error)
    # The pool's name is what the history calls the worker: who asked.
    with (
        closing(DatabasePool(settings.database(), min_size=0, max_size=2, application_name=actor())) as pool,
        Publisher(settings, pool=pool) as publisher,
    ):
        for start in range(0, len(good), _REPLAYED_AT_ONCE):
            some = good[start : start + _REPLAYED_AT_ONCE]
            publisher.publish_parsed([event for _, event in some])
            with pool.transaction() as conn:
                mark_replayed(conn, [number for number, _ in some])
    return [number for number, _ in good], refused


def _as_json(letter: Rejected) -> dict[str, object]:
    return letter._asdict()


def _complain_of_missing(ids: Any, letters: list[Rejected]) -> None:
    missing = set(ids) - {letter.id for letter in letters}
    if missing:
        errors.print(f"there is no dead letter {', '.join(map(str, sorted(missing)))}: see tonearm rejected list")
        raise typer.Exit(1)
