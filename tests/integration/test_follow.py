"""Following the history: every line once, whatever order transactions end in."""

import random
import threading
from contextlib import closing
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import psycopg2
import pytest

from db.errors import DatabaseOperationError, ValidationError
from db.pool import DatabasePool
from db.read import follow
from db.read.follow import Follower
from db.statements import statements


def connect(url):
    return closing(psycopg2.connect(url))


def begin_track(conn, track=None):
    """Begin a track, which writes one line; return its id."""
    track = track or str(uuid4())
    with conn.cursor() as cursor:
        cursor.execute("INSERT INTO audio_tracks (id) VALUES (%s)", (track,))
    return track


def set_status(conn, track, status, code=None):
    with conn.cursor() as cursor:
        cursor.execute("UPDATE audio_tracks SET status = %s, error_code = %s WHERE id = %s", (status, code, track))


def poll(follower, pool):
    with pool.transaction() as conn:
        return [str(entry.audio_id) for entry in follower.poll(conn)]


def primed(pool, **filters):
    follower = Follower(**filters)
    assert poll(follower, pool) == []
    return follower


def test_a_follower_begins_now_and_returns_each_line_once(pool, conn):
    begin_track(conn)
    conn.commit()
    follower = primed(pool)
    first, second = begin_track(conn), begin_track(conn)
    conn.commit()
    assert poll(follower, pool) == [first, second]
    assert poll(follower, pool) == []
    assert follower.caught_up


def test_a_line_that_was_written_earlier_and_committed_later_is_not_missed(pool, database_url):
    follower = primed(pool)
    with connect(database_url) as slow, connect(database_url) as quick:
        late = begin_track(slow)
        early = begin_track(quick)
        quick.commit()
        assert poll(follower, pool) == [early]
        for _ in range(3):
            other = begin_track(quick)
            quick.commit()
            assert poll(follower, pool) == [other]
        slow.commit()
        assert poll(follower, pool) == [late]
        assert poll(follower, pool) == []


@pytest.fixture
def no_margin(monkeypatch):
    """Rely on who is under way alone, so that a mistake there shows at once."""
    monkeypatch.setattr(follow, "_MARGIN", timedelta(0))


@pytest.mark.usefixtures("no_margin")
def test_transactions_that_interleave_in_every_order_lose_nothing_without_any_margin(pool, database_url):
    follower = primed(pool)
    with connect(database_url) as one, connect(database_url) as two:
        expected = []
        got = []
        for commits in ((one, two), (two, one)):
            expected += [begin_track(one), begin_track(two)]
            got += poll(follower, pool)
            expected.append(begin_track(one))
            commits[0].commit()
            got += poll(follower, pool)
            expected.append(begin_track(commits[1]))
            got += poll(follower, pool)
            commits[1].commit()
            got += poll(follower, pool)
        assert sorted(got) == sorted(expected)


@pytest.mark.usefixtures("no_margin")
def test_lines_written_inside_savepoints_are_not_missed(pool, database_url):
    follower = primed(pool)
    with connect(database_url) as slow, connect(database_url) as quick, slow.cursor() as cursor:
        cursor.execute("SAVEPOINT a")
        inside = begin_track(slow)
        cursor.execute("RELEASE a")
        cursor.execute("SAVEPOINT b")
        begin_track(slow)
        cursor.execute("ROLLBACK TO b")
        other = begin_track(quick)
        quick.commit()
        assert poll(follower, pool) == [other]
        slow.commit()
        assert poll(follower, pool) == [inside]


def test_a_transaction_that_was_under_way_before_the_first_poll_is_not_missed(pool, database_url, monkeypatch):
    monkeypatch.setattr(follow, "_MARGIN", timedelta(0))
    monkeypatch.setattr(follow, "_LONGEST_UNKNOWN", timedelta(0))  # its beginning is known: the role is the same
    with connect(database_url) as slow:
        late = begin_track(slow)
        follower = primed(pool)
        slow.commit()
        assert poll(follower, pool) == [late]


