"""Scanning: what is new is published, what was moved or tagged stays the same track, and nothing stops a scan."""

import hashlib
import os
import signal
import subprocess
import sys
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from pydantic import SecretStr

from db.statements import statements
from tests import audio
from tests.programs import Programs
from worker.scan import child
from worker.scan.files import Walk
from worker.scan.run import Options, Tally, scan
from worker.settings import Settings

PNG = b"\x89PNG\r\n\x1a\n" + bytes(50)


@pytest.fixture
def settings(database_url, broker_url):
    return Settings(database_url=SecretStr(database_url), broker_url=SecretStr(broker_url))


@pytest.fixture
def music(tmp_path):
    root = tmp_path / "music"
    root.mkdir()
    return root


@pytest.fixture(params=[500, 1], ids=["at once", "one by one"])
def scanned(settings, music, request, monkeypatch):
    """Scan the music, or other paths, and return how many files of each kind there were, and the whole tally."""
    monkeypatch.setattr("worker.scan.run._BATCH", request.param)

    def run(*paths, **options):
        walk, tally = Walk(list(paths) or [music]), Tally()
        scan(walk.roots, settings, Options(processes=1, **options), walk=walk, tally=tally)
        return {str(kind): count for kind, count in tally.kinds.items() if count}, tally

    return run


@pytest.fixture
def query(pool):
    def rows(sql, *params):
        with pool.transaction() as conn, conn.cursor() as cursor:
            cursor.execute(sql, params[0] if params and isinstance(params[0], dict) else params)
            return cursor.fetchall()

    return rows


@pytest.fixture
def catalogue(query):
    """Return what was published last of each track: its id by its path, and the title."""

    def latest():
        rows = query("""
            SELECT DISTINCT ON (audio_id) audio_id, payload->>'audio_path', payload->'metadata'->>'title'
            FROM audio_events ORDER BY audio_id, occurred_at DESC
        """)
        return {Path(path).name: (audio_id, title) for audio_id, path, title in rows}

    return latest


@pytest.fixture
def let_settle(query, music):
    """Make scans trust the times of the files that they have seen, as if those had been there for a while."""

    def note():
        for path in music.rglob("*.*"):
            query(
                "UPDATE scanned_files SET stamp = %s WHERE path = %s RETURNING 1",
                child.stamp(path.stat()),
                path.as_uri(),
            )

    return note


def put(path, data):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def test_scanning_again_publishes_nothing(music, scanned, query):
    put(music / "a.mp3", audio.mp3(b"a", TIT2="A"))
    put(music / "b.flac", audio.flac(b"b", TITLE="B"))
    assert scanned()[0] == {"new": 2}
    assert scanned()[0] == {"known": 2}
    assert query("SELECT count(*) FROM audio_events") == [(2,)]
    assert query("SELECT count(*) FROM audio_tracks WHERE status = 'PENDING'") == [(2,)]


def test_the_id_is_made_from_the_audio(music, scanned, catalogue):
    put(music / "a.mp3", audio.mp3(b"a", TIT2="A"))
    scanned()
    assert catalogue()["a.mp3"][0] == UUID("12d98d84-781a-5927-a11c-47f131c2af92")


def test_a_file_that_was_moved_stays_the_same_track(music, scanned, catalogue):
    path = put(music / "a.mp3", audio.mp3(b"a", TIT2="A"))
    scanned()
    before = catalogue()["a.mp3"]
    path.rename(music / "b.mp3")
    assert scanned()[0] == {"moved": 1}
    assert catalogue() == {"b.mp3": before}
    assert scanned()[0] == {"known": 1}


def test_a_file_that_was_tagged_stays_the_same_track(music, scanned, catalogue):
    path = put(music / "a.mp3", audio.mp3(b"a", TIT2="A"))
    scanned()
    track = catalogue()["a.mp3"][0]
    path.write_bytes(audio.mp3(b"a", TIT2="Another"))
    assert scanned()[0] == {"changed": 1}
    assert catalogue() == {"a.mp3": (track, "Another")}


