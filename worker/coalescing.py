"""Runs messages that wait together as one job: a group commit for upload services that send one message an event.

Celery hands each message to a process of its own, so an event costs a round through the pool, two transactions and two
commits. Here a message goes at once while nothing runs; what arrives meanwhile goes together when that is done. Nobody
waits for company longer than for a job that is under way, nor longer than ``LONGEST_WAIT_SECONDS`` while a process is
free.

Each message keeps its identity: it is acknowledged, revoked and shown in Flower by itself. What is not plain success
goes Celery's ordinary way, by itself: a redelivered message, a retry, a countdown, the messages of a job that broke.
"""

import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple
from weakref import ref

import structlog
from billiard.einfo import ExceptionInfo
from celery import Celery
from celery.exceptions import Retry
from celery.worker import state
from celery.worker.strategy import default

from worker.retry import AttemptFailedError

log = structlog.get_logger()

FULL: Final = 100
"""A job of so many messages does not wait for the one before it; none has more."""
LONGEST_WAIT_SECONDS: Final = 0.05


class Message(NamedTuple):
    """What a job gets of a message; ``headers`` are Celery's and the sender's."""

    body: bytes | str
    content_type: str
    content_encoding: str
    headers: dict[str, Any]


class Together(NamedTuple):
    """What became of messages that went as one job, by position; the others succeeded with ``result``.

    ``alone``: to be executed one by one. ``failed``: why, and whether another message was sent to try again.
    ``returned``: all of them go back to the broker.
    """

    result: object
    alone: tuple[int, ...] = ()
    failed: tuple[tuple[int, str, bool], ...] = ()
    returned: bool = False


Job = Callable[[Sequence[Message]], Together]


class Coalescer:
    """The messages of one task that wait in a worker's parent, between broker and pool; its loop alone uses it."""

    def __init__(self, task: Any, consumer: Any) -> None:
        self._job: Job = task.together
        self._task, self._consumer = task, consumer
        self._waiting: deque[tuple[float, Any]] = deque()
        self._jobs = 0
        self._extra: dict[str, Any] = {}
        self._timer: Any = None

    def take(self, request: Any) -> None:
        """Take a message that Celery would hand to the pool now."""
        if request.delivery_info.get("redelivered") or request.request_dict.get("retries"):
            self._consumer.on_task_request(request)
            return
        self._waiting.append((time.monotonic(), request))
        self._make_room(request)
        self._hand_on()

    def _make_room(self, request: Any) -> None:
        """Let more messages come in: the prefetch limit is meant for those that keep a process busy.

        Other brokers than Redis do not change the limit of a consumer that runs, or ask a round trip for it.
        """
        on_redis = self._consumer.connection.transport.driver_type == "redis"
        if on_redis and len(self._extra) < FULL * self._processes():
            # Kept with the message: after a reconnect the limit is another connection's, which was never raised for it.
            self._extra[request.id] = self._consumer.qos
            self._consumer.qos.increment_eventually()

    def _processes(self) -> int:
        return int(self._consumer.pool.num_processes)

    def _hand_on(self) -> None:
        if not self._waiting or self._jobs >= self._processes() or state.should_stop is not None:
            return  # what waits when a worker stops goes back to the broker with its connection
        waited = time.monotonic() - self._waiting[0][0]
        if not self._jobs or len(self._waiting) >= FULL or waited >= LONGEST_WAIT_SECONDS:
            self._jobs += 1
            self._consumer.controller.semaphore.acquire(self._start)
        elif self._timer is None:
            self._timer = self._consumer.timer.call_after(LONGEST_WAIT_SECONDS - waited, self._look_again)

    def _look_again(self) -> None:
        self._timer = None
        self._hand_on()

    def _start(self) -> None:
        """Run what waits; a process is free, and reserved for it."""
        taken = [self._waiting.popleft()[1] for _ in range(min(FULL, len(self._waiting)))]
        requests = [request for request in taken if not request.revoked()]
        began = time.monotonic()

        def accepted(pid: int, at: float) -> None:
            for request in requests:
                request.on_accepted(pid, at)

        def timed_out(soft: bool, seconds: float) -> None:  # noqa: FBT001 - as the pool calls it
            log.warning("job_timed_out", messages=len(requests), seconds=seconds, killed=not soft)
            if not soft:
                _return(requests)
                self._finish(taken)

        def answered(together: Sequence[Any], **_: Any) -> None:
            self._settle(requests, Together(*together), time.monotonic() - began)
            self._finish(taken)

        def broke(info: ExceptionInfo, **_: Any) -> None:
            log.warning("job_broke", messages=len(requests), error=str(info.exception))
            _return(requests)
            self._finish(taken)

        if not requests:
            self._consumer.controller.semaphore.release()
            self._finish(taken)
            return
        result = self._consumer.pool.apply_async(
            self._job,
            args=([Message(_sendable(r.body), r.content_type, r.content_encoding, r.request_dict) for r in requests],),
            accept_callback=accepted,
            timeout_callback=timed_out,
            callback=answered,
            error_callback=broke,
            soft_timeout=self._task.soft_time_limit,
            timeout=self._task.time_limit,
            correlation_id=requests[0].id,
        )
        for request in requests if result is not None else ():  # None: the pool is closing
            request._apply_result = ref(result)  # noqa: SLF001 - what ``revoke --terminate`` looks for

    def _finish(self, taken: Sequence[Any]) -> None:
        self._jobs -= 1
        for request in taken:
            if (qos := self._extra.pop(request.id, None)) is not None:
                qos.decrement_eventually()
        self._hand_on()

    def _settle(self, requests: Sequence[Any], together: Together, seconds: float) -> None:
        if together.returned:
            _return(requests)
            return
        alone, failed = set(together.alone), {position: fate for position, *fate in together.failed}
        for position, request in enumerate(requests):
            if position in alone:
                self._consumer.on_task_request(request)
            elif position in failed:
                reason, again = failed[position]
                error = AttemptFailedError(reason)
                request.on_failure(_as_raised(Retry(exc=error) if again else error))
            else:
                request.on_success((0, repr(together.result), seconds))


def _return(requests: Sequence[Any]) -> None:
    """Give messages back to the broker, which marks them as redelivered; what somebody revoked ends here."""
    for request in requests:
        if not request.revoked():
            state.task_ready(request)
            request.reject(requeue=True)


def _as_raised(error: Exception) -> ExceptionInfo:
    try:
        raise error
    except type(error):
        info = ExceptionInfo()
        info.exception = error  # what one that came through the pool's pipe has, and Flower shows
        return info


class _Diverted:
    """A consumer whose messages go another way when they are due at once; in all else the consumer itself."""

    def __init__(self, consumer: Any, take: Callable[[Any], None]) -> None:
        self._consumer = consumer
        self.on_task_request = take

    def __getattr__(self, name: str) -> Any:
        return getattr(self._consumer, name)


def strategy(task: Any, app: Celery, consumer: Any, **more: Any) -> Any:
    """Return what Celery calls for each message of a task: its own strategy, with a Coalescer before the pool.

    The task has ``together``, the job. Pools without a loop and processes (solo, threads, gevent) stay as they are.
    """
    if consumer.hub is None or not consumer.pool.uses_semaphore:
        return default(task, app, consumer, **more)
    return default(task, app, _Diverted(consumer, Coalescer(task, consumer).take), **more)


def _sendable(body: bytes | str | memoryview) -> bytes | str:
    """Return a body that can be sent to a process; RabbitMQ gives texts, and large ones as views."""
    return body if isinstance(body, str) else bytes(body)
