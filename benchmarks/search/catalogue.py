# ruff: noqa: SIM905 - words read better as a line
"""A catalogue of any size with the word frequencies of a real one: names cut apart and joined anew, always the same.

``names(directory)`` reads tab-separated files (``*.tsv``, ``*.tsv.gz``) with columns title, artist and, where there
are any, album and genre. Without a directory the words are made up, as frequent as words of titles are (Zipf's law).
"""

import csv
import gzip
import itertools
import random
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, NamedTuple
from uuid import UUID

_COMMON = (
    "the you love me my of in i a it to your on and no for is one time life night heart live don't girl we all baby "
    "like down man never come good world be with world day let what home go little out up know back away light get "
    "dance new song black blue rock road so this that not can how when why who wild dream summer rain fire star lost "
    "sun moon money god la mi el amor de que vida corazón noche я ты ночь любовь 愛 夜 夢 사랑"
).split()
_SYLLABLES = (
    "ka lo mi ren ta vo shi dor el an bru ces dy fen gar hul is jo kor lam mer nos ov pri qua ras sen tur".split()
)
_GENRES = ("Rock", "Pop", "Jazz", "Electronic", "Hip-Hop", "Classical", "Metal", "Folk")
_WITH_ARTICLE, _RECOMBINED = 0.15, 0.5
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
    chance = random.Random(20)
    rare = ["".join(chance.choices(_SYLLABLES, k=chance.randint(2, 4))) for _ in range(60_000)]
    words = [*_COMMON, *dict.fromkeys(rare)]
    weights = list(itertools.accumulate(1 / (rank + 3) for rank in range(len(words))))

    def a_name(lengths: list[int]) -> str:
        return " ".join(chance.choices(words, cum_weights=weights, k=chance.choice(lengths))).title()

    artists = [("The " if chance.random() < _WITH_ARTICLE else "") + a_name([1, 1, 2, 2, 3]) for _ in range(20_000)]
    popular = list(itertools.accumulate(1 / (rank + 10) for rank in range(len(artists))))
    titles = [a_name([1, 2, 2, 3, 3, 4, 5, 7]) for _ in range(60_000)]
    albums = [a_name([1, 2, 2, 3, 4]) for _ in range(15_000)]
    return Names(titles, chance.choices(artists, cum_weights=popular, k=60_000), albums, list(_GENRES))


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
