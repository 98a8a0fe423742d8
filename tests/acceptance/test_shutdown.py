"""A worker that is stopped softly is gone within seconds, whatever it was doing."""

import array
import fcntl
import json
import os
import signal
import termios
import time
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

import psutil
import pytest

from tests.programs import Programs

PIPE_BYTES = 60_000  # of 64 KiB, since what was written apart takes pages of its own


def fullest_pipe(pid):
    """How much waits in the fullest of the pipes that a process has open."""
    waiting = array.array("i", [0])
    found = [0]
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(OSError):
            if str(descriptor.readlink()).startswith("pipe:"):
                pipe = os.open(descriptor, os.O_RDONLY | os.O_NONBLOCK)
                try:
                    fcntl.ioctl(pipe, termios.FIONREAD, waiting)
                finally:
                    os.close(pipe)
                found.append(waiting[0])
    return max(found)


def events(number):
    """So many events, of half a kilobyte each."""
    return [
        {"audio_id": str(uuid4()), "audio_path": "s3://b/a.mp3", "metadata": {"title": "x" * 400}}
        for _ in range(number)
    ]


@pytest.fixture
def programs(database_url, broker_url, tmp_path):
    return Programs(DATABASE_URL=database_url, BROKER_URL=broker_url, TMPDIR=str(tmp_path), LOG_FORMAT="json")


@pytest.fixture
def half_written(programs, tmp_path, wait_until):
    """A worker, its one process, suspended, and its log: the process has got a part of a job."""
    log = tmp_path / "worker.log"
    with programs.worker(log, "-c", "1", "--without-mingle") as worker:
        wait_until(lambda: "ready" in log.read_text(), timeout=30)
        (child,) = psutil.Process(worker.pid).children()
        child.suspend()
        try:
            # More than the pipe to the process holds (64 KiB), and nobody reads it.
            batch = "\n".join(map(json.dumps, events(400))).encode()
            assert programs.tonearm("publish", "-", stdin=batch).code == 0
            wait_until(lambda: fullest_pipe(child.pid) >= PIPE_BYTES, timeout=20)
            yield worker, child, log
        finally:
            with suppress(psutil.NoSuchProcess):
                child.resume()


def test_a_job_that_is_half_written_to_its_process_does_not_hold_up_a_shutdown(half_written, wait_until):
    worker, child, log = half_written
    worker.send_signal(signal.SIGTERM)
    began = time.monotonic()
    wait_until(lambda: "Warm shutdown" in log.read_text())
    child.resume()
    assert worker.wait(timeout=20) == 0
    assert time.monotonic() - began < 6
    assert "attempt_interrupted_by_shutdown" not in log.read_text()


@pytest.mark.parametrize("dies", ["with the worker's SIGTERM", "not at all"])
def test_a_process_that_never_takes_the_rest_of_its_job_does_not_hold_up_a_shutdown_either(half_written, dies):
    worker, child, _ = half_written
    if dies == "not at all":
        worker.send_signal(signal.SIGTERM)
    else:
        os.killpg(worker.pid, signal.SIGTERM)
        child.kill()
    began = time.monotonic()
    assert worker.wait(timeout=20) == 0
    assert time.monotonic() - began < 12
