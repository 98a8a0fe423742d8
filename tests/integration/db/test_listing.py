"""Listing: every ordering, by pages and by cursor, nulls last, totals exact."""

import base64
import json
from datetime import UTC, datetime, timedelta
from hashlib import blake2s
from uuid import UUID, uuid4

import pytest

from db import ValidationError, get_all_audio_metadata
from db.cursors import decode
from db.read.listing import ORDERINGS
from tests.tracks import STATES, query, saved, track_in

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
KEYS = frozenset({"by", "desc", "status", "value", "id"})


@pytest.fixture
def shelf(conn):
    """Forty tracks with ties and gaps in every column that can be ordered by."""
    insert = (
        "INSERT INTO audio_tracks (id, title, artist, year, created_at, updated_at) VALUES (%s, %s, %s, %s, %s, %s)"
    )
    for n in range(40):
        query(
            conn,
            insert,
            UUID(int=n * 7919 % 40),
            f"Title {n % 9}" if n % 5 else None,
            f"Artist {n % 4}" if n % 3 else None,
            1990 + n % 6 if n % 4 else None,
            LONG_AGO + timedelta(microseconds=n // 2),
            LONG_AGO + timedelta(days=n // 3),
        )
    query(conn, "UPDATE audio_tracks SET status = 'PROCESSING' WHERE id::text ~ '[02468ace]$'")
    return conn


def expected(conn, order_by, descending, status=None):
    where = "WHERE status = %s" if status else "WHERE %s IS NULL"
    direction = "DESC" if descending else "ASC"
    statement = f"SELECT id FROM audio_tracks {where} ORDER BY {order_by} {direction} NULLS LAST, id {direction}"
    return [row[0] for row in query(conn, statement, status)]


@pytest.mark.parametrize("status", [None, "PENDING"])
@pytest.mark.parametrize("descending", [True, False])
@pytest.mark.parametrize("order_by", ORDERINGS)
def test_pages_and_cursors_both_give_every_track_once_in_order(shelf, order_by, descending, status):
    wanted = expected(shelf, order_by, descending, status)
    how = {"order_by": order_by, "descending": descending, "status": status, "limit": 7}
    by_offset, by_cursor, cursor = [], [], None
    for offset in range(0, len(wanted), 7):
        page = get_all_audio_metadata(shelf, offset=offset, **how)
        by_offset += [track.id for track in page.tracks]
        assert (page.total, page.limit, page.offset) == (len(wanted), 7, offset)
        assert page.has_more is (offset + 7 < len(wanted)) is (page.next_cursor is not None)
    while True:
        page = get_all_audio_metadata(shelf, cursor=cursor, **how)
        by_cursor += [track.id for track in page.tracks]
        assert page.total == len(wanted)
        cursor = page.next_cursor
        if cursor is None:
            break
    assert by_offset == by_cursor == wanted


def test_newest_first_is_what_is_listed_without_being_asked(conn):
    first, second = saved(conn), saved(conn)
    query(conn, "UPDATE audio_tracks SET created_at = created_at - interval '1 h' WHERE id = %s", first.id)
    assert [track.id for track in get_all_audio_metadata(conn).tracks] == [second.id, first.id]


@pytest.mark.parametrize("status", STATES)
def test_the_status_filter_lists_and_counts_that_status_only(conn, status):
    ids = {state: track_in(conn, state) for state in STATES}
    page = get_all_audio_metadata(conn, status=status)
    assert ([track.id for track in page.tracks], page.total) == ([ids[status]], 1)
    assert get_all_audio_metadata(conn, status=str(status)) == page


def test_an_empty_page_still_knows_the_total(shelf):
    page = get_all_audio_metadata(shelf, offset=1000)
    assert (page.tracks, page.total, page.has_more, page.next_cursor) == ((), 40, False, None)


def test_an_empty_library_lists_nothing(conn):
    page = get_all_audio_metadata(conn)
    assert (page.tracks, page.total, page.has_more) == ((), 0, False)


def test_a_cursor_goes_on_behind_a_track_that_is_gone(shelf):
    page = get_all_audio_metadata(shelf, order_by="title", descending=False, limit=10)
    rest = expected(shelf, "title", descending=False)[10:]
    query(shelf, "DELETE FROM audio_tracks WHERE id = %s", page.tracks[-1].id)
    behind = get_all_audio_metadata(shelf, order_by="title", descending=False, limit=100, cursor=page.next_cursor)
    assert [track.id for track in behind.tracks] == rest


def test_titles_in_every_script_survive_a_cursor(conn):
    titles = ["Ænima", "%s %(x)s", "ﷺ", "🎵", "' OR 1=1 --", "\\", "日本語", "a\nb"]
    for title in titles:
        saved(conn, title=title)
    seen, cursor = [], None
    while True:
        page = get_all_audio_metadata(conn, order_by="title", limit=1, cursor=cursor)
        seen += [track.title for track in page.tracks]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert sorted(seen) == sorted(titles)


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"limit": 0}, "limit"),
        ({"limit": 1001}, "limit"),
        ({"limit": "10"}, "limit"),
        ({"limit": True}, "limit"),
        ({"limit": None}, "limit"),
        ({"offset": -1}, "offset"),
        ({"offset": 1.5}, "offset"),
        ({"offset": 2**40}, "offset"),
        ({"order_by": "id; DROP TABLE audio_tracks"}, "order_by"),
        ({"order_by": "retry_count"}, "order_by"),
        ({"order_by": None}, "order_by"),
        ({"order_by": ["title"]}, "order_by"),
        ({"descending": "yes"}, "descending"),
        ({"status": "completed"}, "status"),
        ({"status": ["PENDING"]}, "status"),
        ({"cursor": "x"}, "cursor"),
        ({"cursor": 5}, "cursor"),
    ],
)
def test_a_wrong_listing_is_refused_before_the_database_is_asked(conn, wrong, field):
    conn.close()
    with pytest.raises(ValidationError, match=f"{field}: "):
        get_all_audio_metadata(conn, **wrong)


