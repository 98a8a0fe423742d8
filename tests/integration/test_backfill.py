"""A mass import: live events overtake it, and it can be interrupted and run again."""

import json
from uuid import uuid4

import pytest
from pydantic import SecretStr

from tests.programs import Programs
from worker.app import BACKFILL_QUEUE
from worker.publisher import Publisher
from worker.settings import Settings

MANY = 6000


def some_events(number):
    for at in range(number):
        yield {
            "audio_id": str(uuid4()),
            "event_id": str(uuid4()),
            "audio_path": f"gs://bucket/{at}.mp3",
            "metadata": {"title": f"Title {at}", "artist": "Somebody"},
        }


@pytest.fixture
def count(pool):
    def rows(where):
        with pool.get_connection() as conn, conn.cursor() as cursor:
            cursor.execute(f"SELECT count(*) FROM audio_tracks WHERE {where}")
            return cursor.fetchone()[0]

    return rows


def test_live_events_overtake_a_backfill(database_url, broker_url, count, tmp_path, wait_until):
    settings = Settings(database_url=SecretStr(database_url), broker_url=SecretStr(broker_url))
    with Publisher(settings, queue=BACKFILL_QUEUE) as backfill, Publisher(settings) as live:
        backfill.publish_many(some_events(MANY), batch_size=100)
        urgent = live.publish(next(some_events(1)))
    programs = Programs(DATABASE_URL=database_url, BROKER_URL=broker_url)
    with programs.worker(tmp_path / "worker.log", "-c", "1", "--loglevel", "WARNING"):
        is_live = f"status = 'COMPLETED' AND id = '{urgent.audio_id}'"
        wait_until(lambda: count(is_live), timeout=60)
        # Only what the worker had taken before the live event could be first.
        assert count("status = 'COMPLETED'") < MANY / 2
        wait_until(lambda: count("status = 'COMPLETED'") == MANY + 1, timeout=60)


def test_an_interrupted_backfill_goes_on_where_it_ended(database_url, broker_url, count):
    programs = Programs(DATABASE_URL=database_url, BROKER_URL=broker_url)
    lines = [json.dumps(event).encode() + b"\n" for event in some_events(700)]
    half = programs.tonearm("publish", "--backfill", "--json", "-", stdin=b"".join(lines[:300]))
    assert half.json()["published"] == 300
    whole = programs.tonearm("publish", "--backfill", "--json", "-", stdin=b"".join(lines))
    assert (whole.json()["published"], whole.json()["duplicates"]) == (400, 300)
    assert count("status = 'PENDING'") == 700
