"""Send an event with nothing but Celery: ``python send_task.py`` with BROKER_URL set. It imports nothing of Tonearm."""

import os
from datetime import UTC, datetime
from uuid import uuid4

from celery import Celery

app = Celery(broker=os.environ["BROKER_URL"])
event = {
    "event_id": str(uuid4()),
    "audio_id": str(uuid4()),
    "occurred_at": datetime.now(UTC).isoformat(),
    "audio_path": "s3://bucket/army-of-me.mp3",
    "metadata": {"artist": "Björk", "title": "Army of Me", "album": "Post", "year": 1995},
}
app.send_task("audio.processed", args=[event], ignore_result=True)
print(event["audio_id"])
