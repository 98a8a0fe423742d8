"""The events of a run, the same for the same seed; ``python -m tests.faults.load`` is the publisher.

Some tracks get several events, in whatever order; some events are sent twice.
"""

import argparse
import json
import random
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from db.errors import MusicLibraryError
from worker.publisher import Publisher

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
WORDS = ["love", "night", "blue", "river", "dance", "light", "heart", "moon", "road", "rain", "fire", "star", "dream"]


def events(seed: int, part: int, count: int) -> Iterator[dict[str, Any]]:
    """Yield ``count`` different events, of which about a fifth are for a track that had one before."""
    chance = random.Random(f"{seed}/{part}")
    tracks: list[UUID] = []
    for number in range(count):
        again = tracks and chance.random() < 0.2
        track = chance.choice(tracks[-200:]) if again else UUID(int=chance.getrandbits(128), version=4)
        if not again:
            tracks.append(track)
        # Reordered: an event's time says nothing of when it is sent.
        moment = EPOCH + timedelta(seconds=number + (chance.uniform(-300, 300) if again else 0))
        yield {
            "schema_version": 1,
            "event_id": str(UUID(int=chance.getrandbits(128), version=4)),
            "audio_id": str(track),
            "occurred_at": moment.isoformat(),
            "audio_path": f"gs://bucket/{track}.mp3",
            "metadata": {
                "title": f"{' '.join(chance.sample(WORDS, 2))} {number}",
                "artist": " ".join(chance.sample(WORDS, 2)),
                "year": chance.randint(1960, 2026),
                "duration": round(chance.uniform(30, 600), 2),
                "format": "MP3",
            },
        }


def expected(seed: int, parts: int, count: int) -> tuple[set[UUID], dict[UUID, UUID]]:
    """Return every event's id, and for each track the event that must have won."""
    ids: set[UUID] = set()
    newest: dict[UUID, tuple[datetime, UUID]] = {}
    for part in range(parts):
        for event in events(seed, part, count):
            event_id, track = UUID(event["event_id"]), UUID(event["audio_id"])
            ids.add(event_id)
            at = (datetime.fromisoformat(event["occurred_at"]), event_id)
            newest[track] = max(newest.get(track, at), at)
    return ids, {track: event_id for track, (_, event_id) in newest.items()}


def publish(seed: int, part: int, count: int, rate: float) -> dict[str, int]:
    """Publish a part's events, ``rate`` a second, a quarter of them in batches; go on until the inbox has them all."""
    chance = random.Random()  # what is sent is seeded, how it is sent need not be
    tally = {"published": 0, "not_enqueued": 0, "refused": 0}
    waiting = list(events(seed, part, count))
    began = time.monotonic()
    sent = 0
    with Publisher() as publisher:
        while waiting:
            size = chance.choice((1, 1, 1, 1, 1, 1, 20, 60))
            batch = waiting[:size]
            if chance.random() < 0.05:
                batch = [*batch, chance.choice(batch)]  # twice
            try:
                receipts = publisher.publish_many(batch)
            except MusicLibraryError:
                tally["refused"] += 1
                time.sleep(0.2)  # an upload service does the same: it publishes again what was not accepted
                continue
            tally["not_enqueued"] += sum(not receipt.enqueued and not receipt.duplicate for receipt in receipts)
            tally["published"] += len(waiting[:size])
            sent += len(batch)
            del waiting[:size]
            time.sleep(max(0.0, began + sent / rate - time.monotonic()))
    return tally


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--part", type=int, required=True)
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--rate", type=float, required=True)
    options = parser.parse_args()
    print("\n" + json.dumps(publish(options.seed, options.part, options.count, options.rate)))


if __name__ == "__main__":
    main()
