"""Publishing: single events gathered into batches, the caller's own transaction, forks, endless iterables."""

import itertools
import json
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from uuid import uuid4

import psycopg2
import pytest
import redis
from psycopg2.extras import DictCursor, NamedTupleCursor, RealDictCursor
from pydantic import SecretStr

from db.errors import MusicLibraryError, ValidationError
from worker.events import parse_event
from worker.gathering import Gatherer
from worker.publisher import Publisher
from worker.settings import Settings
from worker.sweeper import Sweeper


def an_event(**changes):
    return {
        "audio_id": str(uuid4()),
        "event_id": str(uuid4()),
        "audio_path": "gs://bucket/a.mp3",
        "metadata": {"title": "Jóga", "artist": "Björk"},
        **changes,
    }


@pytest.fixture
def settings(database_url, broker_url):
    return Settings(database_url=SecretStr(database_url), broker_url=SecretStr(broker_url))


@pytest.fixture
def messages(broker_url):
    """Return how many messages wait in the live queue."""
    with closing(redis.Redis.from_url(broker_url)) as client:
        yield lambda: client.llen("celery")


@pytest.fixture
def stored(pool):
    """Return the ids of the events in the inbox, as other connections see them."""

    def ids():
        with pool.get_connection() as conn, conn.cursor() as cursor:
            cursor.execute("SELECT event_id::text FROM audio_events")
            return {event_id for (event_id,) in cursor.fetchall()}

    return ids


def test_events_published_one_by_one_from_many_threads_share_messages(settings, stored, messages):
    events = [an_event() for _ in range(200)]
    with Publisher(settings, linger=0.05, max_batch=50) as publisher, ThreadPoolExecutor(20) as threads:
        receipts = list(threads.map(publisher.publish, events))
    assert all(receipt.stored and receipt.enqueued for receipt in receipts)
    assert [str(receipt.event_id) for receipt in receipts] == [event["event_id"] for event in events]
    assert stored() == {event["event_id"] for event in events}
    assert 4 <= messages() <= 100


def test_a_receipt_is_given_when_the_event_is_stored_and_not_before(settings, stored):
    with Publisher(settings, linger=0.01) as publisher:
        receipt = publisher.publish(an_event())
        assert str(receipt.event_id) in stored()
        lingering = publisher.submit(an_event())
        assert str(lingering.result(10).event_id) in stored()


def test_a_full_batch_does_not_linger(settings):
    with Publisher(settings, linger=3600, max_batch=3) as publisher:
        futures = [publisher.submit(an_event()) for _ in range(3)]
        assert all(future.result(20).stored for future in futures)


def test_flush_waits_until_what_lingers_is_stored(settings, stored):
    with Publisher(settings, linger=3600) as publisher:
        future = publisher.submit(an_event())
        assert not future.done()
        assert stored() == set()
        publisher.flush()
        assert {str(future.result(0).event_id)} == stored()


def test_close_delivers_what_lingers_and_takes_no_more(settings, stored):
    publisher = Publisher(settings, linger=3600)
    future = publisher.submit(an_event())
    publisher.close()
    publisher.close()
    assert {str(future.result(0).event_id)} == stored()
    with pytest.raises(MusicLibraryError, match="closed"):
        publisher.submit(an_event())


def test_what_lingers_when_the_program_ends_is_delivered(database_url, broker_url, stored):
    program = (
        "import json, sys; from worker.publisher import Publisher\n"
        "Publisher(linger=3600).submit(json.loads(sys.argv[1]))"
    )
    event = an_event()
    environment = os.environ | {"DATABASE_URL": database_url, "BROKER_URL": broker_url}
    subprocess.run([sys.executable, "-c", program, json.dumps(event)], env=environment, check=True, timeout=60)
    assert stored() == {event["event_id"]}


def test_an_invalid_event_costs_its_batch_nothing(settings, stored, pool):
    good = [an_event() for _ in range(3)]
    with Publisher(settings, linger=3600) as publisher:
        futures = [publisher.submit(event) for event in [*good, an_event(audio_id="nonsense")]]
        publisher.flush()
        assert [bool(future.result().errors) for future in futures] == [False, False, False, True]
    assert stored() == {event["event_id"] for event in good}
    with pool.get_connection() as conn, conn.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM rejected_events")
        assert cursor.fetchone() == (1,)


def test_publish_raises_for_an_invalid_event_whether_it_lingers_or_not(settings):
    for linger in (None, 0.01):
        with Publisher(settings, linger=linger) as publisher, pytest.raises(ValidationError, match="audio_id"):
            publisher.publish(an_event(audio_id="nonsense"))


