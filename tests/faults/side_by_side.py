"""Plain Celery and Tonearm under the same faults, side by side: ``python -m tests.faults.side_by_side`` (Markdown)."""

import argparse
import random
import time
from collections.abc import Callable
from typing import NamedTuple

import redis
from celery import Celery

from tests.faults.load import events
from tests.faults.run import seeded
from tests.faults.stage import Stage, stage
from worker.publisher import Publisher
from worker.settings import Settings

_PATIENCE_SECONDS = 60.0
_PLAIN_SCHEMA = """
    CREATE TABLE plain_tracks (id uuid PRIMARY KEY, status text, title text, artist text, year int, duration float);
    CREATE TABLE plain_applied (event_id uuid, at timestamptz DEFAULT clock_timestamp());
"""


class Row(NamedTuple):
    """What became of a run's events; ``recovered_in`` is seconds after the last fault, None if not within 60."""

    system: str
    lost: int
    stuck: int
    twice: int
    recovered_in: float | None


def _strike(on: Stage, chance: random.Random, kills: int, done: Callable[[], int]) -> None:
    """Kill a worker (-9) and start another, again and again, each time with work under way."""
    for _ in range(kills):
        before = done()
        deadline = time.monotonic() + 10
        while done() - before < 150 and time.monotonic() < deadline:
            time.sleep(0.02)  # until some more work is done
        time.sleep(chance.uniform(0, 0.3))
        on.drop_worker(chance.choice(on.workers))
        on.start_worker()


def _wait(done: Callable[[], int], count: int) -> float | None:
    began = time.monotonic()
    while done() < count:
        if time.monotonic() - began > _PATIENCE_SECONDS:
            return None
        time.sleep(0.1)
    return time.monotonic() - began


def plain(name: str, seed: int, count: int, kills: int, **settings: str) -> Row:
    chance = random.Random(seed)
    with stage("tests.faults.plain", **settings) as on:
        on.ask(_PLAIN_SCHEMA)
        sender = Celery("sender", broker=on.broker.url)
        sent = list(events(seed, 0, count))
        for event in sent:
            sender.send_task("plain.processed", args=[event], ignore_result=True)
        sender.close()

        def done() -> int:
            return int(on.ask("SELECT count(DISTINCT event_id) FROM plain_applied")[0][0])

        on.start_worker(ready=False)
        on.start_worker()
        _strike(on, chance, kills, done)
        recovered = _wait(done, count)
        missing = count - done()
        with redis.Redis.from_url(on.broker.url) as client:
            stuck = min(missing, int(client.hlen("unacked") or 0))
        twice = on.ask("SELECT count(*) FROM (SELECT 1 FROM plain_applied GROUP BY event_id HAVING count(*) > 1) t")
        return Row(name, missing - stuck, stuck, twice[0][0], recovered)


def tonearm(seed: int, count: int, kills: int) -> Row:
    chance = random.Random(seed)
    with stage() as on:
        settings = Settings(database_url=on.postgres.url, broker_url=on.broker.url)
        with Publisher(settings) as publisher:
            for event in events(seed, 0, count):
                publisher.publish(event)

        def done() -> int:
            return int(on.ask("SELECT count(*) FROM audio_events WHERE settled_at IS NOT NULL")[0][0])

        on.start_worker(ready=False)
        on.start_worker()
        _strike(on, chance, kills, done)
        recovered = _wait(done, count)
        twice = on.ask(
            """SELECT count(*) FROM (SELECT 1 FROM audio_track_history
               WHERE from_status = 'PROCESSING' AND to_status = 'COMPLETED'
               GROUP BY event_id HAVING count(*) > 1) t"""
        )
        open_ = count - done()
        stored = int(on.ask("SELECT count(*) FROM audio_events")[0][0])
        return Row("Tonearm (LEASE_SECONDS=5)", count - stored, open_, twice[0][0], recovered)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--events", type=int, default=3000)
    parser.add_argument("--kills", type=int, default=4)
    options = parser.parse_args()
    seed = seeded()
    rows = [
        plain("Celery, default acknowledgement", seed, options.events, options.kills),
        plain("Celery, acks_late", seed, options.events, options.kills, PLAIN_LATE="1"),
        tonearm(seed, options.events, options.kills),
    ]
    print(f"\n{options.events} events, a worker killed (-9) {options.kills} times.\n")
    print("| | lost | stuck longer than 60 s | applied twice | seconds to recover |")
    print("|---|---|---|---|---|")
    for row in rows:
        recovered = "not within 60" if row.recovered_in is None else f"{row.recovered_in:.0f}"
        print(f"| {row.system} | {row.lost} | {row.stuck} | {row.twice} | {recovered} |")


if __name__ == "__main__":
    main()
