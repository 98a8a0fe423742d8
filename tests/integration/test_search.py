"""Searching: pages, filters, totals, odd input, and that nothing else of the caller's changes."""

from contextlib import closing, suppress
from uuid import UUID, uuid4

import psycopg2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from db.composites import array, row
from db.errors import DatabaseTimeoutError, ValidationError
from db.read import meanings, search_plan, search_run
from db.read.search import search_audio_tracks, search_audio_tracks_advanced
from db.read.search_explain import explain_search, why_found
from db.read.search_lag import read_model_lag
from db.read.search_plan import CAP
from db.reindex_preview import preview_reindex
from db.write.reindex import reindex
from db.write.search_index import index_tracks

OPERATORS = [
    '"',
    "-",
    "OR",
    "a",
    "'",
    "\\",
    ":*",
    "&",
    "|",
    "!",
    "(",
    ")",
    "<->",
    "artist:",
    "year:..",
    "愛",
    "%27",
    "\ud800",
]


def track(title, artist="Somebody", **fields):
    audio_id = uuid4()
    return {
        "id": audio_id,
        "title": title,
        "artist": artist,
        "album": None,
        "genre": None,
        "year": None,
        "duration": None,
        "format": None,
        "audio_path": f"gs://b/{audio_id}.mp3",
    } | fields


@pytest.fixture
def add(conn):
    def adding(*tracks):
        index_tracks(conn, tracks)
        conn.commit()
        return [item["id"] for item in tracks]

    return adding


def ids(page):
    return [hit.id for hit in page.hits]


def test_a_track_is_found_as_soon_as_it_is_indexed_and_by_its_new_name_when_it_changes(conn, add):
    first = track("Hyperballad", "Björk")
    add(first)
    assert search_audio_tracks(conn, "hyperballad")[0].id == first["id"]
    add(first | {"title": "Jóga"})
    assert search_audio_tracks(conn, "hyperballad") == []
    assert [(hit.id, hit.match) for hit in search_audio_tracks(conn, "joga")] == [(first["id"], "exact")]


@pytest.mark.parametrize("query", ["hyperballad", "hyperbalad"])
def test_a_hit_has_what_the_track_has_in_the_same_types(conn, add, query):
    fields = {"album": "Post", "genre": "Electronic", "year": 1995, "duration": 321.0, "format": "FLAC"}
    item = track('Hyper"ballad" \\', "Björk", **fields)
    add(item)
    (hit,) = search_audio_tracks(conn, query)
    assert hit == type(hit).model_validate(
        item | {"score": hit.score, "match": hit.match, "highlights": None}, strict=True
    )
    assert isinstance(hit.duration, float)


def test_pages_neither_repeat_nor_skip_while_tracks_are_added(conn, add):
    there = add(*(track(f"Love {n}", f"Artist {n % 7}") for n in range(57)))
    seen, cursor = [], None
    while True:
        page = search_audio_tracks_advanced(conn, "love", limit=10, cursor=cursor)
        seen += ids(page)
        cursor = page.next_cursor
        if cursor is None:
            break
        add(track("Love", "Newcomer"), track(f"Love {len(seen)} again", "Newcomer"))
    assert sorted(seen) == sorted(there)


def test_offset_and_cursor_give_the_same_pages(conn, add):
    add(*(track(f"{'Big ' * (n % 3)}Love {n}") for n in range(30)))
    first = search_audio_tracks_advanced(conn, "love", limit=12)
    assert first.total == 30
    assert first.total_is_exact
    by_cursor = search_audio_tracks_advanced(conn, "love", limit=12, cursor=first.next_cursor)
    by_offset = search_audio_tracks_advanced(conn, "love", limit=12, offset=12)
    assert ids(by_cursor) == ids(by_offset)


def test_later_pages_count_what_earlier_pages_showed(conn, add):
    add(*(track("Love") for _ in range(12)), track("Love Story"), track("Luve"))
    first = search_audio_tracks_advanced(conn, "love", limit=12)
    second = search_audio_tracks_advanced(conn, "love", limit=12, cursor=first.next_cursor)
    assert {hit.match for hit in first.hits} == {"exact"}
    assert [hit.match for hit in second.hits] == ["words"]
    assert (second.total, second.total_is_exact) == (first.total, first.total_is_exact) == (13, True)


