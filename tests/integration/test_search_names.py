"""Hard names: what people type finds what they mean, first; what only looks like it does not come first."""

from contextlib import closing
from uuid import UUID

import psycopg2
import pytest

from db.read.search import search_audio_tracks
from db.write.search_index import index_tracks
from tests.hard_names import CATALOGUE, FIRST, NOT_FIRST

FIELDS = ("artist", "title", "album", "genre", "year", "format")


def tracks():
    for at, line in enumerate(CATALOGUE.splitlines()):
        fields = dict(zip(FIELDS, line.split("|"), strict=True))
        yield fields | {
            "id": UUID(int=at + 1),
            "year": int(fields["year"]),
            "duration": 180.0,
            "audio_path": f"gs://hard/{at}",
        }


@pytest.fixture(scope="module")
def catalogue(_create_database, _drop_database, _template):
    url = _create_database(_template)
    with closing(psycopg2.connect(url)) as conn:
        index_tracks(conn, list(tracks()))
        conn.commit()
        yield conn
    _drop_database(url)


@pytest.mark.parametrize("sought", FIRST, ids=[f"{sought.query} finds {sought.artist}" for sought in FIRST])
def test_what_is_typed_finds_first(catalogue, sought):
    hits = search_audio_tracks(catalogue, sought.query, limit=5)
    assert hits, "nothing was found"
    assert (hits[0].artist.startswith(sought.artist), hits[0].title.startswith(sought.title)) == (True, True), [
        (hit.artist, hit.title, hit.match, hit.score) for hit in hits
    ]
    if sought.match:
        assert hits[0].match == sought.match


@pytest.mark.parametrize(("query", "artist", "title"), NOT_FIRST, ids=[f"{q} is not {a}" for q, a, _ in NOT_FIRST])
def test_what_only_looks_like_it_does_not_come_first(catalogue, query, artist, title):
    first = search_audio_tracks(catalogue, query, limit=1)[0]
    assert not (first.artist.startswith(artist) and first.title.startswith(title))


def test_the_corpus_is_large_and_of_many_scripts():
    scripts = {
        "latin": "a", "cyrillic": "кино", "greek": "ζ", "hebrew": "ש", "arabic": "ع", "devanagari": "ल", "tamil": "ஜ",
        "thai": "ล", "han": "桜", "kana": "ひ", "hangul": "달", "georgian": "ქ", "armenian": "կ",
    }  # fmt: skip
    queries = "".join(sought.query.lower() for sought in FIRST)
    assert len(FIRST) >= 150
    assert all(letters in queries for letters in scripts.values())
