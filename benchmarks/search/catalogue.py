"""A catalogue of any size with the word frequencies of a real one: names cut apart and joined anew, always the same.

``names(directory)`` reads tab-separated files (``*.tsv``, ``*.tsv.gz``) with columns title, artist and, where there
are any, album and genre. Without a directory they are made up by benchmarks.names.
"""

import csv
import gzip
import random
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import IO, Any, NamedTuple
from uuid import UUID

from benchmarks.names import Catalogue

_GENRES = ("Rock", "Pop", "Jazz", "Electronic", "Hip-Hop", "Classical", "Metal", "Folk")
_RECOMBINED = 0.5
_ALBUMS = 8_000
_FORMATS = ("MP3", "FLAC", "AAC", "OGG")


class Names(NamedTuple):
    """What tracks are made of; artists and albums as often as they have tracks."""

    titles: list[str]
    artists: list[str]
    albums: list[str]
    genres: list[str]


def names(directory: Path | None) -> Names:
    """Return the names in the files of a directory, or made-up ones."""
    return _made_up() if directory is None else _read(directory)


def _opened(path: Path) -> IO[str]:
    return gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8")


def _read(directory: Path) -> Names:
    csv.field_size_limit(10**9)
    found = Names([], [], [], [])
    for path in sorted([*directory.glob("*.tsv"), *directory.glob("*.tsv.gz")]):
        with _opened(path) as lines:
            for row in csv.DictReader(lines, delimiter="\t"):
                if not row.get("title") or not row.get("artist"):
                    continue
                found.titles.append(row["title"][:200])
                found.artists.append(row["artist"][:200])
                found.albums.append((row.get("album") or row["title"])[:200])
                found.genres.append(
                    (row.get("genre") or random.Random(row["title"]).choice(_GENRES)).split("|")[0][:50]
                )
    return found


def _made_up() -> Names:
    found = Names([], [], [], [])
    for album in islice(Catalogue().albums(), _ALBUMS):
        for track in album:
            for of_kind, kind in zip(found, ("title", "artist", "album", "genre"), strict=True):
                of_kind.append(track[kind])
    return found


def tracks(source: Names, number: int) -> Iterator[dict[str, Any]]:
    """Yield so many tracks: half with a title as it was, half with the beginning of one and the end of another."""
    chance = random.Random(11)
    for at in range(number):
        title = chance.choice(source.titles)
        if chance.random() < _RECOMBINED:
            one, other = title.split(" "), chance.choice(source.titles).split(" ")
            title = " ".join(one[: (len(one) + 1) // 2] + other[(len(other) + 1) // 2 :])
        yield {
            "id": str(UUID(int=chance.getrandbits(128), version=4)),
            "title": title.replace("\0", "")[:500].strip() or "Untitled",
            "artist": chance.choice(source.artists).replace("\0", ""),
            "album": chance.choice(source.albums).replace("\0", ""),
            "genre": chance.choice(source.genres),
            "year": chance.randint(1955, 2025),
            "duration": round(chance.uniform(60, 600), 1),
            "format": chance.choice(_FORMATS),
            "audio_path": f"gs://catalogue/{at:08d}.mp3",
        }
