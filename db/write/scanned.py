"""What scans of audio files have seen: one note a file, by its URI."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from pydantic_core import to_json

from db.statements import Connection, Row, fetch_all, fetch_one, run, statements

_SQL = statements("scanned")
_PAGE = 1000


class Seen(NamedTuple):
    """What was last seen of the file at ``path`` (a URI).

    ``audio`` and ``content`` are its digests. ``is_copy``: an equal file stands for the track. ``stamp``: its size and
    times, None where they prove nothing. ``looked``: a picture was looked for in it; ``thumbnail``: the URI of the last
    one found. ``event_id``: the event published last, None for a copy. ``fresh``: it was seen in this scan.
    ``tracked``: its track exists.
    """

    path: str
    audio_id: UUID
    audio: bytes
    content: bytes
    is_copy: bool
    stamp: str | None
    looked: bool
    thumbnail: str | None
    event_id: UUID | None
    fresh: bool = True
    tracked: bool = True


def begin(conn: Connection) -> datetime:
    """Return the moment that a scan begins, by the database's clock."""
    row = fetch_one(conn, _SQL["begin"])
    if row is None:
        raise AssertionError("PostgreSQL told no time")
    started: datetime = row["started"]
    return started


def seen_at(conn: Connection, paths: Sequence[str], *, started: datetime) -> list[Seen]:
    """Return what is noted of these paths; what was seen since ``started`` is fresh."""
    return _seen(fetch_all(conn, _SQL["by_path"], {"paths": list(paths), "started": started}))


def related(
    conn: Connection, paths: Sequence[str], audio: Sequence[bytes], audio_ids: Sequence[UUID], *, started: datetime
) -> list[Seen]:
    """Return what is noted of these paths, and the files that have this audio or stand for these tracks, by path."""
    asked = {"paths": list(paths), "audio": list(audio), "audio_ids": list(audio_ids), "started": started}
    return list(dict.fromkeys(_seen(fetch_all(conn, _SQL["related"], asked))))


def note(conn: Connection, files: Sequence[Seen]) -> None:
    """Note what was seen of files, no path twice."""
    rows: list[dict[str, Any]] = [
        file._asdict() | {"audio": file.audio.hex(), "content": file.content.hex()} for file in files
    ]
    run(conn, _SQL["note"], {"rows": to_json(rows).decode()})


def forget(conn: Connection, paths: Sequence[str]) -> None:
    """Forget what is noted of these paths."""
    run(conn, _SQL["forget"], {"paths": list(paths)})


def still_there(conn: Connection, paths: Sequence[str]) -> None:
    """Note that the files at these paths are as they were."""
    run(conn, _SQL["still_there"], {"paths": list(paths)})


def not_seen(conn: Connection, directory: str, *, started: datetime) -> Iterator[tuple[str, bool]]:
    """Yield the paths below a directory that no scan has come by since ``started``, and whether each is a copy."""
    after = directory + "/"
    while True:
        # "0" is the character after "/": the range holds whatever begins with the directory and a slash.
        bounds = {"after": after, "below": directory + "0", "started": started, "limit": _PAGE}
        rows = fetch_all(conn, _SQL["not_seen"], bounds)
        yield from ((row["path"], row["is_copy"]) for row in rows)
        if len(rows) < _PAGE:
            return
        after = rows[-1]["path"]


def _seen(rows: Sequence[Row]) -> list[Seen]:
    return [Seen(**row | {"audio": bytes(row["audio"]), "content": bytes(row["content"])}) for row in rows]
