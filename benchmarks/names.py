# ruff: noqa: SIM905 - words read better as a line
"""A music catalogue made up from a seed: names in several scripts whose words are as unevenly frequent as real ones.

Also a program: ``python -m benchmarks.names 1000000 >events.jsonl`` writes events, one JSON object a line.
"""

import json
import random
import sys
from collections.abc import Iterator
from itertools import accumulate
from typing import Any
from uuid import UUID

_COMMON = (
    "the love you me of a in i to my and it on is night time heart for your all we be dream no one like blue down "
    "home go world fire light man day girl baby life rain let up river moon dance sun black live soul out away "
    "road sky never good little song gone star back summer dark sweet lost city alone what free when wild red "
    "white wind eyes angel water land lonely last don't can't come stay forever first morning high money people "
    "house run tears gold long winter king queen train young crazy blood again devil boys girls rock song more "
    "dance with remix halo yesterday metallica beatles acdc zeppelin stairway "
).split()
_ONSETS = ("b br c ch cl d dr f fl g gr h j k kl l m n p pr qu r s sh sk sl sn st str t th tr v w y z ").split()
_VOWELS = ("a e i o u ai ea ee ou y ").split()
_CODAS = ["", "n", "r", "l", "s", "t", "m", "d", "ck", "nd", "ng", "st", "rt", "lk", "x"]
_ACCENTED = str.maketrans({"a": "á", "o": "ö", "e": "é", "u": "ü", "n": "ñ", "c": "č", "s": "š", "i": "í"})
_SCRIPTS = {
    "cyrillic": ("абвгдежзиклмнопрстуфхчшэюя", 3, 9),
    "greek": ("αβγδεζηθικλμνξοπρστυφχψω", 3, 9),
    "hebrew": ("אבגדהוזחטיכלמנסעפצקרשת", 3, 7),
    "arabic": ("ابتثجحخدذرزسشصضطظعغفقكلمنهوي", 3, 7),
    "kana": ("あいうえおかきくけこさしすせそたちつてとなにぬねのはひふへほまみむめもやゆよらりるれろわん", 2, 5),
    "katakana": ("アイウエオカキクケコサシスセソタチツテトナニヌネノハヒフヘホマミムメモヤユヨラリルレロワン", 2, 6),
    "han": ("愛夜月花風雨海空星夢心光影山水春夏秋冬人天地美少年東西南北大小白黒紅青金火木土日時間世界", 1, 4),
    "hangul": ("가나다라마바사아자차카타파하거너더러머버서어저처커터퍼허고노도로모보소오조초코토포호", 2, 4),
}
_GENRES = ("Rock Pop Electronic Hip-Hop Jazz Classical Folk Metal Country R&B Reggae Blues Soundtrack Ambient ").split()
_FORMATS = ("MP3", "MP3", "MP3", "FLAC", "AAC", "OGG")
_SUFFIXES = (" (Live)", " - Remastered 2011", " (feat. {})", " (Acoustic)", " [Demo]", " - Radio Edit", ", Pt. 2")
_DRAWN_AT_ONCE = 50_000


class _Words:
    """Draws words of one script, the n-th most frequent 1/n times as often as the first."""

    def __init__(self, rng: random.Random, words: list[str]) -> None:
        self._rng, self._words = rng, words
        self._weights = list(accumulate(1 / rank for rank in range(1, len(words) + 1)))
        self._drawn: list[str] = []

    def take(self, number: int) -> list[str]:
        if len(self._drawn) < number:
            self._drawn = self._rng.choices(self._words, cum_weights=self._weights, k=_DRAWN_AT_ONCE)
        taken, self._drawn = self._drawn[-number:], self._drawn[:-number]
        return taken


def _latin(rng: random.Random, number: int) -> list[str]:
    words = list(_COMMON)
    while len(words) < number:
        syllables = (
            rng.choice(_ONSETS) + rng.choice(_VOWELS) + rng.choice(_CODAS) for _ in range(rng.choice((1, 2, 2, 3)))
        )
        word = "".join(syllables)
        words.append(word.translate(_ACCENTED) if rng.random() < 0.05 else word)
    return words


def _script(rng: random.Random, letters: str, shortest: int, longest: int, number: int) -> list[str]:
    return ["".join(rng.choices(letters, k=rng.randint(shortest, longest))) for _ in range(number)]


class Catalogue:
    """An endless catalogue; the same seed gives the same one. About one artist in eight writes in no Latin letters."""

    def __init__(self, seed: int = 1, *, artists: int = 20_000) -> None:
        self._rng = random.Random(seed)
        latin = _Words(self._rng, _latin(self._rng, 40_000))
        others = [_Words(self._rng, _script(self._rng, *spec, 5_000)) for spec in _SCRIPTS.values()]
        self._artists: list[tuple[str, _Words]] = []
        for _ in range(artists):
            words = self._rng.choice(others) if self._rng.random() < 0.12 else latin
            self._artists.append((self._name(words, 1, 3), words))
        self._weights = list(accumulate(1 / rank**0.7 for rank in range(1, artists + 1)))

    def _name(self, words: _Words, least: int, most: int) -> str:
        return " ".join(word[:1].upper() + word[1:] for word in words.take(self._rng.randint(least, most)))

    def albums(self) -> Iterator[list[dict[str, Any]]]:
        """Yield albums for ever, each a list of its tracks' metadata."""
        rng = self._rng
        while True:
            for artist, words in rng.choices(self._artists, cum_weights=self._weights, k=1000):
                album = self._name(words, 1, 4)
                same = {"artist": artist, "album": album, "genre": rng.choice(_GENRES), "year": rng.randint(1955, 2026)}
                yield [self._track(same, words) for _ in range(rng.randint(4, 14))]

    def _track(self, same: dict[str, Any], words: _Words) -> dict[str, Any]:
        rng = self._rng
        title = self._name(words, 1, 5)
        if rng.random() < 0.1:
            title += rng.choice(_SUFFIXES).format(rng.choice(self._artists)[0])
        duration = round(rng.uniform(60, 480), 3)
        bitrate = rng.choice((128_000, 192_000, 256_000, 320_000))
        return {
            "title": title,
            **same,
            "duration": duration,
            "channels": 2,
            "sample_rate": rng.choice((44_100, 48_000)),
            "bitrate": bitrate,
            "format": rng.choice(_FORMATS),
            "file_size": int(duration * bitrate / 8),
        }

    def events(self, number: int) -> Iterator[dict[str, Any]]:
        """Yield audio-processed events, each for a track of its own."""
        rng = self._rng
        given = 0
        for album in self.albums():
            for metadata in album:
                if given == number:
                    return
                given += 1
                audio_id = str(UUID(int=rng.getrandbits(128), version=4))
                yield {
                    "schema_version": 1,
                    "event_id": str(UUID(int=rng.getrandbits(128), version=4)),
                    "audio_id": audio_id,
                    "occurred_at": f"2026-11-01T{given // 3600 % 24:02}:{given // 60 % 60:02}:{given % 60:02}Z",
                    "audio_path": f"gs://uploads/{audio_id}.{metadata['format'].lower()}",
                    "thumbnail_path": f"gs://uploads/{audio_id}.jpg",
                    "metadata": metadata,
                }


if __name__ == "__main__":
    for event in Catalogue().events(int(sys.argv[1])):
        sys.stdout.write(json.dumps(event, ensure_ascii=False) + "\n")