def test_a_file_that_was_tagged_and_moved_stays_the_same_track(music, scanned, catalogue):
    path = put(music / "a.mp3", audio.mp3(b"a", TIT2="A"))
    scanned()
    track = catalogue()["a.mp3"][0]
    path.unlink()
    put(music / "B" / "b.mp3", audio.mp3(b"a", TIT2="B"))
    assert scanned()[0] == {"moved": 1}
    assert catalogue() == {"b.mp3": (track, "B")}


def test_other_audio_in_the_same_place_is_the_same_track(music, scanned, catalogue):
    path = put(music / "a.mp3", audio.mp3(b"a", TIT2="A"))
    scanned()
    track = catalogue()["a.mp3"][0]
    path.write_bytes(audio.mp3(b"louder", TIT2="A"))
    assert scanned()[0] == {"changed": 1}
    assert catalogue() == {"a.mp3": (track, "A")}
    put(music / "b.mp3", audio.mp3(b"a", TIT2="The old one, from a backup"))
    assert scanned()[0] == {"known": 1, "new": 1}
    assert catalogue()["a.mp3"] == (track, "A")


def test_tags_that_are_changed_back_are_news(music, scanned, catalogue):
    path = music / "a.mp3"
    for title, kind in (("A", "new"), ("B", "changed"), ("A", "changed"), ("B", "changed")):
        put(path, audio.mp3(b"a", TIT2=title))
        assert scanned()[0] == {kind: 1}
        assert catalogue()["a.mp3"][1] == title


def test_files_that_changed_places_keep_their_tracks(music, scanned, catalogue):
    one, two = put(music / "1.mp3", audio.mp3(b"a", TIT2="A")), put(music / "2.mp3", audio.mp3(b"b", TIT2="B"))
    scanned()
    before = catalogue()
    one.rename(music / "x")
    two.rename(one)
    (music / "x").rename(two)
    assert scanned()[0] == {"moved": 2}
    assert catalogue() == {"1.mp3": before["2.mp3"], "2.mp3": before["1.mp3"]}
    assert scanned()[0] == {"known": 2}


@pytest.mark.parametrize("up", [True, False])
def test_files_that_were_numbered_anew_keep_their_tracks(music, scanned, catalogue, up):
    names = [f"{number}.mp3" for number in range(1, 6)]
    sounds = list("abcd")
    for name, sound in zip(names, sounds, strict=False):
        put(music / name, audio.mp3(sound.encode(), TIT2=sound))
    scanned()
    before = {title: track for track, title in catalogue().values()}
    # One comes in at the front, or leaves it: the others take each other's places.
    sounds = ["new", *sounds] if up else sounds[1:]
    for path in music.iterdir():
        path.unlink()
    for name, sound in zip(names, sounds, strict=False):
        put(music / name, audio.mp3(sound.encode(), TIT2=sound))
    counted, tally = scanned()
    assert counted == ({"moved": 4, "new": 1} if up else {"moved": 3})
    assert [path.name for path in tally.missing] == ([] if up else ["1.mp3"])
    after = {title: track for track, title in catalogue().values()}
    assert {sound: after[sound] for sound in "abcd"[0 if up else 1 :]} == {
        sound: before[sound] for sound in "abcd"[0 if up else 1 :]
    }
    assert len(set(after.values())) == len(after)
    assert scanned()[0] == {"known": len(sounds)}


def test_equal_files_are_one_track(music, scanned, catalogue):
    original = put(music / "a.mp3", audio.mp3(b"a", TIT2="A"))
    copy = put(music / "b.mp3", audio.mp3(b"a", TIT2="A"))
    counted, tally = scanned()
    assert counted == {"new": 1, "copies": 1}
    assert tally.copies == [(copy, original)]
    assert scanned()[0] == {"known": 1, "copies": 1}
    track = catalogue()["a.mp3"]
    original.unlink()
    assert scanned()[0] == {"moved": 1}
    assert catalogue() == {"b.mp3": track}


def test_a_copy_that_is_tagged_becomes_a_track(music, scanned, catalogue):
    put(music / "a.mp3", audio.mp3(b"a", TIT2="A"))
    copy = put(music / "0.mp3", audio.mp3(b"a", TIT2="A"))
    scanned()
    (music / "a.mp3").write_bytes(audio.mp3(b"a", TIT2="B"))
    scanned()
    titles = {name: title for name, (_, title) in catalogue().items()}
    assert titles == {"0.mp3": "A", "a.mp3": "B"}
    assert copy.exists()


