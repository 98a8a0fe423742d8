"""No queue at all, and no upsert either: COPY into the obvious table, in one go."""

import csv
import io
from collections.abc import Sequence
from typing import Any

from benchmarks import obvious
from benchmarks.contenders.celery_sql import done
from benchmarks.contenders.set_upsert import start
from benchmarks.servers import Place

__all__ = ["EVENTS", "NAME", "SET_UP", "done", "publish", "start"]

NAME = "COPY"
EVENTS = 30_000
SET_UP = obvious.SCHEMA


def publish(place: Place, events: Sequence[dict[str, Any]]) -> None:
    """Copy the tracks in."""
    text = io.StringIO()
    csv.writer(text).writerows(
        [*(row[name] for name in obvious.COLUMNS), "COMPLETED"] for row in map(obvious.row, events)
    )
    text.seek(0)
    columns = ", ".join((*obvious.COLUMNS, "status"))
    with place.conn.cursor() as cursor:
        cursor.copy_expert(f"COPY tracks ({columns}) FROM STDIN (FORMAT csv)", text)