def test_submit_is_refused_without_a_linger(settings):
    with Publisher(settings) as publisher, pytest.raises(ValidationError, match="linger"):
        publisher.submit(an_event())


def test_a_forked_child_publishes_over_connections_of_its_own(settings, stored):
    event, other = an_event(), an_event()
    with Publisher(settings, linger=0.01) as publisher:
        program = os.fork()
        if program == 0:
            # Nothing of the test may go on in the child, whatever happens.
            code = 1
            try:
                code = 0 if publisher.publish(event).stored else 2
            finally:
                os._exit(code)
        assert os.waitpid(program, 0)[1] == 0
        assert publisher.publish(other).stored
    assert stored() == {event["event_id"], other["event_id"]}


def test_an_event_in_the_callers_transaction_lives_and_dies_with_it(settings, stored, pool, messages):
    kept, dropped = an_event(), an_event()
    with Publisher(settings, pool=pool) as publisher, pool.get_connection() as conn:
        assert publisher.publish(dropped, conn=conn).stored
        conn.rollback()
        receipt = publisher.publish(kept, conn=conn)
        assert (receipt.stored, receipt.enqueued) == (True, False)
        conn.commit()
        assert publisher.publish(kept, conn=conn).duplicate
        conn.commit()
        assert stored() == {kept["event_id"]}
        assert messages() == 0
        assert Sweeper(pool, publisher._app, settings).sweep().enqueued == 1
    assert messages() == 1


def test_a_stream_of_events_is_read_a_batch_at_a_time(settings):
    taken = itertools.count()

    def endless():
        while True:
            next(taken)
            yield an_event()

    with Publisher(settings) as publisher:
        receipts = publisher.publish_stream(endless(), batch_size=10)
        assert all(next(receipts).stored for _ in range(11))
        assert next(taken) == 20


def test_the_same_events_again_are_no_work(settings, messages):
    events = [an_event() for _ in range(30)]
    with Publisher(settings) as publisher:
        publisher.publish_many(events, batch_size=10)
        before = messages()
        again = publisher.publish_many(events, batch_size=10)
        assert all(receipt.duplicate for receipt in again)
        assert messages() == before == 3


def test_whoever_submits_too_much_waits_until_there_is_room():
    go_on = threading.Event()
    delivered = []

    def deliver(items):
        go_on.wait(20)
        delivered.extend(items)
        return items

    gatherer = Gatherer(deliver, linger=0, max_batch=1, max_waiting=2)
    submitted = []
    submitter = threading.Thread(target=lambda: submitted.extend(gatherer.submit(number) for number in range(6)))
    submitter.start()
    submitter.join(0.2)
    assert submitter.is_alive()
    assert len(submitted) <= 3
    go_on.set()
    submitter.join(20)
    gatherer.close()
    assert delivered == list(range(6))


def test_an_error_reaches_everybody_whose_event_was_in_the_batch_and_nobody_else():
    def deliver(items):
        if 2 in items:
            raise MusicLibraryError("the database is away")
        return items

    gatherer = Gatherer(deliver, linger=3600, max_batch=2, max_waiting=10)
    futures = [gatherer.submit(number) for number in range(4)]
    assert [future.result(20) for future in futures[:2]] == [0, 1]
    for future in futures[2:]:
        with pytest.raises(MusicLibraryError, match="away"):
            future.result(20)
    gatherer.close()


def test_an_event_is_the_same_whichever_way_it_is_published(settings, pool):
    event = an_event()
    with Publisher(settings, linger=0.01) as publisher, pool.get_connection() as conn:
        first = publisher.publish(parse_event(event).model)
        assert publisher.publish(event).duplicate
        assert publisher.publish(event, conn=conn).duplicate
        assert str(first.event_id) == event["event_id"]


@pytest.mark.parametrize("cursor_factory", [RealDictCursor, NamedTupleCursor, DictCursor])
def test_publishing_in_a_transaction_goes_on_a_connection_whose_cursors_are_of_another_kind(
    settings, database_url, stored, cursor_factory
):
    event = an_event()
    with (
        closing(psycopg2.connect(database_url, cursor_factory=cursor_factory)) as theirs,
        Publisher(settings) as publisher,
        theirs,
    ):
        assert publisher.publish(event, conn=theirs).stored
        assert publisher.publish(event, conn=theirs).duplicate
    assert stored() == {event["event_id"]}