@pytest.mark.usefixtures("no_margin")
def test_nothing_is_lost_or_doubled_while_many_write_at_once(pool, database_url):
    follower = primed(pool)
    written, got = [], []
    lock = threading.Lock()

    def write(seed):
        chance = random.Random(seed)
        with connect(database_url) as conn:
            for _ in range(60):
                tracks = [begin_track(conn) for _ in range(chance.randint(1, 4))]
                if chance.random() < 0.4:
                    with conn.cursor() as cursor:
                        cursor.execute("SELECT pg_sleep(%s)", (chance.random() / 20,))
                if chance.random() < 0.15:
                    conn.rollback()
                    continue
                conn.commit()
                with lock:
                    written.extend(tracks)

    threads = [threading.Thread(target=write, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        got += poll(follower, pool)
    got += poll(follower, pool)
    assert sorted(got) == sorted(written)


def test_it_goes_on_where_another_one_stopped(pool, conn):
    first = primed(pool)
    seen = begin_track(conn)
    conn.commit()
    assert poll(first, pool) == [seen]
    missed = begin_track(conn)
    conn.commit()
    assert missed in poll(Follower(since=first.position), pool)


def test_what_was_written_long_ago_is_read_in_slices_until_it_has_caught_up(pool, conn, monkeypatch):
    monkeypatch.setattr(follow, "POLL_MAX", 7)
    tracks = [begin_track(conn) for _ in range(40)]
    with conn.cursor() as cursor:  # over three months, the first twelve in the very same microsecond
        cursor.execute(
            "UPDATE audio_track_history h SET at = now() - make_interval(days => 90) + "
            "make_interval(hours => 50 * greatest(0, p.place::integer - 12))"
            " FROM unnest(%s::uuid[]) WITH ORDINALITY AS p (id, place) WHERE h.audio_id = p.id",
            (tracks,),
        )
    conn.commit()
    follower = Follower(since=datetime.now(UTC) - timedelta(days=100))
    got, polls = [], 0
    while not follower.caught_up:
        some = poll(follower, pool)
        assert len(some) <= 7
        got += some
        polls += 1
        assert polls < 200
    assert got == tracks
    assert poll(follower, pool) == []


def test_filters_keep_only_what_was_asked_for(pool, conn):
    follower = {
        "to": primed(pool, to=["FAILED"]),
        "track": primed(pool, audio_id="00000000-0000-0000-0000-000000000001"),
        "code": primed(pool, error_codes=["boom", "bang"]),
        "worker": primed(pool, worker="tests:"),
        "nobody": primed(pool, worker="%"),
    }
    failing = begin_track(conn)
    other = begin_track(conn, "00000000-0000-0000-0000-000000000001")
    with conn.cursor() as cursor:
        cursor.execute("SET application_name = 'tests:7'")
    set_status(conn, failing, "PROCESSING")
    with conn.cursor() as cursor:
        cursor.execute("RESET application_name")
    set_status(conn, failing, "FAILED", "boom")
    conn.commit()
    assert {name: poll(one, pool) for name, one in follower.items()} == {
        "to": [failing], "track": [other], "code": [failing], "worker": [failing], "nobody": [],
    }  # fmt: skip


def test_the_last_lines_come_first_and_not_twice(pool, conn):
    tracks = [begin_track(conn) for _ in range(5)]
    with conn.cursor() as cursor:
        cursor.execute(
            "UPDATE audio_track_history SET at = now() - interval '3 days' WHERE audio_id = ANY(%s::uuid[])",
            (tracks[:3],),
        )
    conn.commit()
    follower = Follower()
    with pool.transaction() as reading:
        follower.poll(reading)
        late = begin_track(conn)
        conn.commit()  # between the two: must be in exactly one of them
        assert [str(entry.audio_id) for entry in follower.latest(reading, 4)] == [*tracks[2:], late]
    assert poll(follower, pool) == []


def test_filters_that_cannot_be_are_refused():
    with pytest.raises(ValidationError, match="PENDING, PROCESSING"):
        Follower(to=["DONE"])
    with pytest.raises(ValidationError, match="audio_id"):
        Follower(audio_id="x")
    with pytest.raises(ValidationError, match="time zone"):
        Follower(since=datetime(2026, 11, 1))  # noqa: DTZ001 - the point


@pytest.mark.parametrize("level", ["REPEATABLE READ", "SERIALIZABLE"])
def test_a_transaction_that_sees_only_its_own_past_is_refused(pool, level):
    with pool.transaction() as conn, conn.cursor() as cursor:
        cursor.execute(f"SET TRANSACTION ISOLATION LEVEL {level}")
        with pytest.raises(DatabaseOperationError, match="READ COMMITTED"):
            Follower().poll(conn)


def test_a_restart_of_the_server_loses_nothing(postgres_server):
    with closing(DatabasePool(postgres_server.url, min_size=0, max_size=2, timeout=1)) as pool:
        follower = primed(pool)
        with connect(postgres_server.url) as conn:
            with conn.cursor() as cursor:
                cursor.execute("SET synchronous_commit = on")  # off on the tests' servers, which a kill would show
            before = begin_track(conn)
            conn.commit()
        postgres_server.kill()
        with pytest.raises(DatabaseOperationError):
            poll(follower, pool)
        postgres_server.start()
        with connect(postgres_server.url) as slow, connect(postgres_server.url) as quick:
            late, early = begin_track(slow), begin_track(quick)
            quick.commit()
            got = poll(follower, pool)
            assert got == [before, early]
            slow.commit()
            assert poll(follower, pool) == [late]


@pytest.mark.parametrize(("statement", "low"), [("follow", "5 seconds"), ("latest", "1 minute")])
def test_what_came_last_is_found_without_reading_the_whole_history(conn, statement, low):
    with conn.cursor() as cursor:
        cursor.execute(
            "INSERT INTO audio_track_history (audio_id, to_status, attempt, at)"
            " SELECT gen_random_uuid(), 'PENDING', 0, now() - make_interval(secs => (200000 - i) / 10.0)"
            " FROM generate_series(1, 200000) i"
        )
        cursor.execute("SELECT brin_summarize_new_values('audio_track_history_at')")
        cursor.execute("ANALYZE audio_track_history")
        params = {"to": None, "audio_id": None, "error_codes": None, "worker": None, "high": None, "limit": 100}
        params["low"] = datetime.now(UTC) - timedelta(**{low.split()[1].rstrip("s") + "s": int(low.split()[0])})
        cursor.execute("EXPLAIN " + statements("history")[statement], params)
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert "audio_track_history_at" in plan, plan
    assert "Seq Scan" not in plan, plan
