"""Recovery by hand, through the command line, on a real database and broker."""

import json
import os
import subprocess
import sys
from contextlib import contextmanager
from uuid import uuid4

import pytest

from db.errors import DatabaseUnavailableError
from db.pool import DatabasePool
from db.read.history import get_track_history
from worker.app import create_app
from worker.ingest import Ingestor
from worker.publisher import Publisher
from worker.retry import Backoff
from worker.settings import Settings
from worker.sweeper import Sweeper


def _event(**more):
    return {"audio_id": str(uuid4()), "event_id": str(uuid4()), "audio_path": "s3://b/a.mp3", **more}


@pytest.fixture
def settings(database_url, broker_url):
    return Settings(database_url=database_url, broker_url=broker_url)


@pytest.fixture
def tonearm(database_url, broker_url):
    def call(*args):
        env = {**os.environ, "DATABASE_URL": database_url, "BROKER_URL": broker_url}
        done = subprocess.run(
            [sys.executable, "-m", "worker.cli", *map(str, args)], env=env, capture_output=True, text=True, check=False
        )
        assert "Traceback" not in done.stderr, done.stderr
        return done

    return call


@pytest.fixture
def publish(settings):
    def publish(*events):
        with Publisher(settings) as publisher:
            return publisher.publish_many(events)

    return publish


@pytest.fixture
def fail(pool, publish, monkeypatch):
    """Publish an event whose every attempt fails for good."""

    def fail(event):
        publish(event)
        ingestor = Ingestor(pool, owner="test", max_attempts=1, backoff=Backoff(0))
        with monkeypatch.context() as patch:
            patch.setattr("db.write.transitions.index_tracks", _explode)
            ingestor.ingest([event], stored=True)

    def _explode(*_):
        raise RuntimeError("a defect")

    return fail


def _state(pool, audio_id):
    with pool.transaction() as conn, conn.cursor() as cursor:
        cursor.execute(
            """SELECT t.status, t.retry_count, e.settled_at IS NOT NULL, e.enqueued_at IS NOT NULL
               FROM audio_tracks t JOIN audio_events e ON e.event_id = t.current_event_id WHERE t.id = %s""",
            (audio_id,),
        )
        return cursor.fetchone()


def test_a_failed_track_is_retried_once_however_often_it_is_asked_for(tonearm, fail, pool):
    event = _event()
    fail(event)
    assert _state(pool, event["audio_id"]) == ("FAILED", 1, True, False)

    assert "would be queued again" in tonearm("retry", event["audio_id"], "--dry-run").stdout
    assert _state(pool, event["audio_id"]) == ("FAILED", 1, True, False)

    assert "queued again" in tonearm("retry", event["audio_id"]).stdout
    assert _state(pool, event["audio_id"]) == ("FAILED", 0, False, True)
    assert "already queued" in tonearm("retry", event["audio_id"]).stdout
    with pool.transaction() as conn:
        notes = [entry for entry in get_track_history(conn, event["audio_id"]) if entry.error_code == "retry_requested"]
    assert len(notes) == 1
    assert "@" in notes[0].error_message

    Ingestor(pool, owner="test").ingest([event], stored=True)
    assert _state(pool, event["audio_id"])[0] == "COMPLETED"


def test_failed_tracks_are_chosen_by_their_error_and_number(tonearm, fail, pool):
    events = [_event() for _ in range(3)]
    for event in events:
        fail(event)
    assert json.loads(tonearm("retry", "--failed", "--error-code", "other", "--json").stdout)["tracks"] == []
    some = json.loads(tonearm("retry", "--failed", "--error-code", "RuntimeError", "--limit", 2, "--json").stdout)
    assert [track["answer"] for track in some["tracks"]] == ["retried", "retried"]
    assert sum(_state(pool, event["audio_id"])[1] == 0 for event in events) == 2


def test_retrying_what_is_not_there_says_so_and_exits_with_1(tonearm):
    done = tonearm("retry", uuid4())
    assert done.returncode == 1
    assert "no such track" in done.stdout
    assert tonearm("retry").returncode == 2


def test_a_dead_letter_is_listed_shown_and_replayed_when_it_has_become_an_event(tonearm, publish, pool):
    good = _event()
    publish({"audio_id": "nonsense"}, good)
    with pool.transaction() as conn, conn.cursor() as cursor:
        later = _event()
        cursor.execute(
            "INSERT INTO rejected_events (digest, raw, reasons) VALUES ('x', %s, '{too new}')", (json.dumps(later),)
        )
    letters = json.loads(tonearm("rejected", "list", "--json").stdout)
    assert letters[0]["reasons"] == ["too new"]
    assert len(letters) == 2
    assert later["audio_id"] in tonearm("rejected", "show", letters[0]["id"]).stdout

    done = tonearm("rejected", "replay", "--all")
    assert (done.returncode, done.stdout) == (1, "1 accepted, 1 still refused\n")
    assert _state(pool, later["audio_id"])[0] == "PENDING"
    assert len(json.loads(tonearm("rejected", "list", "--json").stdout)) == 1
    assert tonearm("rejected", "show", 12345).returncode == 1


