"""Publish one event durably: ``python publish.py`` with DATABASE_URL and BROKER_URL set."""

from datetime import UTC, datetime
from uuid import uuid4

from worker.publisher import Publisher

event = {
    "event_id": str(uuid4()),
    "audio_id": str(uuid4()),
    "occurred_at": datetime.now(UTC).isoformat(),
    "audio_path": "gs://bucket/joga.flac",
    "metadata": {"artist": "Björk", "title": "Jóga", "album": "Homogenic", "year": 1997, "duration": 305.2},
}

with Publisher() as publisher:
    receipt = publisher.publish(event)
    assert receipt.stored  # nothing that dies can lose it now
    again = publisher.publish(event)
    assert again.duplicate  # the same event is no work

print(receipt.audio_id)