def test_the_same_audio_with_other_tags_is_another_track(music, scanned, catalogue):
    for name in ("album.mp3", "single.mp3", "best of.mp3"):
        put(music / name, audio.mp3(b"a", TIT2=name))
    assert scanned()[0] == {"new": 3}
    before = catalogue()
    assert len({track for track, _ in before.values()}) == 3
    put(music / "single.mp3", audio.mp3(b"a", TIT2="Single"))
    (music / "best of.mp3").rename(music / "worst of.mp3")
    assert scanned()[0] == {"known": 1, "changed": 1, "moved": 1}
    after = catalogue()
    assert after["single.mp3"] == (before["single.mp3"][0], "Single")
    assert after["worst%20of.mp3"] == before["best%20of.mp3"]


def test_files_with_the_same_audio_are_told_apart_by_their_tags_when_they_move(music, scanned, catalogue):
    for title in ("A", "B"):
        put(music / f"{title}.mp3", audio.mp3(b"a", TIT2=title))
    scanned()
    before = catalogue()
    (music / "A.mp3").rename(music / "2.mp3")
    (music / "B.mp3").rename(music / "1.mp3")
    assert scanned()[0] == {"moved": 2}
    assert catalogue() == {"2.mp3": before["A.mp3"], "1.mp3": before["B.mp3"]}


def test_files_are_not_read_again_while_their_times_stay(music, scanned, monkeypatch, query, let_settle):
    path = put(music / "a.mp3", audio.mp3(b"a", TIT2="A"))
    scanned()
    let_settle()
    monkeypatch.setattr("worker.scan.run.Job", None)
    assert scanned()[0] == {"known": 1}
    assert query("SELECT seen_at > now() - interval '1 hour' FROM scanned_files") == [(True,)]
    os.utime(path, ns=(1, 1))
    with pytest.raises(TypeError):
        scanned()


def test_everything_is_published_again_when_asked_for(music, scanned, query):
    put(music / "a.mp3", audio.mp3(b"a", TIT2="A"))
    scanned()
    assert scanned(again=True)[0] == {"changed": 1}
    assert scanned(again=True)[0] == {"changed": 1}
    assert query("SELECT count(*) FROM audio_events") == [(3,)]


def test_a_track_that_was_deleted_is_published_again(music, scanned, query, let_settle):
    put(music / "a.mp3", audio.mp3(b"a", TIT2="A"))
    scanned()
    let_settle()
    query("DELETE FROM audio_tracks RETURNING 1")
    assert scanned()[0] == {"changed": 1}
    assert query("SELECT count(*) FROM audio_tracks") == [(1,)]


def test_a_dry_run_changes_nothing_and_says_what_a_real_one_does(music, scanned, query):
    put(music / "a.mp3", audio.mp3(b"a", TIT2="A"))
    scanned()
    (music / "a.mp3").rename(music / "z.mp3")
    for name in ("b.mp3", "c.mp3"):
        put(music / name, audio.mp3(b"b", TIT2="B"))
    put(music / "d.mp3", b"")
    expected = {"new": 1, "moved": 1, "copies": 1}
    before = query("SELECT count(*) FROM audio_events"), query("SELECT * FROM scanned_files")
    dry, tally = scanned(dry_run=True)
    assert (dry, tally.missing, len(tally.unreadable)) == (expected, [], 1)
    assert (query("SELECT count(*) FROM audio_events"), query("SELECT * FROM scanned_files")) == before
    assert scanned()[0] == expected


def test_files_that_are_gone_are_named_and_come_back_as_they_were(music, scanned):
    for name in ("a.mp3", "b.mp3"):
        put(music / "sub" / name, audio.mp3(name.encode(), TIT2=name))
    put(music.with_name("music too") / "c.mp3", audio.mp3(b"c"))
    scanned(music, music.with_name("music too"))
    gone = (music / "sub" / "a.mp3").rename(music.parent / "away")
    assert scanned()[1].missing == [music / "sub" / "a.mp3"]
    gone.rename(music / "back.mp3")
    counted, tally = scanned()
    assert (counted, tally.missing) == ({"known": 1, "moved": 1}, [])