def test_a_total_beyond_the_cap_says_at_least(conn, add):
    add(*(track("Love", f"Artist {n}") for n in range(CAP + 20)))
    page = search_audio_tracks_advanced(conn, "love", limit=5)
    assert (page.total >= CAP, page.total_is_exact) == (True, False)


@pytest.mark.parametrize("spoil", [lambda c: c[:-3], lambda c: "A" + c[1:], lambda _: "nonsense", lambda _: ""])
def test_a_cursor_that_no_search_gave_is_refused(conn, add, spoil):
    add(*(track(f"Love {n}") for n in range(4)))
    cursor = search_audio_tracks_advanced(conn, "love", limit=2).next_cursor
    with pytest.raises(ValidationError, match="cursor"):
        search_audio_tracks_advanced(conn, "love", limit=2, cursor=spoil(cursor))


def test_a_cursor_of_another_query_is_refused(conn, add):
    add(*(track(f"Love {n}") for n in range(4)))
    cursor = search_audio_tracks_advanced(conn, "love", limit=2).next_cursor
    with pytest.raises(ValidationError, match="another query"):
        search_audio_tracks_advanced(conn, "hate", limit=2, cursor=cursor)


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"artist": "bjork"}, "a"),
        ({"album": "POST"}, "a"),
        ({"genre": "rock"}, "bc"),
        ({"format": "flac"}, "ac"),
        ({"year_min": 1995}, "ab"),
        ({"year_min": 1995, "year_max": 1995}, "a"),
        ({"year_max": 1990}, "c"),
        ({"duration_min": 200}, "bc"),
        ({"duration_max": 200.5}, "a"),
        ({"genre": "rock", "format": "MP3"}, "b"),
        ({"min_rank": 0.99}, ""),
        ({"status": "COMPLETED"}, ""),
    ],
    ids=str,
)
def test_filters_narrow(conn, add, asked, found):
    names = dict(
        zip(
            add(
                track("Isobel", "Björk", album="Post", genre="Electronic", year=1995, duration=180.0, format="FLAC"),
                track("Isobel", "Dido", album="No Angel", genre="Pop|Rock", year=1999, duration=230.0, format="MP3"),
                track("Isobel", "Other", album="Old", genre="Rock", year=1970, duration=300.0, format="FLAC"),
            ),
            "abc",
            strict=True,
        )
    )
    page = search_audio_tracks_advanced(conn, "isobel", **asked)
    assert "".join(sorted(names[audio_id] for audio_id in ids(page))) == found


@pytest.mark.parametrize(
    ("query", "asked"),
    [("isobell", {"artist": "dido"}), ("isobell artist:dido", {}), ("isobell", {"album": "no angel"})],
    ids=str,
)
def test_filters_narrow_what_a_mistyped_word_may_have_meant(conn, add, query, asked):
    (_, wanted) = add(track("Isobel", "Björk", album="Post"), track("Isobel", "Dido", album="No Angel"))
    assert [(hit.id, hit.match) for hit in search_audio_tracks_advanced(conn, query, **asked).hits] == [
        (wanted, "fuzzy")
    ]


@pytest.mark.parametrize("analysed", [False, True])
def test_of_more_tracks_than_can_be_ranked_the_likeliest_come_first_however_new(conn, add, analysed):
    add(*(track(f"Song {n} of much love and other things", f"Some Artist {n}") for n in range(1100)))
    (newest,) = add(track("Love Song", "Newcomer"))
    if analysed:
        with conn.cursor() as cursor:
            cursor.execute("ANALYZE track_search")
    page = search_audio_tracks_advanced(conn, "song love")
    assert (page.hits[0].id, page.total_is_exact) == (newest, False)


@pytest.fixture
def many(conn, add, monkeypatch):
    """A catalogue whose commonest words count as too frequent for their lists in the index to be read."""
    audio_ids = add(
        *(track(f"Song {n} of love", f"Artist {n}", format="MP3", year=1990 + n % 5) for n in range(400)),
        track("Love Song", "Newcomer", format="MP3"),
        track("Lovers Rock", "Sade", format="FLAC"),
    )
    with conn.cursor() as cursor:
        cursor.execute("ANALYZE track_search")
    monkeypatch.setattr(search_plan, "_LONG_LIST", 50)
    monkeypatch.setattr(search_plan, "FEW", 20)
    monkeypatch.setattr(meanings, "_MOST_READ", 100)
    return audio_ids


