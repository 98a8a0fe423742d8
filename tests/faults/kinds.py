"""The kinds of faults: each does its harm and returns when it is over. What it left behind is for the product."""

import contextlib
import os
import random
import signal
import time
from collections.abc import Callable, Iterator

from tests.faults.stage import LEASE_SECONDS, Stage, Worker

Fault = Callable[[Stage, random.Random], None]
KINDS: dict[str, Fault] = {}


def _kind(fault: Fault) -> Fault:
    KINDS[fault.__name__] = fault
    return fault


def _some_worker(stage: Stage, chance: random.Random) -> Worker:
    return chance.choice([worker for worker in stage.workers if worker.alive])


def _lasting(chance: random.Random, least: float, most: float) -> None:
    time.sleep(chance.uniform(least, most))  # how long the fault lasts


@_kind
def child_killed(stage: Stage, chance: random.Random) -> None:
    for _ in range(3):
        children = _some_worker(stage, chance).children()
        if children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(chance.choice(children), signal.SIGKILL)
        _lasting(chance, 0.1, 1.0)


@_kind
def worker_killed(stage: Stage, chance: random.Random) -> None:
    stage.drop_worker(_some_worker(stage, chance))
    stage.start_worker()


@_kind
def every_worker_killed(stage: Stage, _: random.Random) -> None:
    for worker in list(stage.workers):
        stage.drop_worker(worker)
    stage.start_worker(ready=False)
    stage.start_worker()


@_kind
def worker_frozen_beyond_its_lease(stage: Stage, _: random.Random) -> None:
    worker = _some_worker(stage, _)
    worker.signal_all(signal.SIGSTOP)
    time.sleep(LEASE_SECONDS + 2)
    worker.signal_all(signal.SIGCONT)


@_kind
def broker_killed(stage: Stage, chance: random.Random) -> None:
    """Redis keeps nothing here; RabbitMQ keeps what its quorum queues have on disk."""
    stage.broker.kill()
    _lasting(chance, 0.2, 3.0)
    stage.broker.start()


@_kind
def broker_flushed(stage: Stage, _: random.Random) -> None:
    stage.broker.flush()


@_kind
def broker_connections_cut(stage: Stage, chance: random.Random) -> None:
    for _ in range(3):
        stage.queue.cut()
        _lasting(chance, 0.1, 0.8)


@_kind
def broker_silent(stage: Stage, chance: random.Random) -> None:
    stage.queue.silence()
    _lasting(chance, 1.0, 6.0)
    stage.queue.open()


@_kind
def database_stopped_immediate(stage: Stage, chance: random.Random) -> None:
    stage.postgres.stop("immediate")
    _lasting(chance, 0.2, 3.0)
    stage.start_postgres()


@_kind
def database_away_longer_than_a_lease(stage: Stage, chance: random.Random) -> None:
    stage.database.refuse()
    _lasting(chance, LEASE_SECONDS + 1, LEASE_SECONDS + 3)
    stage.database.open()


@_kind
def database_connections_cut(stage: Stage, chance: random.Random) -> None:
    for _ in range(5):
        stage.database.cut()
        _lasting(chance, 0.1, 0.8)


@_kind
def database_silent(stage: Stage, chance: random.Random) -> None:
    stage.database.silence()
    _lasting(chance, 1.0, LEASE_SECONDS + 2)
    stage.database.open()


@_kind
def both_away(stage: Stage, chance: random.Random) -> None:
    first, second = chance.sample([stage.database, stage.queue], 2)
    first.refuse()
    _lasting(chance, 0.2, 2.0)
    second.refuse()
    _lasting(chance, 0.5, 3.0)
    back = chance.sample([first, second], 2)
    back[0].open()
    _lasting(chance, 0.2, 3.0)
    back[1].open()


@_kind
def queries_slower_than_their_timeout(stage: Stage, chance: random.Random) -> None:
    with stage.connect() as conn, conn, conn.cursor() as cursor:
        table = chance.choice(["audio_events", "audio_tracks", "track_search"])
        cursor.execute(f"LOCK TABLE {table} IN EXCLUSIVE MODE")
        _lasting(chance, 2.0, LEASE_SECONDS)


@contextlib.contextmanager
def _disk_full(stage: Stage, table: str) -> Iterator[None]:
    stage.ask(
        """CREATE FUNCTION disk_full() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
               RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = '53100'; END $$"""
    )
    stage.ask(f"CREATE TRIGGER disk_full BEFORE INSERT OR UPDATE ON {table} EXECUTE FUNCTION disk_full()")
    yield
    stage.ask("DROP FUNCTION disk_full CASCADE")


@_kind
def disk_full(stage: Stage, chance: random.Random) -> None:
    with _disk_full(stage, chance.choice(["audio_events", "audio_tracks", "audio_track_history", "track_search"])):
        _lasting(chance, 1.0, LEASE_SECONDS + 1)


@_kind
def database_read_only(stage: Stage, chance: random.Random) -> None:
    """As in a failover: connections opened meanwhile stay read-only, new ones afterwards are not."""
    stage.ask("ALTER DATABASE tonearm SET default_transaction_read_only = on")
    stage.database.cut()
    _lasting(chance, 1.0, LEASE_SECONDS)
    stage.ask("ALTER DATABASE tonearm RESET default_transaction_read_only")


@_kind
def rolling_restart(stage: Stage, _: random.Random) -> None:
    """A deploy: not one attempt may fail for it."""
    failed = "SELECT count(*) FROM audio_track_history WHERE to_status = 'FAILED'"
    before = stage.ask(failed)
    for worker in list(stage.workers):
        stage.start_worker()
        worker.signal(signal.SIGTERM)
        worker.wait_end(30)
        stage.workers.remove(worker)
    assert stage.ask(failed) == before


@_kind
def worker_quit(stage: Stage, chance: random.Random) -> None:
    """SIGTERM, then impatience."""
    worker = _some_worker(stage, chance)
    for number in chance.choice([[signal.SIGQUIT], [signal.SIGTERM, signal.SIGTERM], [signal.SIGTERM, signal.SIGQUIT]]):
        worker.signal(number)
        _lasting(chance, 0.0, 0.5)
    stage.start_worker()
    worker.wait_end(30)
    stage.workers.remove(worker)
