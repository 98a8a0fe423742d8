"""The main job, end to end: files of events, Celery's own worker command, the command line."""

import json
import subprocess
import sys
import urllib.request
from contextlib import closing
from uuid import uuid4

import psycopg2
import pytest

from db.pool import DatabasePool
from db.read.search import search_audio_tracks
from tests.programs import Programs
from tests.servers import throwaway_home
from worker.cli.demo import sample_lines

SAMPLES = "\n".join(sample_lines()).encode()
DIRT = [
    {"metadata": {"artist": "Bj\u00f6rk\x00", "title": "\ufeff  J\u00f3ga ", "year": "1997-09-22"}},
    {"metadata": {"artist": "X" * 4000, "title": "Too long", "channels": 40, "duration": -3}},
    {"metadata": {"title": "\u0300\u0301\u0302", "artist": "<MISSING>", "year": "0"}},
    {"metadata": {"title": "\u202eright to left\u202c", "artist": "\U0001f3b8", "bitrate": "320000"}},
    {"metadata": {}},
]
FOUND_FIRST = {
    "acdc": "AC/DC",
    "bjork joga": "Björk",
    "the the": "The The",
    "rem losing my religion": "R.E.M.",
    "!!!": "!!!",
    "林檎": "椎名林檎",
    "кино": "Кино",
    "blink182": "blink-182",
}


def query(database_url, statement, *parameters):
    with closing(psycopg2.connect(database_url)) as conn, conn.cursor() as cursor:
        cursor.execute(statement, parameters)
        return cursor.fetchall()


def unsettled(database_url):
    return query(database_url, "SELECT count(*) FROM audio_events WHERE settled_at IS NULL")[0][0]


@pytest.fixture
def programs(database_url, broker_url, tmp_path):
    return Programs(DATABASE_URL=database_url, BROKER_URL=broker_url, TONEARM_HOME=str(tmp_path), LOG_FORMAT="json")


def test_published_events_become_completed_tracks_that_a_search_finds(programs, database_url, tmp_path, wait_until):
    published = programs.tonearm("publish", "-", "--json", stdin=SAMPLES)
    assert published.code == 0, published.err
    assert published.json() == {"published": 86, "duplicates": 0, "not_enqueued": 0, "refused": 0}
    assert programs.tonearm("status", "--json").json()["tracks"]["PENDING"] == 86

    with programs.worker(tmp_path / "worker.log", "-c", "2"):
        wait_until(lambda: unsettled(database_url) == 0, timeout=30)
        registered = subprocess.run(
            [sys.executable, "-m", "celery", "-A", "worker.app", "inspect", "registered", "--json"],
            env=programs.environment,
            capture_output=True,
            check=True,
        )
    assert {"audio.processed", "audio.processed.batch"} <= set(next(iter(json.loads(registered.stdout).values())))

    now = programs.tonearm("status", "--json").json()
    assert now["tracks"] == {"PENDING": 0, "PROCESSING": 0, "COMPLETED": 86, "FAILED": 0}
    assert now["queue"] == {"depth": 0, "unacknowledged": 0}
    assert (now["oldest_pending_seconds"], now["oldest_lease_seconds"], now["failures"]) == (None, None, {})

    found = programs.tonearm("search", "beyonce", "hal", "--json").json()
    first = found["hits"][0]
    assert (first["artist"], first["title"]) == ("Beyoncé", "Halo")
    assert set(found) == {"query", "total", "total_is_exact", "next_cursor", "hits", "facets"}
    with closing(DatabasePool(database_url)) as pool, pool.transaction() as conn:
        for words, artist in FOUND_FIRST.items():
            assert search_audio_tracks(conn, words, limit=1)[0].artist == artist, words

    shown = programs.tonearm("show", first["id"], "--json").json()
    assert [(line["from"], line["to"]) for line in shown["timeline"]] == [
        (None, "PENDING"),
        ("PENDING", "PROCESSING"),
        ("PROCESSING", "COMPLETED"),
    ]
    assert shown["searchable"] is True
    assert shown["track"]["artist"] == "Beyoncé"
    listed = programs.tonearm("list", "--status", "completed", "--order-by", "title", "--json", "--limit", "10").json()
    assert (len(listed["tracks"]), listed["total"]) == (10, 86)


