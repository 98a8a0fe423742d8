"""One long import through the batch path: the rate and the workers' memory as the catalogue grows."""

import threading
import time
from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

import psutil

from benchmarks.contenders import tonearm_batch
from benchmarks.names import Catalogue
from benchmarks.servers import Bench, Workers
from worker.publisher import Publisher

_CHUNK = 5_000
_AHEAD = 20_000
"""How far the publisher may be ahead of the workers: what is measured is both together."""
_SAMPLE_SECONDS = 1.0


class Sample(NamedTuple):
    """At some moment: seconds since the start, tracks that can be searched, MiB of the largest worker process."""

    at: float
    tracks: int
    memory: float


def _memory(workers: Workers) -> float:
    """Return the largest worker process's unique set size in MiB."""
    children = [child for process in workers.processes for child in psutil.Process(process.pid).children()]
    return max((child.memory_full_info().uss for child in children), default=0) / 2**20


def run(bench: Bench, tracks: int) -> list[Sample]:
    """Import this many tracks; return what was seen on the way."""
    samples: list[Sample] = []
    with bench.place(set_up=tonearm_batch.SET_UP) as place:
        tonearm_batch.start(place, 2)
        workers = place.workers[0]
        published = 0
        searchable = 0
        failed: list[BaseException] = []

        def publish() -> None:
            nonlocal published
            try:
                events: Iterator[dict[str, object]] = Catalogue(3).events(tracks)
                with Publisher(tonearm_batch.settings(place)) as publisher:
                    while chunk := list(islice(events, _CHUNK)):
                        while published - searchable > _AHEAD:
                            time.sleep(0.01)
                        publisher.publish_many(chunk)
                        published += len(chunk)
            except BaseException as error:
                failed.append(error)
                raise

        began = time.perf_counter()
        publisher_thread = threading.Thread(target=publish, daemon=True)
        publisher_thread.start()
        while searchable < tracks and not failed:
            time.sleep(_SAMPLE_SECONDS)
            workers.check()
            # doc_id counts what became searchable, without a scan.
            searchable = int(place.run("SELECT coalesce(max(doc_id), 0) FROM track_search")[0][0])
            samples.append(Sample(time.perf_counter() - began, searchable, _memory(workers)))
        publisher_thread.join()
    return samples


def rate_between(samples: list[Sample], first: float, last: float) -> float:
    """Return the tracks a second between two sizes of the catalogue."""
    inside = [sample for sample in samples if first <= sample.tracks <= last]
    return (inside[-1].tracks - inside[0].tracks) / (inside[-1].at - inside[0].at)


def memory_at(samples: list[Sample], tracks: int) -> float:
    """Return the workers' memory (MiB) when there were this many tracks."""
    return next(sample.memory for sample in samples if sample.tracks >= tracks)
