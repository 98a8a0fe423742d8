"""What an interrupted attempt still holds is given back, and one debt that cannot be paid does not stop the others."""

import threading
from contextlib import closing
from uuid import uuid4

from db.pool import DatabasePool
from db.write import inbox, transitions
from worker.debts import Debts
from worker.events import parse_event


def claimed(pool, token):
    """A new track, claimed under the token."""
    event = parse_event({"audio_id": str(uuid4()), "audio_path": "gs://bucket/a.mp3"})
    with pool.transaction() as conn:
        inbox.store_events(conn, [event.inbox_row()])
        transitions.claim(conn, [event.event_id], token=token, lease_seconds=60, owner="test")
    return event.audio_id


def status_and_retries(pool, audio_id):
    with pool.transaction() as conn, conn.cursor() as cursor:
        cursor.execute("SELECT status, retry_count FROM audio_tracks WHERE id = %s", (str(audio_id),))
        return cursor.fetchone()


def test_an_owed_lease_is_given_back_uncounted(pool, wait_until):
    token = uuid4()
    audio_id = claimed(pool, token)
    Debts(pool).owe(token)
    wait_until(lambda: status_and_retries(pool, audio_id) == ("PENDING", 0))


def test_a_debt_that_can_never_be_paid_is_dropped(pool, wait_until):
    debts = Debts(pool)
    debts.owe(object())  # no lease token at all: the statement for it cannot even be built
    wait_until(lambda: not debts._paying)
    assert debts._tokens == []


def test_a_debt_that_can_never_be_paid_does_not_stop_the_next(pool, wait_until):
    token = uuid4()
    audio_id = claimed(pool, token)
    debts = Debts(pool)
    debts.owe(object())
    debts.owe(token)
    wait_until(lambda: status_and_retries(pool, audio_id) == ("PENDING", 0))


def test_what_is_owed_while_the_database_is_away_is_paid_when_it_is_back(postgres_server, wait_until):
    tokens = [uuid4() for _ in range(3)]
    with closing(DatabasePool(postgres_server.url, min_size=0, max_size=2, timeout=0.3)) as pool:
        tracks = [claimed(pool, token) for token in tokens]
        postgres_server.stop("fast")
        debts = Debts(pool)
        for token in tokens:
            debts.owe(token)
        wait_until(lambda: pool.get_stats().failed > 1, message="it has tried, and more than once")
        assert debts._tokens == tokens
        postgres_server.start()
        wait_until(lambda: {status_and_retries(pool, track) for track in tracks} == {("PENDING", 0)}, timeout=20)
        wait_until(lambda: not debts._paying)
        assert debts._tokens == []


def test_one_thread_pays_and_another_one_later(pool, wait_until):
    debts = Debts(pool)
    for _ in range(2):
        tokens = [uuid4() for _ in range(5)]
        tracks = [claimed(pool, token) for token in tokens]
        for token in tokens:
            debts.owe(token)
            assert sum(thread.name == "debts" for thread in threading.enumerate()) <= 1
        wait_until(lambda: {status_and_retries(pool, track) for track in tracks} == {("PENDING", 0)})  # noqa: B023
        wait_until(lambda: all(thread.name != "debts" for thread in threading.enumerate()))


def test_a_lease_that_somebody_else_has_by_now_is_left_alone(pool, wait_until):
    token = uuid4()
    audio_id = claimed(pool, token)
    debts = Debts(pool)
    debts.owe(uuid4())
    wait_until(lambda: not debts._paying)
    assert status_and_retries(pool, audio_id) == ("PROCESSING", 0)
