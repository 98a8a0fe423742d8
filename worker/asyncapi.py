"""The contract as an AsyncAPI 3 document: the channels, the two tasks' messages, and the event in them."""

from typing import Any

from worker.app import BACKFILL_QUEUE, LIVE_QUEUE
from worker.events import BATCH_MAX, PAYLOAD_MAX_BYTES, AudioProcessed
from worker.messages import PROCESSED, PROCESSED_BATCH, STORED

__all__ = ["EXAMPLE", "document"]

EXAMPLE: dict[str, Any] = {
    "schema_version": 1,
    "event_id": "0b7f9a51-4f0c-4f6e-9a53-6f1d7c0f3f10",
    "audio_id": "5d098d5b-adcd-4b71-925a-9eedf497a0f4",
    "occurred_at": "2026-11-01T00:00:00Z",
    "audio_path": "gs://bucket/joga.mp3",
    "thumbnail_path": "gs://bucket/joga.jpg",
    "metadata": {
        "artist": "Björk",
        "title": "Jóga",
        "album": "Homogenic",
        "genre": "Electronic",
        "year": 1997,
        "duration": 305.2,
        "channels": 2,
        "sample_rate": 44100,
        "bitrate": 320000,
        "format": "MP3",
        "file_size": 12208000,
    },
}
"""An event with every field."""

_EXAMPLE_TASK_ID = "9d3fbc0c-1f0d-4a8e-8a35-2c7a1d3a6a55"
_MESSAGES = {"audioProcessed": PROCESSED, "audioProcessedBatch": PROCESSED_BATCH}
_CHANNELS = {"live": LIVE_QUEUE, "backfill": BACKFILL_QUEUE}


def document() -> dict[str, Any]:
    """Return the whole document, as docs/asyncapi.json has it."""
    schemas = AudioProcessed.model_json_schema(ref_template="#/components/schemas/{model}")
    definitions = schemas.pop("$defs")
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Tonearm",
            "version": "1",
            "description": "What an upload service sends when it has processed an audio file, as Celery messages "
            "(protocol 2). See events.md beside this file.",
            "license": {"name": "MIT"},
        },
        "defaultContentType": "application/json",
        "servers": {
            "redis": {
                "host": "redis.example.com:6379",
                "pathname": "/0",
                "protocol": "redis",
                "description": "BROKER_URL. A message is one JSON text, pushed to the left of the list (LPUSH) that is "
                "named as the channel's address.",
            },
            "rabbitmq": {
                "host": "rabbitmq.example.com:5672",
                "protocol": "amqp",
                "description": "BROKER_URL. A message is published to the exchange that is named as the channel's "
                "address, with the same routing key.",
            },
        },
        "channels": {name: _channel(queue) for name, queue in _CHANNELS.items()},
        "operations": {
            f"apply{name.capitalize()}": {
                "action": "receive",
                "channel": {"$ref": f"#/channels/{name}"},
                "summary": "Workers take messages from here and apply their events.",
                "messages": [{"$ref": f"#/channels/{name}/messages/{message}"} for message in _MESSAGES],
            }
            for name in _CHANNELS
        },
        "components": {
            "messages": {
                "audioProcessed": _message(
                    PROCESSED, "One event.", {"$ref": "#/components/schemas/AudioProcessed"}, EXAMPLE
                ),
                "audioProcessedBatch": _message(
                    PROCESSED_BATCH,
                    "Many events; a bad one does not hold up the others.",
                    {
                        "type": "array",
                        "maxItems": BATCH_MAX,
                        "items": {"$ref": "#/components/schemas/AudioProcessed"},
                    },
                    [EXAMPLE],
                ),
            },
            "schemas": {**definitions, "AudioProcessed": schemas},
        },
    }


def _channel(queue: str) -> dict[str, Any]:
    return {
        "address": queue,
        "description": "Mass imports: taken after what is live."
        if queue == BACKFILL_QUEUE
        else "Live events: Celery's own default queue.",
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in _MESSAGES},
        "bindings": {
            "amqp": {
                "is": "queue",
                "queue": {"name": queue, "durable": True, "exclusive": False, "autoDelete": False},
                "bindingVersion": "0.3.0",
            }
        },
    }


def _message(task: str, summary: str, argument: dict[str, Any], example: object) -> dict[str, Any]:
    return {
        "name": task,
        "title": task,
        "summary": summary,
        "contentType": "application/json",
        "correlationId": {"location": "$message.header#/id"},
        "headers": {
            "type": "object",
            "required": ["task", "id"],
            "properties": {
                "task": {"const": task, "description": "which task is to run"},
                "id": {"type": "string", "format": "uuid", "description": "the message's own id, in logs and Flower"},
                "lang": {"type": "string", "description": "the sender's language"},
                STORED: {
                    "type": "boolean",
                    "default": False,
                    "description": "that its events are in the inbox already; Publisher sets it, others leave it out",
                },
            },
        },
        "payload": {
            "description": "Celery's body: positional arguments, keyword arguments, and what Celery embeds.",
            "type": "array",
            "minItems": 3,
            "maxItems": 3,
            "items": [
                {"type": "array", "minItems": 1, "maxItems": 1, "items": [argument]},
                {"type": "object", "maxProperties": 0, "description": "no keyword arguments"},
                {"type": "object", "description": "may be empty"},
            ],
        },
        "description": f"Each event has at most {PAYLOAD_MAX_BYTES} bytes as JSON text in UTF-8.",
        "examples": [
            {
                "name": "everything",
                "headers": {"lang": "js", "task": task, "id": _EXAMPLE_TASK_ID},
                "payload": [[example], {}, {}],
            }
        ],
    }