def test_publishing_the_same_file_again_changes_nothing(programs, database_url, tmp_path, wait_until):
    file = tmp_path / "events.jsonl"
    file.write_bytes(SAMPLES)
    everything = (
        "SELECT (SELECT array_agg(t ORDER BY id) FROM audio_tracks t)::text,"
        " (SELECT array_agg(h ORDER BY id) FROM audio_track_history h)::text,"
        " (SELECT array_agg(e ORDER BY event_id) FROM audio_events e)::text"
    )
    with programs.worker(tmp_path / "worker.log", "-c", "2"):
        programs.tonearm("publish", str(file))
        wait_until(lambda: unsettled(database_url) == 0, timeout=30)
        before = query(database_url, everything)
        again = programs.tonearm("publish", str(file), "--json").json()
        assert again == {"published": 0, "duplicates": 86, "not_enqueued": 0, "refused": 0}
        # One more event that has to go through the same queue shows that nothing came before it.
        late = {"audio_id": str(uuid4()), "audio_path": "gs://b/late.mp3"}
        programs.tonearm("publish", "-", stdin=json.dumps(late).encode())
        wait_until(
            lambda: (
                query(database_url, "SELECT status FROM audio_tracks WHERE id = %s", late["audio_id"])
                == [("COMPLETED",)]
            )
        )
    query_without = everything.replace("audio_tracks t", "audio_tracks t WHERE audio_path <> 'gs://b/late.mp3'")
    after = query(database_url, query_without)
    assert after[0][0] == before[0][0]


def test_dirty_tags_are_cleaned_and_the_history_says_so(programs, database_url, tmp_path, wait_until):
    lines = [
        json.dumps({"audio_id": str(uuid4()), "audio_path": f"s3://b/{number}.flac", **event})
        for number, event in enumerate(DIRT)
    ]
    with programs.worker(tmp_path / "worker.log", "-c", "1"):
        assert programs.tonearm("publish", "-", stdin="\n".join(lines).encode()).code == 0
        wait_until(lambda: unsettled(database_url) == 0, timeout=30)
    rows = query(database_url, "SELECT status, artist, title, year, channels FROM audio_tracks ORDER BY audio_path")
    assert rows[0] == ("COMPLETED", "Björk", "Jóga", 1997, None)
    assert rows[1] == ("COMPLETED", "X" * 500, "Too long", None, None)
    assert rows[4] == ("COMPLETED", None, "Untitled", None, None)
    notes = query(
        database_url,
        "SELECT h.error_message FROM audio_track_history h JOIN audio_tracks t ON t.id = h.audio_id"
        " WHERE h.error_code = 'metadata_cleaned' ORDER BY audio_path",
    )
    assert "artist cleaned of control characters" in notes[0][0]
    assert "channels left out: 40" in notes[1][0]
    assert "duration left out: -3" in notes[1][0]


def test_broken_lines_are_reported_by_number_and_the_others_go_through(programs, database_url):
    good = {"audio_id": str(uuid4()), "audio_path": "gs://b/a.mp3"}
    lines = ["not json", json.dumps(good), "", '{"audio_id": "x", "audio_path": "y"}', "[1]"]
    ran = programs.tonearm("publish", "-", stdin="\n".join(lines).encode())
    assert ran.code == 1
    assert "-:1: not JSON" in ran.err
    assert "-:4: audio_id" in ran.err
    assert "-:5: an event is a JSON object" in ran.err
    assert "1 published" in ran.out
    assert query(database_url, "SELECT count(*) FROM rejected_events") == [(3,)]


def test_a_file_of_garbage_is_refused_at_once(programs, database_url, tmp_path):
    garbage = tmp_path / "garbage.bin"
    garbage.write_bytes(b"\x00\xff\x13garbage\n" * 1000)
    ran = programs.tonearm("publish", str(garbage))
    assert ran.code == 1
    assert ran.err.count("\n") == 1
    assert query(database_url, "SELECT count(*) FROM rejected_events") == [(0,)]


