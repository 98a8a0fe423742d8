"""What Tonearm's search is measured against: the SQL that one would write first, and Tantivy, in process."""

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import tantivy
from psycopg2 import Error
from psycopg2.extensions import connection

OBVIOUS = """
CREATE TABLE IF NOT EXISTS obvious (
    id uuid PRIMARY KEY, title text, artist text, album text, genre text, year int, duration float8, format text,
    audio_path text, search tsvector GENERATED ALWAYS AS (
        setweight(to_tsvector('english', coalesce(title, '')), 'A')
        || setweight(to_tsvector('english', coalesce(artist, '')), 'B')
        || setweight(to_tsvector('english', coalesce(album, '')), 'C')) STORED);
CREATE INDEX IF NOT EXISTS obvious_search ON obvious USING gin (search);
INSERT INTO obvious (id, title, artist, album, genre, year, duration, format, audio_path)
SELECT id, title, artist, album, genre, year, duration, format, audio_path FROM track_search
ON CONFLICT DO NOTHING;
"""
_ASK = """
SELECT id, title, artist, album, ts_rank(search, query) AS rank
FROM obvious, to_tsquery('english', %s) query
WHERE search @@ query ORDER BY rank DESC LIMIT 20
"""


def obvious(conn: connection) -> Callable[[str], int]:
    """Return a search by the obvious SQL: words joined by &, every match ranked. A syntax error finds nothing."""
    with conn.cursor() as cursor:
        cursor.execute(OBVIOUS)
        conn.commit()
        conn.autocommit = True
        cursor.execute("VACUUM ANALYZE obvious")

    def ask(query: str) -> int:
        with conn.cursor() as cursor:
            try:
                cursor.execute(_ASK, (" & ".join(query.split()),))
            except Error:
                return 0
            return len(cursor.fetchall())

    return ask


class Tantivy:
    """A Tantivy index of the same tracks on disk, asked for all the words in any of the three names."""

    def __init__(self, conn: connection) -> None:
        self._home = Path(tempfile.mkdtemp(prefix="tantivy-"))
        builder = tantivy.SchemaBuilder()
        for field in ("title", "artist", "album"):
            builder.add_text_field(field, stored=True)
        builder.add_text_field("id", stored=True, tokenizer_name="raw")
        index = tantivy.Index(builder.build(), path=str(self._home))
        writer = index.writer(heap_size=200_000_000, num_threads=2)
        with conn.cursor("tracks") as cursor:
            cursor.itersize = 20_000
            cursor.execute("SELECT id::text, title, coalesce(artist, ''), coalesce(album, '') FROM track_search")
            for audio_id, title, artist, album in cursor:
                writer.add_document(tantivy.Document(id=audio_id, title=title, artist=artist, album=album))
        conn.rollback()
        writer.commit()
        writer.wait_merging_threads()
        index.reload()
        self._index, self._searcher = index, index.searcher()

    def ask(self, query: str) -> int:
        """Return how many hits the first page has, each fetched."""
        parsed, _ = self._index.parse_query_lenient(query, ["title", "artist", "album"], conjunction_by_default=True)
        hits = self._searcher.search(parsed, 20).hits
        return len([self._searcher.doc(address).to_dict() for _, address in hits])

    def close(self) -> None:
        """Remove the index."""
        shutil.rmtree(self._home)
