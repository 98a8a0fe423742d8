"""What is noted of files: in the database, and in this scan since it was last written there."""

import os
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from urllib.parse import unquote_to_bytes, urlsplit
from uuid import UUID

from db.pool import DatabasePool
from db.statements import Connection
from db.write import scanned
from db.write.scanned import Seen
from worker.scan.child import stamp
from worker.scan.matching import Decision, Read, Stage, new_ids


class Ledger:
    """What the scan that began at ``started`` knows of files; with ``dry`` nothing is ever written.

    ``roots`` are the URIs that it goes through.
    """

    def __init__(self, pool: DatabasePool, roots: Sequence[str], *, dry: bool) -> None:
        self._pool, self._roots, self._dry = pool, roots, dry
        with pool.transaction() as conn:
            self.started: datetime = scanned.begin(conn)
        self._changed: dict[str, Seen | None] = {}
        self._stored: dict[str, Seen] = {}
        self._originals: defaultdict[bytes, dict[str, Seen]] = defaultdict(dict)
        self._taken: set[UUID] = set()
        self._now: dict[str, bytes] = {}
        self._displaced: defaultdict[bytes, dict[str, Seen]] = defaultdict(dict)

    def noted(self, uris: Sequence[str]) -> dict[str, Seen]:
        """Return what earlier scans noted of these paths."""
        with self._pool.transaction() as conn:
            return {seen.path: seen for seen in scanned.seen_at(conn, uris, started=self.started)}

    def load(self, reads: Sequence[Read]) -> None:
        """Get ready to decide about these files."""
        uris = {read.uri for read in reads}
        audio = {read.audio for read in reads}
        ids = {audio_id for read in reads for audio_id in new_ids(read)}
        with self._pool.transaction() as conn:
            related = scanned.related(conn, list(uris), list(audio), list(ids), started=self.started)
        self._stored = {seen.path: seen for seen in related if seen.path in uris}
        for seen in related:
            if not seen.is_copy and seen.path not in self._changed:
                self._originals[seen.audio][seen.path] = seen
                self._taken.add(seen.audio_id)

    def own(self, uri: str) -> Seen | None:
        """Return what is noted of a path whose file was loaded."""
        return self._changed[uri] if uri in self._changed else self._stored.get(uri)

    def originals(self, audio: bytes) -> list[Seen]:
        """Return the files that stand for tracks and have this audio, which was loaded, or had it until now."""
        return [*self._originals[audio].values(), *self._displaced[audio].values()]

    def is_taken(self, audio_id: UUID) -> bool:
        """Say whether a file stands for this track, which was loaded."""
        return audio_id in self._taken

    def lives(self, seen: Seen, stage: Stage) -> bool | None:
        """Say whether a file is still where it was seen, with that audio; None: this scan will come by and see."""
        if seen.path in self._now:
            return self._now[seen.path] == seen.audio
        if seen.fresh:
            return True
        path = path_of(seen.path)
        if _is_gone(path):
            return False
        if stage > Stage.WALKING or not any(is_below(seen.path, root) for root in self._roots):
            return True
        return True if _stamp_of(path) == seen.stamp else None

    def put_off(self, read: Read) -> None:
        """Note that a file is there and what its audio is, though not yet which track it is."""
        self._now[read.uri] = read.audio

    def apply(self, decision: Decision) -> None:
        """Take a decision into account for those that follow."""
        note, own = decision.note, self.own(decision.note.path)
        if own is not None:
            self._originals[own.audio].pop(own.path, None)
            if own.audio != note.audio:
                self._now[note.path] = note.audio
                if own.audio_id != note.audio_id and not own.is_copy:
                    self._displaced[own.audio][own.path] = own
        if decision.forget is not None and not self._displaced[note.audio].pop(decision.forget, None):
            self._originals[note.audio].pop(decision.forget, None)
            self._changed[decision.forget] = None
        self._changed[note.path] = note
        self._taken.add(note.audio_id)
        if not note.is_copy:
            self._originals[note.audio][note.path] = note

    def write(self, conn: Connection) -> None:
        """Write what was decided, and begin anew."""
        forgotten = [path for path, seen in self._changed.items() if seen is None]
        noted = [seen for seen in self._changed.values() if seen is not None]
        if forgotten:
            scanned.forget(conn, forgotten)
        if noted:
            scanned.note(conn, noted)

    def written(self) -> None:
        """Forget here what is in the database now."""
        self._changed.clear()
        self._originals.clear()
        self._taken = {seen.audio_id for displaced in self._displaced.values() for seen in displaced.values()}

    def unchanged(self, uris: Sequence[str]) -> None:
        """Note that the files at these paths are as they were."""
        if uris and not self._dry:
            with self._pool.transaction() as conn:
                scanned.still_there(conn, uris)

    def missing(self) -> list[Path]:
        """Return the files seen by earlier scans, below the roots, that are gone or overwritten; forget gone copies."""
        gone = [path_of(uri) for displaced in self._displaced.values() for uri in displaced]
        for root in self._roots:
            with self._pool.transaction() as conn:
                unseen = list(scanned.not_seen(conn, root.rstrip("/"), started=self.started))
            absent = [(uri, is_copy) for uri, is_copy in unseen if _is_gone(path_of(uri))]
            absent = [item for item in absent if self._changed.get(item[0], item) is not None]
            gone += [path_of(uri) for uri, is_copy in absent if not is_copy]
            copies = [uri for uri, is_copy in absent if is_copy]
            if copies and not self._dry:
                with self._pool.transaction() as conn:
                    scanned.forget(conn, copies)
        return gone


def is_below(uri: str, root: str) -> bool:
    """Whether a path is a directory itself or below it, both as URIs."""
    return uri == root or uri.startswith(root.rstrip("/") + "/")


def path_of(uri: str) -> Path:
    """Return the path that a file URI stands for."""
    return Path(os.fsdecode(unquote_to_bytes(urlsplit(uri).path)))


def _is_gone(path: Path) -> bool:
    """Whether there surely is no such file; one that cannot be looked at may still be there."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return False


def _stamp_of(path: Path) -> str | None:
    try:
        return stamp(path.stat())
    except OSError:
        return None
