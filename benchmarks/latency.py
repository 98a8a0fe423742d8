"""How long one event takes at 100 events/s: Tonearm's until it can be searched, a no-op task's until it has run."""

import select
import statistics
import threading
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import psycopg2

from benchmarks.contenders import celery_noop, tonearm_batch
from benchmarks.names import Catalogue
from benchmarks.servers import Bench, Place
from worker.publisher import Publisher

_RATE = 100
_WARM_UP = 200
# The listener hears of a commit right after it: what it notes can be searched by then.
_TELL = """
CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN PERFORM pg_notify('searchable', NEW.id::text); RETURN NULL; END $$;
CREATE TRIGGER tell AFTER INSERT ON track_search FOR EACH ROW EXECUTE FUNCTION tell();
LISTEN searchable
"""


class Latency(NamedTuple):
    """Milliseconds."""

    p50: float
    p99: float


def _at_a_steady_rate(events: list[dict[str, Any]], publish: Callable[[dict[str, Any]], object]) -> dict[str, float]:
    """Publish one event every hundredth of a second; return when each publish began."""
    began: dict[str, float] = {}
    start = time.time()
    for number, event in enumerate(events):
        time.sleep(max(0.0, start + number / _RATE - time.time()))
        began[event["audio_id"]] = time.time()
        publish(event)
    return began


def _latency(began: dict[str, float], ended: dict[str, float]) -> Latency:
    times = [1000 * (ended[audio_id] - at) for audio_id, at in list(began.items())[_WARM_UP:]]
    return Latency(statistics.median(times), statistics.quantiles(times, n=100)[98])


def _listen(conn: Any, heard: dict[str, float], expected: int) -> None:
    while len(heard) < expected:
        if not select.select([conn], [], [], 30)[0]:
            return
        conn.poll()
        now = time.time()
        while conn.notifies:
            heard[conn.notifies.pop(0).payload] = now


def tonearm(bench: Bench, *, durable: bool, seconds: int = 12) -> Latency:
    """Measure from publish, by one event a message, until searchable."""
    events = list(Catalogue(7).events(_WARM_UP + seconds * _RATE))
    with bench.place(set_up=tonearm_batch.SET_UP) as place:
        tonearm_batch.start(place, 2)
        listening = psycopg2.connect(place.database_url)
        listening.autocommit = True
        with listening.cursor() as cursor:
            cursor.execute(_TELL)
        heard: dict[str, float] = {}
        listener = threading.Thread(target=_listen, args=(listening, heard, len(events)), daemon=True)
        listener.start()
        with Publisher(tonearm_batch.settings(place), durable=durable) as publisher:
            began = _at_a_steady_rate(events, publisher.publish)
        listener.join()
        listening.close()
        return _latency(began, heard)


def noop(bench: Bench, *, seconds: int = 12) -> Latency:
    """Measure from publish until the no-op task has noted the time."""
    events = list(Catalogue(7).events(_WARM_UP + seconds * _RATE))
    with bench.place(set_up=celery_noop.SET_UP) as place:
        return _noop(place, events)


def _noop(place: Place, events: list[dict[str, Any]]) -> Latency:
    notes = place.home / "executed"
    notes.write_text("", encoding="ascii")
    celery_noop.start(place, 2, **{celery_noop.EXECUTED: str(notes)})
    client = celery_noop.Celery("publisher", broker=place.broker_url, set_as_current=False)
    with client:
        began = _at_a_steady_rate(events, lambda event: client.send_task("noop.note", args=[event], ignore_result=True))
    place.wait_until(lambda: len(notes.read_text(encoding="ascii").splitlines()) >= len(events))
    lines = (line.split() for line in notes.read_text(encoding="ascii").splitlines())
    return _latency(began, {audio_id: float(at) for audio_id, at in lines})
