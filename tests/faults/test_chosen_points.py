"""Processes that die, freeze or are told to stop at the worst moments: one event each."""

import os
import signal
import time
from uuid import uuid4

import pytest

from db.pool import DatabasePool
from tests.faults.stage import LEASE_SECONDS, PROMISE_SECONDS, stage, wait_for
from tests.faults.verdict import faults_found
from worker.publisher import Publisher
from worker.settings import Settings


@pytest.fixture(scope="module")
def on():
    with stage(MAX_ATTEMPTS="3", RETRY_BASE_SECONDS="0.2", SWEEP_INTERVAL_SECONDS="0.5") as opened:
        opened.start_worker()
        yield opened


@pytest.fixture(autouse=True)
def _fresh(on):
    on.ask("TRUNCATE audio_tracks, audio_events, audio_track_history, track_search, search_word")
    for file in on.points.iterdir():
        file.unlink()
    on.database.open()
    if len(on.workers) != 1 or not on.workers[0].alive:  # whatever a test before this one left
        for worker in list(on.workers):
            on.drop_worker(worker)
        on.start_worker()


def _events(number):
    return [{"event_id": str(uuid4()), "audio_id": str(uuid4()), "audio_path": "s3://b/a.mp3"} for _ in range(number)]


@pytest.fixture
def publish(on):
    settings = Settings(database_url=on.postgres.url, broker_url=on.broker.url)
    with Publisher(settings) as publisher:
        yield publisher.publish_many


def _history(on, event):
    rows = on.ask(
        "SELECT to_status, error_code FROM audio_track_history WHERE audio_id = %s ORDER BY id", event["audio_id"]
    )
    return [code or status for status, code in rows]


def _reached(on, point):
    return wait_for((on.points / f"{point}.reached").exists, 10, f"somebody reaches {point}")


def _judge(on, events):
    with on.connect() as conn:
        ids = {event["event_id"] for event in events}
        stored = {str(row[0]) for row in on.ask("SELECT event_id FROM audio_events")}
        assert ids <= stored
        winners = {row[0]: row[1] for row in on.ask("SELECT audio_id, event_id FROM audio_events")}
        assert faults_found(conn, set(), winners) == []


@pytest.mark.parametrize("point", ["after_claim", "after_apply", "after_settle", "before_acknowledgement"])
def test_an_attempt_killed_at_any_point_is_made_good(on, publish, point):
    (on.points / point).write_text("once kill")
    events = _events(3)
    publish(events)
    on.wait_settled(on.open_events() | {event["event_id"] for event in events}, PROMISE_SECONDS)
    wait_for((on.points / f"{point}.had").exists, 10, "the point was reached")
    _judge(on, events)
    expected = ["PENDING", "PROCESSING", "COMPLETED"]
    if point in {"after_claim", "after_apply"}:
        expected[2:2] = ["worker_lost", "PROCESSING"]
    assert _history(on, events[0]) == expected


@pytest.mark.parametrize("point", ["after_claim", "after_apply", "after_settle", "before_acknowledgement"])
def test_messages_that_went_together_survive_the_death_of_their_process(on, point):
    (on.points / point).write_text("once kill")
    events = _events(30)
    settings = Settings(database_url=on.postgres.url, broker_url=on.broker.url)
    with Publisher(settings, durable=False) as publisher:
        for event in events:
            publisher.publish(event)
    wait_for((on.points / f"{point}.had").exists, 10, "the point was reached")
    # Celery waits for 10 s for the answer of a process that died before it gives back what it had.
    ids = {event["event_id"] for event in events}
    wait_for(lambda: ids <= {str(row[0]) for row in on.ask("SELECT event_id FROM audio_events")}, 30, "all are stored")
    on.wait_settled({event["event_id"] for event in events}, PROMISE_SECONDS)
    _judge(on, events)


