"""What an interrupted attempt still holds is given back, and one debt that cannot be paid does not stop the others."""

from uuid import uuid4

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
