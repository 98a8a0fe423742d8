"""What runs for a home: how ``tonearm search`` in another terminal finds what ``tonearm up`` started."""

from dataclasses import dataclass
from pathlib import Path

from worker.embedded.broker import running_broker
from worker.embedded.postgres import running_postgres


@dataclass(frozen=True)
class Running:
    """The addresses of the embedded servers that answer; None for one that does not run."""

    database_url: str | None
    broker_url: str | None


def find_running(home: Path) -> Running:
    """Return the addresses of the servers that run for ``home``; starts nothing and changes nothing."""
    home = home.expanduser().resolve()
    postgres, broker = running_postgres(home), running_broker(home)
    return Running(postgres.url if postgres else None, broker.url if broker else None)
