"""Ways to get events into PostgreSQL, a module each; what they have in common is described here.

A contender says how many ``EVENTS`` a measurement takes, so that each lasts some seconds, how its database is set up,
which workers it runs, how events are published and how many are done.
"""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from benchmarks.servers import Place


class Contender(Protocol):
    """What a module of this package offers."""

    NAME: str
    EVENTS: int
    SET_UP: Callable[[str], None] | str

    @staticmethod
    def start(place: Place, processes: int) -> None:
        """Start the workers, if there are any."""

    @staticmethod
    def publish(place: Place, events: Sequence[dict[str, Any]]) -> None:
        """Publish events, or write them where nobody works but the publisher."""

    @staticmethod
    def done(place: Place) -> int:
        """Return how many events are done since the database was made."""
