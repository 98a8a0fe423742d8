"""The product's Celery app, with points at which a test makes a process die or wait: ``-A tests.faults.app``.

A file named for a point in the directory ``FAULT_POINTS`` arms it. What it holds is what to do there: ``kill``
(SIGKILL to itself), ``kill ID`` (only where this track is in the batch), ``wait`` (until the file is gone).
``once`` before it lets only the first process that comes by have it.
"""

import functools
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from celery.signals import task_postrun

from db.write import transitions
from worker import tasks
from worker.app import app
from worker.ingest import Ingestor

__all__ = ["app"]

_POINTS = Path(os.environ["FAULT_POINTS"])


def _pass(point: str, about: str = "") -> None:
    armed = _POINTS / point
    try:
        action = armed.read_text()
        if action.startswith("once "):
            armed.rename(_POINTS / f"{point}.had")  # only one can
            armed = _POINTS / f"{point}.had"
            action = action.removeprefix("once ")
    except FileNotFoundError:
        return
    what, _, where = action.partition(" ")
    if where and where not in about:
        return
    if what == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    (_POINTS / f"{point}.reached").write_text(str(os.getpid()))
    while what == "wait" and armed.exists():
        time.sleep(0.01)


def _around(owner: Any, name: str, before: str | None, after: str | None) -> None:
    original: Callable[..., Any] = getattr(owner, name)

    @functools.wraps(original)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        if before:
            _pass(before, repr(args))
        result = original(*args, **kwargs)
        if after:
            _pass(after, repr(args))
        return result

    setattr(owner, name, wrapped)


# _apply runs between the two transactions; complete runs inside the second one, before its commit.
_around(Ingestor, "_apply", "after_claim", "after_settle")
_around(transitions, "complete", None, "after_apply")


_around(tasks, "apply_together", None, "before_acknowledgement")
tasks.audio_processed.together = tasks.apply_together


@task_postrun.connect
def _before_acknowledgement(**_: Any) -> None:
    _pass("before_acknowledgement")