def test_reconcile_says_where_everything_is_and_publishes_what_never_arrived(tonearm, publish, fail, pool, tmp_path):
    done, waiting, failed, missing, refused = (_event() for _ in range(5))
    fail(failed)
    publish(done, waiting, {**refused, "audio_path": "nowhere"})
    Ingestor(pool, owner="test").ingest([done], stored=True)
    lines = [
        {"event_id": done["event_id"]},
        {"audio_id": done["audio_id"]},
        waiting,
        {"audio_id": failed["audio_id"]},
        missing,
        {"audio_id": refused["audio_id"]},
        {"neither": 1},
    ]
    listing = tmp_path / "list.jsonl"
    listing.write_text("\n".join(map(json.dumps, lines)))

    said = tonearm("reconcile", listing, "--json")
    assert said.returncode == 1
    report = json.loads(said.stdout)
    assert report["counts"] == {"completed": 2, "under_way": 1, "failed": 1, "rejected": 1, "missing": 1}
    assert report["unreadable"] == 1
    assert report["repaired"] == 0

    assert json.loads(tonearm("reconcile", listing, "--repair", "--json").stdout)["repaired"] == 1
    assert _state(pool, missing["audio_id"])[0] == "PENDING"
    listing.write_text(json.dumps({"audio_id": done["audio_id"]}))
    assert tonearm("reconcile", listing).returncode == 0


def test_sweep_fails_attempts_whose_lease_ran_out_in_the_name_of_who_asked(tonearm, publish, pool):
    event = _event()
    publish(event)
    with pool.transaction() as conn, conn.cursor() as cursor:
        cursor.execute(
            "UPDATE audio_tracks SET status = 'PROCESSING', lease_expires_at = now() - interval '1 s' WHERE id = %s",
            (event["audio_id"],),
        )
    swept = tonearm("sweep", "--json")
    assert json.loads(swept.stdout) == {"elected": True, "expired": 1, "enqueued": 1}
    with pool.transaction() as conn:
        last = list(get_track_history(conn, event["audio_id"]))[-1]
    assert (last.error_code, "@" in last.worker) == ("worker_lost", True)


def test_one_sweeper_is_elected_and_the_other_does_nothing(settings, pool):
    app = create_app(settings)
    with pool.transaction() as conn, conn.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(x'746f6e6561726d'::bigint + 1)")
        assert not Sweeper(pool, app, settings).sweep().elected
    assert Sweeper(pool, app, settings).sweep().elected
    app.close()


def test_a_sweep_takes_no_more_than_the_broker_has_room_for(settings, pool, publish, monkeypatch):
    publish(*(_event() for _ in range(30)))
    with pool.transaction() as conn, conn.cursor() as cursor:
        cursor.execute("UPDATE audio_events SET enqueued_at = NULL")
    monkeypatch.setattr("worker.sweeper._PER_SWEEP", 10)
    app = create_app(settings)
    assert [Sweeper(pool, app, settings).sweep().enqueued for _ in range(4)] == [10, 10, 10, 0]
    with pool.transaction() as conn, conn.cursor() as cursor:
        cursor.execute("UPDATE audio_events SET enqueued_at = NULL")
    monkeypatch.setattr("worker.sweeper._DEEP_ENOUGH", 1)
    assert Sweeper(pool, app, settings).sweep().enqueued == 0
    app.close()


def test_a_claim_whose_commit_was_not_answered_is_claimed_again_and_a_completion_is_not_called_late(
    pool, publish, monkeypatch
):
    event = _event()
    publish(event)
    original = DatabasePool.transaction
    answers_lost = []

    @contextmanager
    def loses_the_first_two_answers(self):
        with original(self) as conn:
            yield conn
        committed = conn.info.transaction_status == 0
        # The claim, then (after the claim was made again) the completion.
        if committed and len(answers_lost) in (0, 2):
            answers_lost.append(True)
            raise DatabaseUnavailableError("the commit's answer was lost")
        answers_lost.append(False)

    monkeypatch.setattr(DatabasePool, "transaction", loses_the_first_two_answers)
    outcome = Ingestor(pool, owner="test").ingest([event], stored=True)
    monkeypatch.undo()
    assert answers_lost == [True, False, True, False]
    assert outcome.counts == {"applied": 1}
    with pool.transaction() as conn:
        codes = [entry.error_code for entry in get_track_history(conn, event["audio_id"])]
    assert codes == [None, None, None]