@pytest.mark.parametrize(
    ("arguments", "environment", "code", "said"),
    [
        (["search", "x"], {"DATABASE_URL": "postgresql://u:secret@127.0.0.1:1/x"}, 3, "DATABASE_URL"),
        (["search", "x"], {"DATABASE_URL": "nonsense"}, 3, "DATABASE_URL"),
        (["list"], {"DATABASE_URL": ""}, 3, "DATABASE_URL"),
        (["status"], {"BROKER_URL": "redis://:secret@127.0.0.1:1/0"}, 3, "BROKER_URL"),
        (["status"], {"BROKER_URL": ""}, 3, "BROKER_URL"),
        (["list"], {"MAX_ATTEMPTS": "many"}, 2, "MAX_ATTEMPTS"),
        (["show", "nope"], {}, 2, "nope"),
        (["show", "5d098d5b-adcd-4b71-925a-9eedf497a0f4"], {}, 1, "no track"),
        (["search", "   "], {}, 2, "query"),
        (["search", "x", "--cursor", "forged"], {}, 2, "cursor"),
        (["list", "--order-by", "1; DROP TABLE audio_tracks"], {}, 2, "order_by"),
        (["list", "--status", "LOST"], {}, 2, "status"),
        (["publish", "/no/such/file"], {}, 2, "/no/such/file"),
        (["search"], {}, 2, "words"),
        (["no-such-command"], {}, 2, "no-such-command"),
    ],
)
def test_what_goes_wrong_is_one_clear_line_and_the_right_exit_code(programs, arguments, environment, code, said):
    ran = programs.tonearm(*arguments, **environment)
    assert ran.code == code, ran.err
    assert said in ran.err
    assert "Traceback" not in ran.err
    assert "secret" not in ran.err + ran.out


def test_publish_without_a_broker_stores_the_events_and_says_so(programs, database_url):
    event = {"audio_id": str(uuid4()), "audio_path": "gs://b/a.mp3"}
    ran = programs.tonearm(
        "publish", "-", "--json", stdin=json.dumps(event).encode(), BROKER_URL="redis://127.0.0.1:1/0"
    )
    assert ran.code == 0, ran.err
    assert ran.json() == {"published": 1, "duplicates": 0, "not_enqueued": 1, "refused": 0}
    assert query(database_url, "SELECT enqueued_at FROM audio_events") == [(None,)]


def test_a_database_without_our_tables_says_what_to_run(empty_database_url):
    programs = Programs(DATABASE_URL=empty_database_url, BROKER_URL="redis://127.0.0.1:1/0")
    ran = programs.tonearm("list")
    assert (ran.code, "tonearm migrate" in ran.err) == (3, True)
    assert programs.tonearm("migrate").code == 0
    assert "nothing to do" in programs.tonearm("migrate").out
    assert programs.tonearm("list").code == 0


def test_the_demo_shows_completed_tracks_and_searches_and_leaves_nothing_behind(tmp_path):
    picture = tmp_path / "demo.svg"
    with throwaway_home() as directory:
        ran = Programs(TMPDIR=str(directory)).tonearm("demo", "--picture", str(picture), timeout=90)
        left = list(directory.iterdir())
    assert ran.code == 0, ran.err
    assert "86 of 86 known already" in ran.out
    assert "AC/DC" in ran.out
    assert "PROCESSING → COMPLETED" in ran.out
    assert left == []
    drawn = picture.read_text(encoding="utf-8")
    assert "PROCESSING&#160;→&#160;COMPLETED" in drawn
    assert "@font-face" not in drawn


def test_flower_shows_the_tasks_by_their_names(programs, database_url, tmp_path, wait_until, unused_port):
    programs.environment["FLOWER_UNAUTHENTICATED_API"] = "true"
    command = [
        sys.executable,
        "-m",
        "celery",
        "-A",
        "worker.app",
        "flower",
        f"--port={unused_port}",
        "--address=127.0.0.1",
    ]
    with (tmp_path / "flower.log").open("wb") as log:
        flower = subprocess.Popen(command, env=programs.environment, stdout=log, stderr=log)
    try:

        def tasks():
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{unused_port}/api/tasks", timeout=5) as answer:
                    return json.load(answer)
            except OSError:
                return None

        wait_until(lambda: tasks() is not None, timeout=30)
        with programs.worker(tmp_path / "worker.log", "-c", "1"):
            programs.tonearm("publish", "-", stdin=SAMPLES)
            wait_until(lambda: unsettled(database_url) == 0, timeout=30)
            seen = wait_until(tasks, timeout=15)
    finally:
        flower.terminate()
        flower.wait(10)
    assert {task["name"] for task in seen.values()} == {"audio.processed.batch"}
    assert {task["state"] for task in seen.values()} <= {"SUCCESS", "STARTED", "RECEIVED"}
