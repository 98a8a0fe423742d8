"""Prometheus metrics, read from PostgreSQL and the broker when they are asked for: prefork does not matter to them.

What comes from the database and the broker is about the whole, so every worker tells the same: aggregate with ``max``,
not ``sum``. The counters start at nought with each worker, as Prometheus expects. ``tonearm_hook_calls_total`` is each
worker's own, and there only where a hook is set: ``sum`` it.
"""

import itertools
import os
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any, Final

import structlog
from celery import Celery, bootsteps
from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from db.errors import MusicLibraryError
from db.pool import DatabasePool
from db.read.status import read_status
from db.read.throughput import read_connections, read_model_lag, read_throughput, replica_lag
from worker import process
from worker.hooks.counts import HookCounts
from worker.messages import OperationalError, queue_depth, unacknowledged
from worker.settings import Settings
from worker.sweeper import SweeperStep

log = structlog.get_logger()

BUCKETS: Final = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0)
"""Seconds from an event's arrival until its track can be found."""
_STATEMENT_SECONDS = 5.0


class Totals:
    """What the counters have counted since this worker's first scrape."""

    def __init__(self) -> None:
        self.until: datetime | None = None
        self.completed = 0
        self.failures: Counter[str] = Counter()
        self.waits = [0] * (len(BUCKETS) + 1)
        self.waited_seconds = 0.0


class TonearmCollector(Collector):
    """Collects at scrape time. ``sweeper_last_run`` returns a Unix time, or None before the first sweep.

    A database or broker that is away costs its own metrics only, and ``tonearm_database_up`` or ``tonearm_broker_up``
    says so. ``lag`` (seconds) is how far the counters stay behind, for transactions that are still running.
    """

    def __init__(
        self,
        pool: DatabasePool,
        app: Celery,
        *,
        replica: DatabasePool | None = None,
        sweeper_last_run: Callable[[], float | None] = lambda: None,
        hook_counts: HookCounts | None = None,
        lag: float = 5.0,
    ) -> None:
        self._pool = pool
        self._app = app
        self._replica = replica
        self._sweeper_last_run = sweeper_last_run
        self._hook_counts = hook_counts
        self._lag = lag
        self._totals = Totals()
        self._lock = threading.Lock()

    def describe(self) -> Iterator[Metric]:
        """Yield nothing: what there is is known when it is collected."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        """Yield every metric that can be had now."""
        with self._lock:
            yield from self._of("database", self._from_database)
            yield from self._of("broker", self._from_broker)
            if self._replica is not None:
                yield from self._of("replica", self._from_replica)
            last_run = self._sweeper_last_run()
            if last_run is not None:
                yield _gauge("sweeper_last_run_timestamp_seconds", "When this worker last swept, Unix time.", last_run)
            if self._hook_counts is not None:
                yield _hook_calls(self._hook_counts)

    def _of(self, source: str, read: Callable[[], list[Metric]]) -> Iterator[Metric]:
        try:
            found = read()
        except (MusicLibraryError, OperationalError) as error:
            log.warning("metrics_incomplete", source=source, error=str(error))
            found = []
        yield _gauge(f"{source}_up", f"Whether the {source} answered.", float(bool(found)))
        yield from found

    def _from_database(self) -> list[Metric]:
        with self._pool.transaction() as conn:
            status = read_status(conn, estimate=True)
            happened = read_throughput(conn, self._totals.until, bounds=BUCKETS, lag=self._lag)
            connections, allowed = read_connections(conn)
            behind = read_model_lag(conn)
        totals = self._totals
        totals.until = happened.until
        totals.completed += happened.completed
        totals.failures.update(dict.fromkeys(status.failures, 0) | happened.failures)
        totals.waits = [a + b for a, b in zip(totals.waits, happened.waits, strict=True)]
        totals.waited_seconds += happened.waited_seconds
        return [
            _labelled("tracks", "Tracks by state.", "status", {str(k): v for k, v in status.tracks.items()}),
            _gauge("oldest_pending_seconds", "How long a track has been PENDING.", status.oldest_pending_seconds or 0),
            _gauge("oldest_lease_seconds", "How long a track has been PROCESSING.", status.oldest_lease_seconds or 0),
            _gauge("open_events", "Events that are stored and not settled.", status.open_events),
            _gauge("rejected_events", "Dead letters that nobody has replayed.", status.rejected),
            _labelled("database_connections", "Connections of the database by state.", "state", connections),
            _gauge("database_connections_allowed", "The server's max_connections.", allowed),
            _gauge("read_model_lag_seconds", "For how long a completed track was not findable.", behind),
            *self._counters(),
        ]

    def _counters(self) -> Iterator[Metric]:
        totals = self._totals
        attempts = CounterMetricFamily("tonearm_attempts", "Attempts that ended, by result.", labels=["result"])
        attempts.add_metric(["completed"], totals.completed)
        attempts.add_metric(["failed"], totals.failures.total())
        yield attempts
        failures = CounterMetricFamily("tonearm_failures", "Attempts that failed.", labels=["error_code"])
        for code, number in sorted(totals.failures.items()):
            failures.add_metric([code], number)
        yield failures
        names = [*(str(bound) for bound in BUCKETS), "+Inf"]
        yield HistogramMetricFamily(
            "tonearm_event_to_searchable_seconds",
            "From an event's arrival in the inbox until its track can be found.",
            buckets=list(zip(names, itertools.accumulate(totals.waits), strict=True)),
            sum_value=totals.waited_seconds,
        )

    def _from_broker(self) -> list[Metric]:
        depth = queue_depth(self._app, [queue.name for queue in self._app.amqp.queues.values()])
        found: list[Metric] = [_gauge("queue_messages", "Messages that wait in the queues.", depth)]
        held = unacknowledged(self._app)
        if held is not None:
            found.append(_gauge("unacknowledged_messages", "Messages that workers hold.", held))
        return found

    def _from_replica(self) -> list[Metric]:
        assert self._replica is not None  # noqa: S101 - only called where there is one
        with self._replica.transaction() as conn:
            behind = replica_lag(conn)
        return [_gauge("replica_lag_seconds", "How far READ_DATABASE_URL is behind.", behind or 0)]


def _gauge(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"tonearm_{name}", text, value=value)


def _labelled(name: str, text: str, label: str, values: dict[str, int]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(f"tonearm_{name}", text, labels=[label])
    for value, number in values.items():
        family.add_metric([value], number)
    return family


def _hook_calls(counts: HookCounts) -> CounterMetricFamily:
    family = CounterMetricFamily("tonearm_hook_calls", "Calls of this worker's hooks.", labels=["hook", "result"])
    for (kind, result), number in counts.read().items():
        family.add_metric([kind, result], number)
    return family


class MetricsServer:
    """Serves one collector over HTTP in a thread. Raises OSError where the port is taken."""

    def __init__(self, collector: Collector, port: int) -> None:
        registry = CollectorRegistry(auto_describe=False)
        registry.register(collector)
        self._server, self._thread = start_http_server(port, registry=registry)
        # Children that Celery forks must not keep the port when their parent is gone.
        os.register_at_fork(after_in_child=self._server.socket.close)

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self._server.server_port)

    def stop(self) -> None:
        """Stop serving and let go of the port."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(timeout=5)