@pytest.mark.parametrize(
    ("query", "title", "match"),
    [
        ("song love", "Love Song", "words"),
        ("song lov", "Love Song", "prefix"),
        ("sade lov", "Lovers Rock", "prefix"),
        ("newcomer so", "Love Song", "prefix"),
        ("lvoe song", "Love Song", "fuzzy"),
        ("lvoe sade", "Lovers Rock", "fuzzy"),
    ],
)
@pytest.mark.usefixtures("many")
def test_words_that_very_many_tracks_have_find_the_likeliest_too(conn, query, title, match):
    hit = search_audio_tracks(conn, query)[0]
    assert (hit.title, hit.match) == (title, match)


def test_pages_of_what_very_many_tracks_have_neither_repeat_nor_skip(conn, many, add):
    seen, cursor = [], None
    for _ in range(4):
        page = search_audio_tracks_advanced(conn, "mp3", limit=30, cursor=cursor, year_min=1991)
        assert page.total_is_exact is False
        seen += ids(page)
        cursor = page.next_cursor
        add(track("Another", format="MP3", year=1995))
    assert seen == [audio_id for at, audio_id in enumerate(many[:400]) if at % 5][: len(seen)]


def test_facets_count_the_hits(conn, add):
    add(*(track(f"Love {n}", genre="Rock" if n < 5 else "Jazz", year=1990 + n % 2) for n in range(7)))
    facets = search_audio_tracks_advanced(conn, "love", limit=1, facets=("genre", "year")).facets
    assert [(count.value, count.count) for count in facets["genre"]] == [("Rock", 5), ("Jazz", 2)]
    assert [(count.value, count.count) for count in facets["year"]] == [("1990", 4), ("1991", 3)]


@pytest.mark.parametrize(
    ("title", "query", "marked"),
    [
        ("Jóga & <b>", "joga", "<mark>Jóga</mark> &amp; &lt;b&gt;"),
        ("AC/DC live", "acdc", "<mark>AC/DC</mark> live"),
        ("Lovers rock", "lov", "<mark>Lovers</mark> rock"),
        ("上を向いて歩こう", "歩こ", "上を向いて<mark>歩こ</mark>う"),
    ],
)
def test_highlights_mark_what_matched_and_escape_the_rest(conn, add, title, query, marked):
    add(track(title))
    assert search_audio_tracks_advanced(conn, query, highlight=True).hits[0].highlights == {"title": marked}


@pytest.mark.parametrize("query", ["", "   ", "\0", "\u200b", None, 7])
def test_an_empty_query_is_refused(conn, query):
    with pytest.raises(ValidationError, match="query"):
        search_audio_tracks(conn, query)


@pytest.mark.parametrize(
    "asked",
    [
        {"limit": 0}, {"limit": 101}, {"offset": -1}, {"min_rank": 2}, {"facets": ("id; DROP",)}, {"facets": "genre"},
        {"status": "LOST"}, {"year_min": "1999"}, {"duration_max": float("nan")}, {"artist": "\0"}, {"genre": "\ud800"},
    ],
    ids=ascii,
)  # fmt: skip
def test_what_cannot_be_asked_is_refused_before_the_database(conn, asked):
    with pytest.raises(ValidationError, match=next(iter(asked))):
        search_audio_tracks_advanced(conn, "love", **asked)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(query=st.text(max_size=40) | st.lists(st.sampled_from(OPERATORS)).map(" ".join))
def test_no_input_is_a_syntax_error(conn, query):
    with suppress(ValidationError):
        search_audio_tracks_advanced(conn, query, highlight=True, facets=("genre",))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    texts=st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])) | st.none(), max_size=5)
)
def test_arrays_and_rows_arrive_as_they_were_written(conn, texts):
    with conn.cursor() as cursor:
        cursor.execute("SELECT %s::text[]", (array(texts),))
        assert cursor.fetchone() == (texts,)
        cursor.execute(
            "SELECT (r).typed, (r).bare FROM (SELECT %s::search_exact AS r) one",
            (row((None,) * 7 + ("x", str(texts))),),
        )
        assert cursor.fetchone() == ("x", str(texts))


