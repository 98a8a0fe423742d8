"""Prints the event's JSON Schema: ``python -m worker.schema``, committed as docs/audio-processed.schema.json."""

import json

from worker.events import json_schema

if __name__ == "__main__":
    print(json.dumps(json_schema(), indent=2, ensure_ascii=False))  # noqa: T201 - a program's output
