"""The use case: go through files, read those that may have changed, publish what is new."""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any, Final

from db.pool import DatabasePool
from worker.cleaning import path_faults
from worker.events import Event, InvalidEventError, parse_event
from worker.publisher import Publisher
from worker.scan.child import stamp
from worker.scan.files import Fault, Found, Walk
from worker.scan.ledger import Ledger, path_of
from worker.scan.matching import Decision, Kind, Read, Stage, decide
from worker.scan.readers import Answer, Job, Readers
from worker.settings import Settings

_BATCH: Final = 500
_FLUSH_SECONDS: Final = 2.0


@dataclass(frozen=True)
class Options:
    """How to scan.

    ``thumbnails``: the directory for embedded pictures, None for none. ``again``: read and publish what is known, too.
    ``processes`` read at a time; a file's tags may take up to ``time_limit`` seconds. ``queue`` is where messages go,
    None for the usual one. ``dry_run``: change nothing.
    """

    processes: int
    thumbnails: Path | None = None
    again: bool = False
    dry_run: bool = False
    time_limit: float = 60.0
    queue: str | None = None


@dataclass
class Tally:
    """What a scan has found so far: how many files of each kind, and which ones somebody should know of."""

    kinds: Counter[Kind] = field(default_factory=Counter)
    copies: list[tuple[Path, Path]] = field(default_factory=list)
    unreadable: list[Fault] = field(default_factory=list)
    pictures: list[Fault] = field(default_factory=list)
    missing: list[Path] = field(default_factory=list)
    not_enqueued: int = 0

    @property
    def done(self) -> int:
        """How many files have been dealt with."""
        return self.kinds.total() + len(self.unreadable)


def scan(
    paths: Sequence[Path],
    settings: Settings,
    options: Options,
    *,
    walk: Walk,
    tally: Tally,
    progress: Callable[[], None] = lambda: None,
) -> None:
    """Scan files and directories (absolute paths); ``walk`` and ``tally`` say what was found, even if it is stopped.

    ``progress`` is called every now and then. Raises DatabaseOperationError, ServiceNotConfiguredError,
    MusicLibraryError.
    """
    with closing(DatabasePool(settings.database(), min_size=0, max_size=2, timeout=5.0, statement_timeout=60)) as pool:
        ledger = Ledger(pool, [path.as_uri() for path in paths], dry=options.dry_run)
        with ExitStack() as opened:
            publisher = None
            if not options.dry_run:
                publisher = opened.enter_context(Publisher(settings, pool=pool, queue=options.queue))
            _Scan(ledger, publisher, options, walk=walk, tally=tally).run(progress)


class _Scan:
    def __init__(
        self, ledger: Ledger, publisher: Publisher | None, options: Options, *, walk: Walk, tally: Tally
    ) -> None:
        self._ledger, self._publisher, self._options = ledger, publisher, options
        self._walk, self._tally = walk, tally
        self._put_off: list[Read] = []

    def run(self, progress: Callable[[], None]) -> None:
        batch: list[Read] = []
        flushed = time.monotonic()
        with Readers(self._options.processes, time_limit=self._options.time_limit) as readers:
            for answered in readers.read(self._jobs()):
                if answered is not None and (read := self._taken(*answered)):
                    batch.append(read)
                if len(batch) >= _BATCH or time.monotonic() - flushed > _FLUSH_SECONDS:
                    self._settle(batch, Stage.WALKING)
                    batch, flushed = [], time.monotonic()
                progress()
        self._settle(batch, Stage.WALKING)
        for stage in (Stage.WALKED, Stage.LAST):
            late, self._put_off = self._put_off, []
            for first in range(0, len(late), _BATCH):
                self._settle(late[first : first + _BATCH], stage)
        self._tally.missing = self._ledger.missing()
        progress()

    def _jobs(self) -> Iterator[Job]:
        """Yield the files that have to be read; note of the others that they are as they were."""
        coming = iter(self._walk)
        while chunk := list(islice(coming, _BATCH)):
            self._tally.unreadable += [item for item in chunk if isinstance(item, Fault)]
            found = {item.path.as_uri(): item for item in chunk if isinstance(item, Found)}
            noted = self._ledger.noted(list(found))
            known = []
            for uri, item in found.items():
                seen = noted.get(uri)
                asked = self._options.thumbnails is not None
                if (
                    seen is None
                    or seen.stamp != stamp(item.status)
                    or not seen.tracked
                    or self._options.again
                    or (asked and not seen.looked)
                ):
                    if fault := path_faults(uri):
                        self._tally.unreadable.append(Fault(item.path, f"its path, as a URI, {fault}"))
                    else:
                        yield Job(item.path, item.status.st_size, self._options.thumbnails)
                else:
                    known.append(uri)
            self._ledger.unchanged(known)
            self._tally.kinds[Kind.KNOWN] += len(known)

    def _taken(self, job: Job, answer: Answer) -> Read | None:
        if reason := answer.get("reason"):
            self._tally.unreadable.append(Fault(job.path, reason))
            return None
        if fault := answer.get("picture_fault"):
            self._tally.pictures.append(Fault(job.path, fault))
        return Read(
            job.path.as_uri(),
            bytes.fromhex(answer["audio"]),
            bytes.fromhex(answer["content"]),
            answer["stamp"],
            answer["metadata"],
            answer.get("thumbnail"),
            looked=job.thumbnails is not None,
        )

    def _settle(self, batch: Sequence[Read], stage: Stage) -> None:
        """Decide what the files of a batch are, publish what is news, and note it, in one transaction."""
        if not batch:
            return
        self._ledger.load(batch)
        events: list[Event] = []
        decisions: list[Decision] = []
        for read in batch:
            decision = decide(read, self._ledger, stage, again=self._options.again)
            if decision is None:
                self._ledger.put_off(read)
                self._put_off.append(read)
                continue
            if decision.publishes:
                try:
                    events.append(parse_event(_event(read, decision)))
                except InvalidEventError as error:
                    self._tally.unreadable.append(Fault(path_of(read.uri), f"it makes no event: {error}"))
                    continue
            self._ledger.apply(decision)
            decisions.append(decision)
        if self._publisher is not None:
            receipts = self._publisher.publish_parsed(events, also=self._ledger.write)
            self._ledger.written()
            self._tally.not_enqueued += sum(not receipt.enqueued and not receipt.duplicate for receipt in receipts)
        for decision in decisions:
            self._tally.kinds[decision.kind] += 1
            if decision.original is not None:
                self._tally.copies.append((path_of(decision.note.path), path_of(decision.original)))


def _event(read: Read, decision: Decision) -> dict[str, Any]:
    note = decision.note
    event = {
        "schema_version": 1,
        "event_id": str(note.event_id),
        "audio_id": str(note.audio_id),
        "occurred_at": datetime.now(UTC).isoformat(),
        "audio_path": read.uri,
        "metadata": read.metadata,
    }
    return event if note.thumbnail is None else event | {"thumbnail_path": note.thumbnail}