def test_an_event_that_kills_its_worker_every_time_ends_failed_and_the_rest_of_its_batch_completes(on, publish):
    events = _events(20)
    poison = events[7]
    (on.points / "after_claim").write_text(f"kill {poison['audio_id']}")
    publish(events)
    others = {event["event_id"] for event in events if event is not poison}
    on.wait_settled(others, PROMISE_SECONDS)
    on.wait_settled({poison["event_id"]}, 2 * PROMISE_SECONDS)
    assert _history(on, poison) == ["PENDING", *["PROCESSING", "worker_lost"] * 3]
    completed = {row[0] for row in on.ask("SELECT event_id::text FROM audio_events WHERE outcome = 'applied'")}
    assert others <= completed


@pytest.mark.parametrize("signals", [[signal.SIGTERM], [signal.SIGTERM, signal.SIGTERM], [signal.SIGQUIT]])
def test_a_shutdown_gives_back_what_does_not_end_in_time_uncounted(on, publish, signals):
    (on.points / "after_claim").write_text("wait")
    events = _events(1)
    publish(events)
    _reached(on, "after_claim")
    on.ask("UPDATE audio_tracks SET lease_expires_at = now() + interval '1 minute'")  # not the lease, the shutdown
    worker = on.workers[0]
    for number in signals:
        worker.signal(number)
        time.sleep(0.3)  # impatience
    worker.wait_end(20)
    on.workers.remove(worker)
    assert _history(on, events[0]) == ["PENDING", "PROCESSING", "PENDING"]
    (on.points / "after_claim").unlink()
    on.start_worker()
    on.wait_settled({events[0]["event_id"]}, PROMISE_SECONDS)
    assert _history(on, events[0]) == ["PENDING", "PROCESSING", "PENDING", "PROCESSING", "COMPLETED"]


def test_the_late_write_of_a_frozen_worker_is_refused_and_recorded(on, publish):
    (on.points / "after_claim").write_text("once wait")
    events = _events(1)
    publish(events)
    _reached(on, "after_claim")
    frozen = int((on.points / "after_claim.reached").read_text())
    on.workers[0].signal_all(signal.SIGSTOP)
    other = on.start_worker()
    on.wait_settled({events[0]["event_id"]}, PROMISE_SECONDS)
    (on.points / "after_claim.had").unlink()
    os.kill(frozen, signal.SIGCONT)  # before its parent, which would end it for taking so long
    wait_for(lambda: "late_write_refused" in _history(on, events[0]), 10, "the late write is recorded")
    on.drop_worker(on.workers[0])
    assert other.alive
    assert _history(on, events[0]) == [
        "PENDING", "PROCESSING", "worker_lost", "PROCESSING", "COMPLETED", "late_write_refused"
    ]  # fmt: skip
    _judge(on, events)


def test_a_database_that_is_away_costs_no_attempt_and_no_noise(on, publish):
    worker = on.workers[-1]
    events = _events(40)
    before = len(worker.text().splitlines())
    on.database.refuse()
    publish(events)
    time.sleep(LEASE_SECONDS + 1)  # the length of the outage
    on.database.open()
    on.wait_settled({event["event_id"] for event in events}, PROMISE_SECONDS)
    assert on.ask("SELECT count(*) FROM audio_track_history WHERE to_status = 'FAILED'") == [(0,)]
    assert len(worker.text().splitlines()) - before < 150
    _judge(on, events)


def test_publishing_while_the_broker_is_away_is_quick_and_the_sweeper_enqueues_later(on):
    on.broker.kill()
    settings = Settings(database_url=on.postgres.url, broker_url=on.broker.url)
    (event,) = _events(1)
    with Publisher(settings, pool=DatabasePool(on.postgres.url, min_size=1, max_size=2)) as publisher:
        began = time.monotonic()
        receipt = publisher.publish(event)
        assert time.monotonic() - began < 2
        assert (receipt.stored, receipt.enqueued) == (True, False)
        on.broker.start()
        on.wait_settled({event["event_id"]}, PROMISE_SECONDS)
