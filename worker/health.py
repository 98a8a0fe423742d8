"""Whether a worker can do its work: its loop, the database and the broker answer. What container probes ask."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from kombu.connection import Connection
from kombu.exceptions import OperationalError

from db.dsn import redacted
from db.errors import MusicLibraryError
from db.pool import DatabasePool
from worker.broker import transport_options
from worker.heartbeat import STALE_SECONDS, read_beats, runtime_dir
from worker.settings import Settings

_PROBE_SECONDS = 4.0


class Check(NamedTuple):
    """One thing that must be so: ``detail`` says what was found."""

    name: str
    healthy: bool
    detail: str


def check_health(settings: Settings, directory: Path | None = None) -> list[Check]:
    """Return what each of the three says; takes at most some ten seconds, whatever hangs.

    ``directory`` is where the workers' heartbeats are. Never raises for what is unhealthy.
    """
    return [
        check_loop(directory or runtime_dir()),
        _checked("database", lambda: ask_database(settings)),
        _checked("broker", lambda: ask_broker(settings)),
    ]


def _checked(name: str, ask: Callable[[], str]) -> Check:
    try:
        return Check(name, healthy=True, detail=ask())
    except (MusicLibraryError, OperationalError) as error:
        return Check(name, healthy=False, detail=redacted(str(error)))


def check_loop(directory: Path) -> Check:
    """Say whether a worker runs here, and whether the event loop of each one turns."""
    beats = read_beats(directory)
    if not beats:
        return Check("worker", healthy=False, detail="no worker of this user runs here: start one with `tonearm up`")
    hung = [beat for beat in beats if beat.seconds_ago > STALE_SECONDS]
    if hung:
        said = ", ".join(f"pid {beat.pid} for {beat.seconds_ago:.0f} s" for beat in hung)
        return Check("worker", healthy=False, detail=f"the event loop has not turned: {said}")
    return Check("worker", healthy=True, detail=", ".join(f"pid {beat.pid}" for beat in beats))


def ask_database(settings: Settings) -> str:
    """Return what the database says of itself. Raises MusicLibraryError where it does not answer."""
    pool = DatabasePool(
        settings.database(), min_size=0, max_size=1, timeout=_PROBE_SECONDS, application_name="tonearm-health"
    )
    try:
        found = pool.health_check(timeout=_PROBE_SECONDS)
    finally:
        pool.close()
    if found.error is not None:
        raise MusicLibraryError(found.error)
    return f"PostgreSQL {found.server_version}, {found.latency_seconds * 1000:.0f} ms"


def ask_broker(settings: Settings) -> str:
    """Return where the broker is.

    Speaks to it as Celery does, so that every broker that Celery knows can be asked. Raises OperationalError where it
    does not answer, MusicLibraryError where none is set.
    """
    options = transport_options(settings, seconds=_PROBE_SECONDS)
    with Connection(settings.broker(), connect_timeout=_PROBE_SECONDS, transport_options=options) as connection:
        try:
            connection.ensure_connection(max_retries=1, interval_start=0.2, timeout=_PROBE_SECONDS)
            connection.default_channel.queue_declare("celery", passive=True)
        except connection.channel_errors:
            pass  # it answered: nobody ever used the queue
        except connection.connection_errors as error:
            raise OperationalError(f"the broker cannot be reached: {error}") from error
        return f"{redacted(str(connection.as_uri()))}"