def test_a_name_made_of_any_characters_finds_itself(conn, add):
    names = [
        "'; DROP TABLE track_search; --",
        "\\'\\'",
        "a:b*",
        "x" * 480,
        "(-:",
        "%s %(x)s {q}",
        "\u0301\u0302",
        "👍🏽",
    ]
    for name in names:
        (audio_id,) = add(track(name))
        assert audio_id in [hit.id for hit in search_audio_tracks(conn, name)], name


def test_the_callers_transaction_is_as_it_was(conn, add):
    add(track("Love"))
    with conn.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = '12345ms'")
        search_audio_tracks(conn, "lvoe")
        cursor.execute("SELECT current_setting('statement_timeout'), current_setting('enable_seqscan')")
        assert cursor.fetchone() == ("12345ms", "on")


def test_a_connection_in_autocommit_can_search_and_is_left_without_a_transaction(database_url, add):
    add(track("Love"))
    with closing(psycopg2.connect(database_url)) as conn:
        conn.autocommit = True
        assert len(search_audio_tracks(conn, "love")) == 1
        assert len(search_audio_tracks(conn, "lvoe")) == 1
        assert conn.info.transaction_status == psycopg2.extensions.TRANSACTION_STATUS_IDLE
        with conn.cursor() as cursor:
            cursor.execute(
                "SELECT name FROM pg_settings WHERE source = 'session' AND name ~ 'timeout|enable|trgm|plan_'"
            )
            assert cursor.fetchall() == []


def test_a_read_only_transaction_can_search_even_for_typos(database_url, add):
    add(track("Metallica"))
    with closing(psycopg2.connect(database_url)) as conn:
        conn.set_session(readonly=True)
        assert [hit.match for hit in search_audio_tracks(conn, "metalica")] == ["fuzzy"]


def test_a_search_that_runs_out_of_time_says_so_and_leaves_the_transaction_usable(conn, database_url, add, monkeypatch):
    add(track("Love"))
    monkeypatch.setattr(search_run, "_STATEMENT_SECONDS", 0.15)
    with closing(psycopg2.connect(database_url)) as other, other.cursor() as holding:
        holding.execute("LOCK TABLE track_search")
        with pytest.raises(DatabaseTimeoutError):
            search_audio_tracks(conn, "love")
    with conn.cursor() as cursor:
        cursor.execute("SELECT 1")
        assert cursor.fetchone() == (1,)


def test_a_search_whose_later_tiers_run_out_of_time_gives_the_best_so_far(conn, add, monkeypatch):
    add(track("Love"), track("Love Story"))
    monkeypatch.setattr(search_run, "_STATEMENT_SECONDS", 0.3)
    with conn.cursor() as cursor:
        cursor.execute("SELECT pg_get_functiondef('search_branch'::regproc)")
        (definition,) = cursor.fetchone()
        cursor.execute(definition.replace("LIMIT cap", "AND (seen IS NULL OR pg_sleep(5) IS NULL) LIMIT cap"))
    said = explain_search(conn, "love")
    assert [(hit.title, hit.match) for hit in said.page.hits] == [("Love", "exact")]
    assert (said.timed_out, said.page.total_is_exact) == (True, False)
    assert search_audio_tracks_advanced(conn, "love", limit=1).hits


def test_candidates_come_from_the_index_never_from_a_scan_of_the_table(conn, add):
    add(*(track(f"Love {n}") for n in range(300)))
    for query in ("love", "lov", "loev", "somebody love", "artist:somebody"):
        search_audio_tracks(conn, query)
    with conn.cursor() as cursor:
        cursor.execute("SELECT seq_scan, idx_scan FROM pg_stat_xact_user_tables WHERE relname = 'track_search'")
        scans = cursor.fetchone()
    assert (scans[0], scans[1] > 0) == (0, True)


def test_an_explanation_says_how_the_query_was_understood_and_what_each_tier_gave(conn, add):
    add(track("Love Me Do", "The Beatles", year=1962), track("Yesterday", "The Beatles"))
    said = explain_search(conn, 'artist:beatles "love me" -yesterday and year:1960..1965')
    assert said.required == (("artist:beatles",), ('"love me"',))
    assert (said.excluded, said.optional) == (("yesterday",), ("and",))
    assert (said.filters["year_min"], said.filters["year_max"]) == ("1960", "1965")
    assert {tier.match: tier.found for tier in said.tiers if tier.found} == {"words": 1}


