"""Which results hooks are called with, from an ingestor and a sweeper in this process."""

import threading
from contextlib import closing
from uuid import UUID, uuid4

import pytest
from pydantic import ValidationError

from db.write import inbox, transitions
from tests.programs import Programs
from worker.app import create_app
from worker.events import parse_event
from worker.hooks import Hook, Hooks
from worker.hooks.counts import HookCounts
from worker.hooks.runner import HookRunner
from worker.ingest import Ingestor
from worker.retry import Backoff
from worker.settings import Settings
from worker.sweeper import Sweeper


def event(**more):
    return {"audio_id": str(uuid4()), "event_id": str(uuid4()), "audio_path": "s3://b/a.mp3", **more}


@pytest.fixture
def completed():
    return []


@pytest.fixture
def failed():
    return []


@pytest.fixture
def runner(completed, failed):
    hooks = Hooks((Hook("completed", completed.append),), (Hook("failed", failed.append),))
    made = HookRunner(hooks, HookCounts(), seconds=5, worker="test")
    yield made
    made.close(5)


def explode(*_):
    raise RuntimeError("a defect")


def test_a_result_says_what_the_event_said_and_cannot_be_changed(pool, runner, completed):
    sent = event(
        occurred_at="2026-11-01T00:00:00Z", metadata={"artist": "Björk", "title": "Jóga", "album": "Homogenic"}
    )
    Ingestor(pool, owner="test", hooks=runner).ingest([sent])
    runner.close(5)
    (result,) = completed
    assert (str(result.audio_id), str(result.event_id)) == (sent["audio_id"], sent["event_id"])
    assert (result.artist, result.title, result.album) == ("Björk", "Jóga", "Homogenic")
    assert (result.status, result.attempt, result.final) == ("COMPLETED", 1, True)
    assert result.occurred_at.isoformat() == "2026-11-01T00:00:00+00:00"
    with pytest.raises(ValidationError):
        result.title = "another"


def test_duplicates_and_what_is_replaced_by_a_newer_event_of_the_batch_complete_nothing(pool, runner, completed):
    track = str(uuid4())
    old = event(audio_id=track, occurred_at="2026-11-01T00:00:00Z", metadata={"title": "old"})
    new = event(audio_id=track, occurred_at="2026-11-02T00:00:00Z", metadata={"title": "new"})
    ingestor = Ingestor(pool, owner="test", hooks=runner)
    ingestor.ingest([old, new])
    ingestor.ingest([old, new])
    runner.close(5)
    assert [result.title for result in completed] == ["new"]


def test_a_failure_that_is_tried_again_says_when_and_the_last_one_is_final(
    pool, runner, completed, failed, monkeypatch
):
    sent = event(metadata={"title": "Halo"})
    ingestor = Ingestor(pool, owner="test", max_attempts=2, backoff=Backoff(0), hooks=runner)
    with monkeypatch.context() as patch:
        patch.setattr("db.write.transitions.index_tracks", explode)
        ingestor.ingest([sent])
        ingestor.ingest([sent])
    runner.close(5)
    first, last = failed
    assert (first.attempt, first.final, first.error_code, first.title) == (1, False, "RuntimeError", "Halo")
    assert first.next_attempt_at is not None
    assert (last.attempt, last.final, last.next_attempt_at) == (2, True, None)
    assert completed == []


def lose(pool, *, title=None):
    """Claim a new track for an attempt that is never heard of again."""
    sent = parse_event(event(metadata={"title": title}))
    with pool.transaction() as conn:
        inbox.store_events(conn, [sent.inbox_row()])
        transitions.claim(conn, [sent.event_id], token=uuid4(), lease_seconds=0, owner="dead")
    return sent


def test_a_lease_that_ran_out_is_a_failure_like_any_other(pool, database_url, broker_url, runner, failed, wait_until):
    sent = lose(pool)
    settings = Settings(database_url=database_url, broker_url=broker_url, max_attempts=1)
    with closing(create_app(settings)) as app:
        sweeper = Sweeper(pool, app, settings, hooks=runner)
        wait_until(lambda: sweeper.sweep().expired, message="the grace after the server's start is over")
    runner.close(5)
    (result,) = failed
    assert (result.audio_id, result.event_id) == (sent.audio_id, sent.event_id)
    assert (result.status, result.error_code, result.attempt, result.final) == ("FAILED", "worker_lost", 1, True)


def test_a_sweep_by_hand_calls_the_hooks_too(pool, database_url, broker_url, tmp_path, wait_until):
    sent = lose(pool)
    (tmp_path / "notes.py").write_text(
        "from pathlib import Path\n"
        f"def note(result): Path({str(tmp_path / 'noted')!r}).write_text(str(result.audio_id))\n"
    )
    programs = Programs(DATABASE_URL=database_url, BROKER_URL=broker_url, PYTHONPATH=str(tmp_path))
    programs.environment["TONEARM_ON_FAILED"] = "notes:note"
    wait_until(lambda: programs.tonearm("sweep", "--json").json()["expired"])
    assert UUID((tmp_path / "noted").read_text()) == sent.audio_id


def test_what_does_not_fit_into_the_queue_is_dropped_and_counted():
    gate = threading.Event()
    seen = []

    def wait(result):
        gate.wait()
        seen.append(result.title)

    counts = HookCounts()
    runner = HookRunner(Hooks((Hook("wait", wait),)), counts, seconds=60, worker="test", capacity=3)
    events = [parse_event(event(metadata={"title": str(number)})) for number in range(10)]
    runner.completed((one, 1) for one in events[:3])
    runner.completed((one, 1) for one in events[3:])
    gate.set()
    runner.close(10)
    made, dropped = counts.read()["on_completed", "done"], counts.read()["on_completed", "dropped"]
    assert made + dropped == 10
    assert made in {3, 4}  # one may have been taken out before the others came
    assert seen == [str(number) for number in range(made)]


def test_closing_does_not_wait_for_longer_than_it_may():
    counts = HookCounts()
    forever = threading.Event()
    runner = HookRunner(
        Hooks((Hook("hang", lambda _: forever.wait()),)), counts, seconds=60, worker="test", capacity=10
    )
    runner.completed((parse_event(event()), 1) for _ in range(5))
    runner.close(0.1)
    assert counts.read()["on_completed", "dropped"] in {4, 5}
    forever.set()
