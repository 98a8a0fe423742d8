"""What most people would write: plain Celery on Redis, the same work in two transactions. ``-A tests.faults.plain``."""

import os

import psycopg2
from celery import Celery
from celery.signals import worker_process_init

app = Celery("plain", broker=os.environ["BROKER_URL"])
app.conf.update(
    task_ignore_result=True, broker_connection_retry_on_startup=True, task_acks_late="PLAIN_LATE" in os.environ
)
_state = {}


@worker_process_init.connect
def _connect(**_):
    _state["conn"] = psycopg2.connect(os.environ["DATABASE_URL"])


@app.task(name="plain.processed")
def processed(event):
    conn = _state["conn"]
    with conn, conn.cursor() as cursor:
        cursor.execute(
            """INSERT INTO plain_tracks (id, status) VALUES (%s, 'PROCESSING')
               ON CONFLICT (id) DO UPDATE SET status = 'PROCESSING'""",
            (event["audio_id"],),
        )
    with conn, conn.cursor() as cursor:
        cursor.execute(
            """UPDATE plain_tracks SET status = 'COMPLETED', title = %(title)s, artist = %(artist)s, year = %(year)s,
               duration = %(duration)s WHERE id = %(id)s""",
            event["metadata"] | {"id": event["audio_id"]},
        )
        cursor.execute("INSERT INTO plain_applied (event_id) VALUES (%s)", (event["event_id"],))