class MetricsStep(bootsteps.StartStopStep):
    """Serves the metrics from the worker's parent process where METRICS_PORT is set."""

    requires = (SweeperStep,)

    def __init__(self, worker: Any, **_: Any) -> None:
        self._app = worker.app
        self._server: MetricsServer | None = None
        self._pools: list[DatabasePool] = []

    def start(self, worker: Any) -> None:
        """Start serving; without the port, the worker goes on without metrics."""
        settings = Settings()
        if settings.metrics_port is None:
            return
        sweeper = next((step for step in worker.steps if isinstance(step, SweeperStep)), None)
        collector = TonearmCollector(
            self._open(settings.database()),
            self._app,
            replica=self._open(settings.read_database()) if settings.read_database_url else None,
            sweeper_last_run=lambda: sweeper.last_run if sweeper else None,
            hook_counts=process.prepare_hooks(),
        )
        try:
            self._server = MetricsServer(collector, settings.metrics_port)
        except OSError as error:
            log.error("metrics_unavailable", port=settings.metrics_port, error=error.strerror)  # noqa: TRY400 - no trace
        else:
            log.info("metrics_served", port=settings.metrics_port)

    def _open(self, url: str) -> DatabasePool:
        pool = DatabasePool(
            url,
            min_size=0,
            max_size=1,
            timeout=_STATEMENT_SECONDS,
            statement_timeout=_STATEMENT_SECONDS,
            application_name=f"{process.instance()}/metrics",
        )
        self._pools.append(pool)
        return pool

    def stop(self, _worker: Any) -> None:
        """Stop serving."""
        if self._server is not None:
            self._server.stop()
            self._server = None
        for pool in self._pools:
            pool.close()

    terminate = stop
