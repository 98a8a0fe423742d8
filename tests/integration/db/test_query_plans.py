"""At 200,000 tracks the planner reads every hot query from the index it was written for, and no table as a whole."""

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import psycopg2
import pytest
from pydantic_core import to_json

from db.read.listing import Listing
from db.statements import statements
from db.write.status_updates import _PAIRS
from tests.tracks import query

TRACKS = 200_000
SOMEBODY = "00000000-0000-0000-0000-000000000001"

SECONDARY = """
SELECT i.indexrelid::regclass::text, pg_get_indexdef(i.indexrelid) FROM pg_index i
WHERE i.indrelid IN ('audio_tracks'::regclass, 'audio_track_history'::regclass, 'audio_events'::regclass)
  AND NOT i.indisunique
"""
# Rows as wide as those of a real library; 90 % COMPLETED, some of everything else, gaps in every column.
FILL = f"""
SET session_replication_role = replica;
INSERT INTO audio_tracks (id, status, title, artist, album, genre, year, duration, channels, sample_rate, bitrate,
                          format, file_size, audio_path, thumbnail_path, error_code, next_attempt_at,
                          created_at, updated_at, completed_at, lease_token, lease_expires_at)
SELECT gen_random_uuid(), status,
       CASE WHEN n %% 50 <> 0 OR status = 'COMPLETED' THEN 'A title of ordinary length ' || md5(n::text) END,
       CASE WHEN n %% 7 <> 0 THEN 'An artist ' || n %% 5000 END, 'An album of some name ' || n / 12, 'Electronic',
       CASE WHEN n %% 3 <> 0 THEN 1950 + n %% 75 END, 180 + n %% 200, 2, 44100, 320000, 'MP3', 8000000 + n,
       'gs://a-bucket-with-a-name/audio/' || md5(n::text) || '.mp3',
       'gs://a-bucket-with-a-name/thumbnails/' || md5(n::text) || '.jpg',
       CASE WHEN status = 'FAILED' THEN 'timeout' END,
       CASE WHEN status = 'FAILED' AND n %% 3 = 0 THEN now() + n * interval '1 ms' END,
       now() - n * interval '1 s', now() - n %% 86400 * interval '1 s', now(),
       CASE WHEN status = 'PROCESSING' THEN gen_random_uuid() END, CASE WHEN status = 'PROCESSING' THEN now() END
FROM (SELECT n, CASE WHEN n %% 20 = 0 THEN 'FAILED' WHEN n %% 20 = 1 THEN 'PENDING' WHEN n %% 1000 = 2 THEN 'PROCESSING'
                ELSE 'COMPLETED' END AS status FROM generate_series(1, {TRACKS}) n) x;
INSERT INTO audio_track_history (audio_id, from_status, to_status, attempt, at)
SELECT id, 'PROCESSING', CASE WHEN status = 'FAILED' THEN 'FAILED' ELSE 'COMPLETED' END, 1, updated_at
FROM audio_tracks;
INSERT INTO audio_events (event_id, audio_id, occurred_at, payload, enqueued_at, settled_at, outcome)
SELECT gen_random_uuid(), id, now(), '{{}}', now(), CASE WHEN status <> 'PENDING' THEN now() END,
       CASE WHEN status <> 'PENDING' THEN 'applied' END
FROM audio_tracks;
""".replace("%%", "%")


@pytest.fixture(scope="module")
def large(_files_database: tuple[str, Any]) -> Iterator[Any]:
    url, _ = _files_database
    with closing(psycopg2.connect(url)) as conn:
        conn.autocommit = True
        indexes = query(conn, SECONDARY)  # rows first, indexes then: in a tenth of the time
        for name, _ in indexes:
            query(conn, f"DROP INDEX {name}")
        query(conn, FILL)
        for _, definition in indexes:
            query(conn, definition)
        query(conn, "RESET session_replication_role")
        query(conn, "CHECKPOINT")  # what is not flushed is not all-visible to VACUUM, where commits do not wait
        query(conn, "VACUUM ANALYZE audio_tracks, audio_track_history, audio_events")
        query(conn, "SET random_page_cost = 1.1")  # as is usual for anything but spinning disks
        yield conn


def plan_of(conn, statement, params):
    """Return the names of the indexes that a plan reads, and those of the tables that it reads as a whole."""
    with conn.cursor() as cursor:
        bare = cursor.mogrify(statement, params).decode()
        *lines, command = bare.rstrip("; \n").partition("\n")[0], bare.rstrip("; \n")
        cursor.execute("EXPLAIN (FORMAT JSON) " + command)
        ((plans,),) = cursor.fetchall()
    assert lines
    indexes, tables = set(), set()

    def walk(node):
        if "Index Name" in node:
            indexes.add(node["Index Name"])
        if node["Node Type"] == "Seq Scan":
            tables.add(node["Relation Name"])
        for child in node.get("Plans", ()):
            walk(child)

    walk(plans[0]["Plan"])
    return indexes, tables