def test_pictures_are_written_when_asked_for_and_kept_when_not(music, tmp_path, scanned, query, let_settle):
    thumbnails = tmp_path / "home" / "thumbnails"
    put(music / "a.mp3", audio.with_picture(PNG, TIT2="A"))
    put(music / "b.mp3", audio.with_picture(b"<svg/>", sound=b"b"))
    scanned()
    assert not thumbnails.exists()

    def published():
        (uri,) = query("""
            SELECT payload->>'thumbnail_path' FROM audio_events
            WHERE payload->>'audio_path' !~ 'b.mp3$' ORDER BY occurred_at DESC LIMIT 1
        """)[0]
        return uri and Path(uri.removeprefix("file://")).read_bytes()

    assert published() is None
    let_settle()
    counted, tally = scanned(thumbnails=thumbnails)
    assert counted == {"changed": 1, "known": 1}
    assert [fault.reason for fault in tally.pictures] == ["the picture is no JPEG, PNG, GIF or WebP"]
    assert published() == PNG
    assert scanned(thumbnails=thumbnails)[0] == {"known": 2}
    (music / "a.mp3").rename(music / "c.mp3")
    assert scanned()[0] == {"known": 1, "moved": 1}
    assert published() == PNG


def test_a_path_that_is_too_long_for_the_catalogue_is_unreadable(music, scanned):
    deep = music.joinpath(*["深" * 80] * 4)
    put(deep / "a.mp3", audio.mp3())
    counted, tally = scanned()
    assert counted == {}
    assert "more than 2048" in tally.unreadable[0].reason


def test_two_scans_at_once_publish_one_event_a_file(music, settings, query):
    for number in range(20):
        put(music / f"{number}.mp3", audio.mp3(str(number).encode()))
    command = [sys.executable, "-m", "worker.cli", "scan", str(music)]
    environment = os.environ | {"DATABASE_URL": settings.database(), "BROKER_URL": settings.broker()}
    both = [subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL) for _ in range(2)]
    assert [each.wait(60) for each in both] == [0, 0]
    for table in ("audio_events", "audio_tracks", "scanned_files"):
        assert query(f"SELECT count(*) FROM {table}") == [(20,)]


def test_notes_are_found_by_their_indexes_however_many_there_are(query):
    query("""
        INSERT INTO scanned_files (path, audio_id, audio, content, is_copy, looked)
        SELECT 'file:///music/' || n, gen_random_uuid(), sha256(n::text::bytea), '', false, false
        FROM generate_series(1, 50000) n RETURNING 1
    """)
    some = [f"{number}" for number in range(500)]
    asked = {
        "paths": [f"file:///music/{number}" for number in some],
        "audio": [hashlib.sha256(number.encode()).digest() for number in some],
        "audio_ids": [str(uuid4()) for _ in some],
        "started": "2026-01-01",
    }
    query("ANALYZE scanned_files; SELECT 1")
    for name in ("related", "by_path"):
        plan = "\n".join(line for (line,) in query(f"EXPLAIN {statements('scanned')[name]}", asked))
        assert "Seq Scan on scanned_files" not in plan, plan
        assert "scanned_files_pkey" in plan


@pytest.fixture
def programs(database_url, broker_url, tmp_path):
    return Programs(DATABASE_URL=database_url, BROKER_URL=broker_url, TONEARM_HOME=str(tmp_path / "home"))