def test_an_explanation_shows_what_a_mistyped_word_may_have_meant(conn, add):
    add(track("Enter Sandman", "Metallica"))
    assert explain_search(conn, "metalica").corrections["metalica"] == ("metallica",)


def test_it_can_be_said_why_a_track_is_or_is_not_a_hit(conn, add):
    (audio_id,) = add(track("Halo", "Beyoncé", year=2008))
    assert why_found(conn, audio_id, "halo").match == "exact"
    assert why_found(conn, audio_id, "halo").reasons == ("hit number 1, by tier exact",)
    assert "-beyonce" in why_found(conn, audio_id, "halo -beyonce").reasons[0]
    assert "filter" in why_found(conn, audio_id, "halo year:1990").reasons[0]
    assert "filter" in why_found(conn, audio_id, "halo", duration_min=3).reasons[0]
    assert why_found(conn, audio_id, "zzzzqqq wwwxxx").reasons[0].startswith("zzzzqqq:")
    assert "not in the read model" in why_found(conn, UUID(int=1), "halo").reasons[0]


def outdated(conn, query="UPDATE track_search SET folding_version = 0, document = ''"):
    with conn.cursor() as cursor:
        cursor.execute(query)
    conn.commit()


def test_a_reindex_folds_anew_what_another_version_folded_and_reports_progress(conn, add):
    audio_ids = add(*(track(f"Love {n}") for n in range(25)))
    outdated(conn)
    assert search_audio_tracks(conn, "love") == []
    assert read_model_lag(conn).outdated == 25
    seen = []
    assert reindex(conn, batch=10, progress=lambda done, of: seen.append((done, of))) == 25
    assert seen == [(0, 25), (10, 25), (20, 25), (25, 25)]
    assert [hit.id for hit in search_audio_tracks(conn, "love", limit=25)] == audio_ids
    assert read_model_lag(conn).outdated == 0


def test_a_reindex_that_was_stopped_goes_on_where_it_was(conn, add):
    add(*(track(f"Love {n}") for n in range(25)))
    outdated(conn)

    class Stopped(Exception):  # noqa: N818 - an interruption, not an error
        pass

    def stop(done, _):
        if done == 10:
            raise Stopped

    with pytest.raises(Stopped):
        reindex(conn, batch=10, progress=stop)
    conn.rollback()
    assert reindex(conn, batch=10) == 15


def test_a_reindex_adds_completed_tracks_that_are_missing(conn):
    audio_id = uuid4()
    with conn.cursor() as cursor:
        cursor.execute("INSERT INTO audio_tracks (id) VALUES (%s)", (str(audio_id),))
        cursor.execute("UPDATE audio_tracks SET status = 'PROCESSING'")
        cursor.execute("UPDATE audio_tracks SET status = 'COMPLETED', title = 'Love', audio_path = 'gs://b/a'")
    conn.commit()
    assert read_model_lag(conn).missing == 1
    assert reindex(conn) == 1
    assert [hit.id for hit in search_audio_tracks(conn, "love")] == [audio_id]


def test_everything_can_be_folded_anew(conn, add):
    add(*(track(f"Love {n}") for n in range(5)))
    assert reindex(conn) == 0
    assert reindex(conn, everything=True, batch=2) == 5


def test_a_preview_shows_which_queries_would_be_answered_differently_and_changes_nothing(conn, add):
    add(track("Jóga", "Björk"), track("Halo", "Beyoncé"))
    outdated(conn, "UPDATE track_search SET document = '' WHERE title = 'Halo'")
    (difference,) = preview_reindex(conn, ["joga", "halo"])
    assert (difference.query, difference.before, difference.after) == ("halo", (), ("Beyoncé – Halo",))
    assert search_audio_tracks(conn, "halo") == []


def test_a_preview_sees_its_own_copy_on_a_connection_that_had_temporary_tables_before(conn, add):
    add(track("Halo", "Beyoncé"))
    outdated(conn, "CREATE TEMPORARY TABLE something (); UPDATE track_search SET document = ''")
    (difference,) = preview_reindex(conn, ["halo"])
    assert (difference.before, difference.after) == ((), ("Beyoncé – Halo",))