def listing(conn, **wanted):
    chosen = {"order_by": "created_at", "descending": True, "status": None, "limit": 100, "offset": 0, "cursor": None}
    page = Listing(**(chosen | wanted))
    return page, page.statement().as_string(conn), page.params()


@pytest.mark.parametrize("behind_a_cursor", [False, True])
@pytest.mark.parametrize("descending", [True, False])
@pytest.mark.parametrize("order_by", ["created_at", "updated_at", "title", "artist", "year"])
def test_every_ordering_is_read_from_its_index(large, order_by, descending, behind_a_cursor):
    page, statement, params = listing(large, order_by=order_by, descending=descending)
    if behind_a_cursor:
        rows = query(large, f"SELECT id, {order_by} FROM audio_tracks WHERE {order_by} IS NOT NULL LIMIT 1")
        cursor = page.cursor_after(dict(zip(("id", order_by), rows[0], strict=True)))
        _, statement, params = listing(large, order_by=order_by, descending=descending, cursor=cursor)
    indexes, tables = plan_of(large, statement, params)
    assert f"audio_tracks_{order_by}" in indexes
    assert not tables


@pytest.mark.parametrize("status", ["PENDING", "PROCESSING", "FAILED", "COMPLETED"])
@pytest.mark.parametrize("order_by", ["created_at", "title"])
def test_a_status_is_listed_and_counted_from_indexes(large, status, order_by):
    _, statement, params = listing(large, status=status, order_by=order_by)
    indexes, tables = plan_of(large, statement, params)
    assert indexes
    assert not tables


PLANS = {
    "one track": ("tracks", "get_by_id", {"audio_id": SOMEBODY}, "audio_tracks_pkey"),
    "a timeline": (
        "history",
        "track_history",
        {"audio_id": SOMEBODY, "after_id": 0, "limit": 100},
        "audio_track_history_pkey",
    ),
    "leases that ran out": (
        "transitions",
        "expire_leases",
        {"max_attempts": 5, "retry_base": 2.0, "retry_cap": 60.0, "restart_grace": 0, "limit": 100},
        "audio_tracks_lease",
    ),
    "events that wait": ("inbox", "waiting_events", {"audio_ids": [SOMEBODY]}, "audio_events_waiting"),
    "who holds a track": ("saving", "holders", {"ids": [SOMEBODY]}, "audio_tracks_pkey"),
}


@pytest.mark.parametrize("name", PLANS)
def test_a_hot_query_is_read_from_its_index(large, name):
    file, statement, params, index = PLANS[name]
    indexes, tables = plan_of(large, statements(file)[statement], params)
    assert index in indexes
    assert not tables


@pytest.mark.parametrize("size", [1, 1000])
def test_many_tracks_are_read_by_their_key(large, size):
    ids = [row[0] for row in query(large, "SELECT id::text FROM audio_tracks LIMIT %s", size)]
    indexes, tables = plan_of(large, statements("tracks")["get_by_ids"], {"audio_ids": ids})
    assert indexes == {"audio_tracks_pkey"}
    assert not tables


@pytest.mark.parametrize("size", [1, 100])
def test_claiming_and_completing_read_tracks_and_events_by_their_keys(large, size):
    events = query(
        large, "SELECT event_id::text, audio_id::text FROM audio_events WHERE settled_at IS NULL LIMIT %s", size
    )
    claiming = {"event_ids": [row[0] for row in events], "token": SOMEBODY, "lease_seconds": 60.0, "owner": "w"}
    indexes, tables = plan_of(large, statements("transitions")["claim"], claiming)
    assert {"audio_tracks_pkey", "audio_events_pkey"} <= indexes
    assert not tables


@pytest.mark.parametrize("size", [1, 100])
def test_changing_states_reads_tracks_by_their_key(large, size):
    ids = [row[0] for row in query(large, "SELECT id::text FROM audio_tracks LIMIT %s", size)]
    items = to_json([{"place": n, "audio_id": one, "status": "PROCESSING"} for n, one in enumerate(ids)]).decode()
    indexes, tables = plan_of(
        large, statements("status_updates")["set_status"], {"items": items, "transitions": _PAIRS}
    )
    assert "audio_tracks_pkey" in indexes
    assert not tables