def test_what_the_tags_say_is_what_the_catalogue_says(music, programs, tmp_path, query, wait_until):
    put(music / "a.mp3", audio.mp3(b"a", TIT2="\x00 Jóga\n", TPE1="Björk", TALB="Homogenic", TYER="1997-09-22"))
    put(music / os.fsdecode(b"J\xf3ga?#%.wav"), audio.wav(b"b"))
    put(music / "page.mp3", b"<html>404 not found</html>")
    put(music / "cover.jpg", PNG)
    ran = programs.tonearm("scan", "--json", str(music))
    assert (ran.code, ran.err) == (1, "")
    document = ran.json()
    assert document.pop("unreadable_files") == [
        {"path": str(music / "page.mp3"), "reason": "there is neither audio nor a tag in it"}
    ]
    counts = {"new": 2, "changed": 0, "moved": 0, "known": 0, "copies": 0, "unreadable": 1, "ignored": 1}
    assert counts.items() <= document.items()
    with programs.worker(tmp_path / "worker.log", "-c", "1"):
        completed = "SELECT count(*) FROM audio_tracks WHERE status = 'COMPLETED'"
        wait_until(lambda: query(completed) == [(2,)], timeout=60)
    (hit,) = programs.tonearm("search", "--json", "björk joga").json()["hits"]
    track = programs.tonearm("show", "--json", hit["id"]).json()["track"]
    expected = {"title": "Jóga", "artist": "Björk", "album": "Homogenic", "year": 1997, "format": "MP3"}
    assert expected.items() <= track.items()
    assert (track["duration"], track["bitrate"], track["sample_rate"]) == (
        pytest.approx(0.078, abs=0.01),
        128000,
        44100,
    )
    (hit,) = programs.tonearm("search", "--json", "--format", "WAV", "ga").json()["hits"]
    assert hit["audio_path"] == (music / "J").as_uri() + "%F3ga%3F%23%25.wav"


def test_people_are_told_in_lines_what_a_scan_found(music, programs):
    put(music / "a.mp3", audio.mp3(b"a", TIT2="A"))
    put(music / "b.mp3", audio.mp3(b"a", TIT2="A"))
    put(music / "c.ogg", b"")
    put(music / "d.ape", b"?")
    ran = programs.tonearm("scan", str(music))
    assert ran.code == 1
    assert ran.out == "1 new, 0 changed, 0 moved, 0 known, 1 copy of another file, 1 unreadable; not read: 1 .ape\n"
    assert ran.err.splitlines() == [
        f"unreadable: {music}/c.ogg: it is empty (0 bytes)",
        f"copy: {music}/b.mp3 equals {music}/a.mp3",
    ]
    one = programs.tonearm("scan", str(music / "a.mp3"))
    assert (one.code, one.out) == (0, "0 new, 0 changed, 0 moved, 1 known, 0 unreadable\n")


def test_wrong_usage_and_services_that_are_away_are_told_apart(music, programs, unused_port):
    missing = programs.tonearm("scan", str(music / "nowhere"))
    assert (missing.code, missing.err) == (2, f"tonearm: cannot read {music}/nowhere: No such file or directory\n")
    assert programs.tonearm("scan", "").code == 2
    away = programs.tonearm("scan", str(music), DATABASE_URL=f"postgresql://u@127.0.0.1:{unused_port}/x")
    assert away.code == 3
    assert len(away.err.splitlines()) == 1


def test_without_a_broker_everything_is_stored(music, programs, query, unused_port):
    put(music / "a.mp3", audio.mp3(b"a"))
    ran = programs.tonearm("scan", "--json", str(music), BROKER_URL=f"redis://127.0.0.1:{unused_port}/0")
    assert (ran.code, ran.json()["new"], ran.json()["not_enqueued"]) == (0, 1, 1)
    assert query("SELECT count(*) FROM audio_events WHERE enqueued_at IS NULL") == [(1,)]


def test_an_interrupted_scan_goes_on_where_it_ended(music, programs, query, wait_until):
    many = 3000
    for number in range(many):
        put(music / f"{number}.mp3", audio.mpeg(str(number).encode(), frames=1))
    command = [sys.executable, "-m", "worker.cli", "scan", "--jobs", "1", str(music)]
    with subprocess.Popen(command, env=programs.environment, stderr=subprocess.PIPE, text=True) as running:
        wait_until(lambda: query("SELECT count(*) > 0 FROM audio_events") == [(True,)], timeout=60)
        running.send_signal(signal.SIGINT)
        assert running.wait(20) == 130
        (line,) = running.stderr.read().splitlines()
    assert "what was published stays, run it again to go on" in line
    published = query("SELECT count(*) FROM audio_events")[0][0]
    assert 0 < published < many
    document = programs.tonearm("scan", "--json", str(music)).json()
    assert (document["new"], document["known"]) == (many - published, published)
    assert query("SELECT count(*), count(DISTINCT audio_id) FROM audio_events") == [(many, many)]
