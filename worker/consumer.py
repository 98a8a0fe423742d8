"""Celery's consumer, which keeps what it cannot read: among the dead letters, with the reason.

Celery drops a message that it cannot make sense of, or falls over it and gets it again from the broker, for ever. Since
clients in any language may send here, neither will do.
"""

from collections.abc import Callable
from typing import Annotated, Any

import pydantic
import structlog
from celery.worker import consumer
from kombu.exceptions import OperationalError
from pydantic import BaseModel, ConfigDict, Field

from worker.messages import UNREADABLE

log = structlog.get_logger()

_JSON = "application/json"


class Consumer(consumer.Consumer):
    """What Celery's setting ``worker_consumer`` names."""

    def create_task_handler(self, *args: Any, **kwargs: Any) -> Callable[[Any], None]:
        """Return what is called for each message, in the worker's event loop."""
        handle = super().create_task_handler(*args, **kwargs)

        def on_message(message: Any) -> None:
            fault = fault_of(message, self.strategies)
            if fault is None:
                try:
                    handle(message)
                except (AttributeError, KeyError, TypeError, ValueError) as error:
                    fault = f"its headers cannot be read: {error!r}"
            if fault is not None:
                self._keep(message, fault)

        return on_message

    def on_invalid_task(self, body: Any, message: Any, exc: Exception) -> None:  # noqa: ARG002 - Celery's signature
        """Keep a message whose headers make no sense, such as an expiry that is no time."""
        self._keep(message, str(exc))

    def on_decode_error(self, message: Any, exc: Exception) -> None:
        """Keep a message that cannot be decompressed."""
        self._keep(message, f"its body cannot be read: {exc!r}")

    def _keep(self, message: Any, fault: str) -> None:
        """Let a worker process put it among the dead letters: it has a database, and tries again if that is away."""
        text = message.body if isinstance(message.body, str) else bytes(message.body or b"").decode("utf-8", "replace")
        log.warning("message_unreadable", reason=fault)
        try:
            self.app.send_task(UNREADABLE, args=[text, fault], ignore_result=True)
        except OperationalError as error:
            log.warning("broker_unavailable", error=str(error))  # not acknowledged: it comes again
        else:
            message.ack_log_error(log, self.connection_errors)


class _Call(BaseModel):
    """The headers of Celery's protocol 2 that a worker looks at; it takes their types for granted.

    Some of them only after it has reserved a process for the task, which then stays reserved.
    """

    model_config = ConfigDict(strict=True)

    task: str
    id: str
    lang: str | None = None
    root_id: str | None = None
    parent_id: str | None = None
    group: str | None = None
    group_index: int | None = None
    shadow: str | None = None
    eta: str | None = None
    expires: str | float | None = None
    retries: Annotated[int, Field(ge=0)] | None = None
    timelimit: Annotated[list[float | None], Field(min_length=2, max_length=2)] | None = None
    argsrepr: str | None = None
    kwargsrepr: str | None = None
    origin: str | None = None
    ignore_result: bool | None = None
    replaced_task_nesting: int | None = None
    stamped_headers: list[str] | None = None
    stamps: dict[str, Any] | None = None


def fault_of(message: Any, tasks: Any) -> str | None:
    """Say what keeps a message from being the call of one of these tasks, or None."""
    headers = message.headers
    if not headers and message.content_type != _JSON:
        return "it is not Celery's message: a JSON object with headers, properties and a body"
    if message.content_type != _JSON:
        return f"its content type is {message.content_type!r}, not {_JSON!r}"
    try:
        body = message.payload  # Celery decodes it here in any case, and only once
    except Exception as error:  # noqa: BLE001 - whatever a decoder raises
        return f"its body cannot be read: {error}"
    if "task" not in headers and isinstance(body, dict):
        headers = body  # Celery's protocol 1
    return _fault_of_headers(headers, tasks) or _fault_of_body(body)


def _fault_of_headers(headers: Any, tasks: Any) -> str | None:
    try:
        call = _Call.model_validate(headers)
    except pydantic.ValidationError as error:
        fault = error.errors(include_url=False)[0]
        name = str(fault["loc"][0])
        return f"its header `{name}`: {fault['msg']}" if headers.get(name) is not None else f"it has no header `{name}`"
    if call.task not in tasks:
        return f"there is no task {call.task!r}"
    if set(call.stamped_headers or ()) - set(call.stamps or ()):
        return "its header `stamps` lacks some of `stamped_headers`"
    return None


def _fault_of_body(body: Any) -> str | None:
    if isinstance(body, dict) and "args" in body:
        return None
    match body:
        case [[*_], {}, {} | None]:
            return None
    return "its body is not [arguments, {}, {}]"
