"""`tonearm tail`: what happens to all tracks, as it happens."""

import json
import signal
import subprocess
import sys
from contextlib import closing, contextmanager
from uuid import uuid4

import psycopg2
import pytest

from tests.programs import Programs
from tests.terminal import on_a_terminal

TONEARM = [sys.executable, "-m", "worker.cli"]


@pytest.fixture
def programs(database_url, broker_url, tmp_path):
    return Programs(DATABASE_URL=database_url, BROKER_URL=broker_url, TONEARM_HOME=str(tmp_path), LOG_FORMAT="json")


def begin_track(conn):
    audio_id = str(uuid4())
    with conn.cursor() as cursor:
        cursor.execute("INSERT INTO audio_tracks (id) VALUES (%s)", (audio_id,))
    return audio_id


@contextmanager
def tailing(programs, tmp_path, *options):
    """Run ``tail`` into a file; yield a function that returns its JSON lines up to now."""
    out, err = tmp_path / "tail.out", tmp_path / "tail.err"
    with out.open("wb") as output, err.open("wb") as errors:
        process = subprocess.Popen(
            [*TONEARM, "tail", "--json", "--interval", "0.1", *options],
            env=programs.environment,
            stdout=output,
            stderr=errors,
        )
        try:
            yield lambda: [json.loads(line) for line in out.read_text().splitlines()]
        finally:
            process.send_signal(signal.SIGINT)
            code = process.wait(20)
    assert (code, "Traceback" in err.read_text()) == (0, False), err.read_text()


def begun(conn, lines, wait_until):
    """Wait until the tail follows: until it has shown a track that was begun after it started."""
    first = begin_track(conn)
    conn.commit()
    wait_until(lambda: any(line["audio_id"] == first for line in lines()), timeout=20)
    return first


def test_what_a_worker_does_is_followed_and_filtered(programs, tmp_path, wait_until):
    bad = {"audio_id": str(uuid4()), "audio_path": "s3://b/a.mp3", "metadata": {"title": "Noise"}}
    good = {"audio_id": str(uuid4()), "audio_path": "s3://b/a.mp3", "metadata": {"title": "Halo"}}
    with closing(psycopg2.connect(programs.environment["DATABASE_URL"])) as conn, conn, conn.cursor() as cursor:
        cursor.execute("ALTER TABLE audio_tracks ADD CONSTRAINT no_noise CHECK (title <> 'Noise')")
    with programs.worker(tmp_path / "worker.log", "-c", "1"), tailing(programs, tmp_path, "-n", "1000") as lines:
        published = programs.tonearm("publish", "-", stdin=f"{json.dumps(good)}\n{json.dumps(bad)}".encode())
        assert published.code == 0
        wait_until(lambda: {line["to"] for line in lines()} >= {"COMPLETED", "FAILED"}, timeout=30)
        of = {audio_id: [one for one in lines() if one["audio_id"] == audio_id] for audio_id in (good["audio_id"],)}
    assert [(one["from"], one["to"]) for one in of[good["audio_id"]]] == [
        (None, "PENDING"),
        ("PENDING", "PROCESSING"),
        ("PROCESSING", "COMPLETED"),
    ]
    assert set(of[good["audio_id"]][0]) == {
        "id", "audio_id", "from", "to", "attempt", "event_id", "worker", "error_code", "error_message", "at",
    }  # fmt: skip

    def found(*options):
        done = programs.tonearm("tail", "--no-follow", "--json", *options)
        assert done.code == 0, done.err
        return [json.loads(line) for line in done.out.splitlines()]

    (failed,) = found("--to", "failed")
    assert (failed["audio_id"], failed["error_code"]) == (bad["audio_id"], "constraint_violation")
    assert found("--status", "FAILED") == found("--error-code", "constraint_violation") == [failed]
    assert found("--since", "1h", "--to", "FAILED") == [failed]
    assert found("--since", "2000-01-01", "--to", "COMPLETED", "--to", "FAILED")[-1]["to"] in {"COMPLETED", "FAILED"}
    assert len(found("--audio-id", good["audio_id"][:13])) == 3
    host = failed["worker"].split(":")[0]
    assert len(found("--worker", host, "-n", "100")) == 4
    assert found("--worker", "nobody") == []
    assert len(found("-n", "2")) == 2


def test_transactions_that_end_out_of_order_are_all_shown(programs, database_url, tmp_path, wait_until):
    with (
        tailing(programs, tmp_path) as lines,
        closing(psycopg2.connect(database_url)) as slow,
        closing(psycopg2.connect(database_url)) as quick,
    ):
        first = begun(quick, lines, wait_until)
        late = begin_track(slow)
        early = begin_track(quick)
        quick.commit()
        wait_until(lambda: [line["audio_id"] for line in lines()] == [first, early])
        slow.commit()
        wait_until(lambda: [line["audio_id"] for line in lines()] == [first, early, late])


def test_a_restart_of_the_database_loses_nothing(postgres_server, broker_url, tmp_path, wait_until):
    programs = Programs(DATABASE_URL=postgres_server.url, BROKER_URL=broker_url, TONEARM_HOME=str(tmp_path))
    with tailing(programs, tmp_path) as lines:
        with closing(psycopg2.connect(postgres_server.url)) as conn:
            begun(conn, lines, wait_until)
        postgres_server.stop("fast")
        wait_until(lambda: "waiting for it" in (tmp_path / "tail.err").read_text(), timeout=20)
        postgres_server.start()
        with closing(psycopg2.connect(postgres_server.url)) as conn:
            tracks = [begin_track(conn) for _ in range(5)]
            conn.commit()
        wait_until(lambda: [line["audio_id"] for line in lines()][1:] == tracks, timeout=20)


def test_on_a_terminal_it_shows_a_line_each_and_ends_quietly_with_ctrl_c(programs, conn, wait_until):
    before = begin_track(conn)
    conn.commit()
    with on_a_terminal([*TONEARM, "tail", "--interval", "0.1"], programs.environment) as terminal:
        wait_until(lambda: before[:8] in terminal.read(), timeout=20)
        new = begin_track(conn)
        conn.commit()
        wait_until(lambda: new[:8] in terminal.read(), timeout=20)
        terminal.press("\x03")
        assert terminal.ended() == 0
        assert "Traceback" not in terminal.shown
        assert "Aborted" not in terminal.shown
    assert terminal.shown.count(before[:8]) == 1


@pytest.mark.parametrize(
    "options", [["--to", "DONE"], ["--since", "soon"], ["--audio-id", "zzzz"], ["-n", "1001"], ["--interval", "0"]]
)
def test_what_cannot_be_asked_for_is_wrong_usage(options, programs):
    done = programs.tonearm("tail", "--no-follow", *options)
    assert (done.code, "Traceback" in done.err) == (2, False)


def test_a_database_that_is_not_there_is_said_at_once(unused_port):
    programs = Programs(DATABASE_URL=f"postgresql://u@127.0.0.1:{unused_port}/x")
    assert programs.tonearm("tail").code == 3
