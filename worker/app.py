"""The Celery app: ``celery -A worker.app worker``. Set for delivery that survives what dies (docs/architecture.md)."""

import sys
from typing import Any, Final

import billiard.pool
from celery import Celery
from celery.signals import celeryd_init, setup_logging, worker_process_init, worker_process_shutdown
from kombu.entity import Exchange, Queue

from worker import heartbeat, metrics, monitoring, process, sweeper
from worker.broker import SOCKET_SECONDS, transport_options
from worker.hooks import HookError
from worker.settings import Settings
from worker.telemetry import configure_logging

LIVE_QUEUE = "celery"
"""Celery's own default, so that a client in any language that knows nothing of us reaches it."""
BACKFILL_QUEUE = "tonearm.backfill"
"""Mass imports: consumed by the same workers, after what is live."""
_HOOKS_DRAIN_SECONDS: Final = 4.0
"""Half of what a shutdown has: a process that goes makes the hook calls that wait, as far as they get."""
_WRONG_USAGE: Final = 2


def configuration(settings: Settings) -> dict[str, Any]:
    """Return Celery's configuration for these settings."""
    broker = settings.broker()
    return {
        "broker_url": broker,
        "broker_transport_options": transport_options(settings),
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,
        "broker_connection_timeout": SOCKET_SECONDS,
        "broker_pool_acquire_timeout": SOCKET_SECONDS,
        "broker_heartbeat": 5,  # RabbitMQ's: a silent one is noticed within two and a half of these
        "task_publish_retry": False,  # the inbox and the sweeper retry, and they remember
        "task_serializer": "json",
        "result_serializer": "json",
        "accept_content": ["json"],
        "task_ignore_result": True,
        "task_default_queue": LIVE_QUEUE,
        "task_queues": [_queue(LIVE_QUEUE, broker), _queue(BACKFILL_QUEUE, broker)],
        "task_create_missing_queues": True,
        "task_acks_late": True,
        "task_acks_on_failure_or_timeout": True,
        "task_reject_on_worker_lost": True,
        "task_track_started": True,
        "task_time_limit": settings.hard_time_limit,
        "task_soft_time_limit": settings.soft_time_limit,
        "worker_consumer": "worker.consumer:Consumer",
        "worker_prefetch_multiplier": 4,
        "worker_cancel_long_running_tasks_on_connection_loss": False,
        "worker_send_task_events": True,
        "task_send_sent_event": False,
        "worker_hijack_root_logger": False,
        "worker_redirect_stdouts": False,
        "imports": ("worker.tasks",),
    }


def _queue(name: str, broker: str) -> Queue:
    """Return a queue with a route of its own: without one Celery gives every queue the default's, and copies.

    On RabbitMQ it is a quorum queue: replicated, and safe on disk before the publisher hears that it was taken.
    """
    arguments = {"x-queue-type": "quorum"} if broker.startswith("amqp") else None
    return Queue(name, Exchange(name, type="direct"), routing_key=name, queue_arguments=arguments)


def create_app(settings: Settings | None = None) -> Celery:
    """Return a Celery app for these settings; without them, the environment is read when they are first needed."""
    app = Celery("tonearm", set_as_current=settings is None)
    app.add_defaults(lambda: configuration(settings or Settings()))
    app.steps["worker"].add(sweeper.SweeperStep)
    app.steps["worker"].add(metrics.MetricsStep)
    app.steps["consumer"].add(heartbeat.HeartbeatStep)
    app.steps["consumer"].add(monitoring.EventsPaceStep)
    return app


@setup_logging.connect
def _set_up_logging(**_: Any) -> None:
    configure_logging(Settings())


@celeryd_init.connect
def _load_hooks(**_: Any) -> None:
    try:
        process.prepare_hooks()
    except HookError as error:
        print(f"tonearm: {error}", file=sys.stderr)  # noqa: T201 - before there is a log, and for whoever starts it
        raise SystemExit(_WRONG_USAGE) from None


@worker_process_init.connect
def _open_process(**_: Any) -> None:
    # When a worker stops, Celery forgets the jobs of which it has not yet read that a process took them. Such a process
    # would wait for 30 s for its answer to be read; the message comes again anyway, and finds its event applied.
    billiard.pool.GUARANTEE_MESSAGE_CONSUMPTION_RETRY_LIMIT = 10
    process.ingestor()


@worker_process_shutdown.connect
def _close_process(**_: Any) -> None:
    process.close_hooks(_HOOKS_DRAIN_SECONDS)


app = create_app()
