"""Events a second, contender by contender: from the first publish until the last event is done."""

import time
from collections.abc import Sequence
from typing import Any

from benchmarks.contenders import Contender
from benchmarks.names import Catalogue
from benchmarks.servers import Bench, Place

_WARM_UP = 400


def rate(bench: Bench, contender: Contender, *, processes: int = 2, seed: int = 1, scale: float = 1.0) -> float:
    """Return the events a second of one run of a contender, after a warm-up, on servers emptied for it."""
    events = list(Catalogue(seed).events(_WARM_UP + int(contender.EVENTS * scale)))
    with bench.place(set_up=contender.SET_UP) as place:
        contender.start(place, processes)
        contender.publish(place, events[:_WARM_UP])
        place.wait_until(lambda: contender.done(place) >= _WARM_UP)
        return _measure(place, contender, events[_WARM_UP:])


def _measure(place: Place, contender: Contender, events: Sequence[dict[str, Any]]) -> float:
    began = time.perf_counter()
    contender.publish(place, events)
    place.wait_until(lambda: contender.done(place) >= _WARM_UP + len(events))
    return len(events) / (time.perf_counter() - began)