def test_everything_wrong_with_a_listing_is_named_at_once(conn):
    with pytest.raises(ValidationError) as caught:
        get_all_audio_metadata(conn, limit=0, offset=5, cursor="x", order_by="x", status="x", descending=1)
    fields = {reason.partition(":")[0] for reason in caught.value.reasons}
    assert fields == {"limit", "offset", "order_by", "descending", "status"}


@pytest.mark.parametrize(
    "other", [{"order_by": "artist"}, {"descending": False}, {"status": "COMPLETED"}, {"order_by": "created_at"}]
)
def test_a_cursor_of_another_listing_is_refused(shelf, other):
    cursor = get_all_audio_metadata(shelf, order_by="title", limit=5).next_cursor
    with pytest.raises(ValidationError, match="another ordering or status"):
        get_all_audio_metadata(shelf, **{"order_by": "title", "cursor": cursor, **other})


def forged(cursor, **changes):
    body = json.dumps(decode(cursor, KEYS) | changes, separators=(",", ":"), sort_keys=True).encode()
    digest = blake2s(body, digest_size=6, person=b"cursor1").digest()
    return base64.urlsafe_b64encode(digest + body).decode().rstrip("=")


@pytest.mark.parametrize(
    ("order_by", "changes"),
    [
        ("title", {"value": 5}),
        ("title", {"value": ["x"]}),
        ("title", {"value": "a\0b"}),
        ("title", {"value": "\ud800"}),
        ("title", {"id": "' OR 1=1 --"}),
        ("title", {"id": 5}),
        ("year", {"value": "1990"}),
        ("year", {"value": 10**30}),
        ("year", {"value": True}),
        ("year", {"value": 1990.5}),
        ("created_at", {"value": None}),
        ("created_at", {"value": "yesterday"}),
        ("created_at", {"value": "2020-01-01T00:00:00"}),
        ("created_at", {"value": 5}),
    ],
)
def test_a_cursor_forged_with_the_right_digest_is_refused_by_its_types(shelf, order_by, changes):
    cursor = get_all_audio_metadata(shelf, order_by=order_by, limit=5).next_cursor
    assert get_all_audio_metadata(shelf, order_by=order_by, cursor=forged(cursor)).tracks
    with pytest.raises(ValidationError, match="begin again without a cursor"):
        get_all_audio_metadata(shelf, order_by=order_by, cursor=forged(cursor, **changes))


def test_a_cursor_forged_with_sql_for_a_value_is_only_a_value(shelf):
    cursor = get_all_audio_metadata(shelf, order_by="title", descending=False, limit=5).next_cursor
    attack = forged(cursor, value="'); DROP TABLE audio_tracks; --", id=str(uuid4()))
    get_all_audio_metadata(shelf, order_by="title", descending=False, cursor=attack)
    assert query(shelf, "SELECT count(*) FROM audio_tracks") == [(40,)]
