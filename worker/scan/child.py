"""A reader process: ``python -m worker.scan.child`` answers jobs, lines of JSON on standard input, one line each.

What it reads may be broken on purpose: it may run out of memory, crash, or never come back. Whoever started it knows
what it was reading, and starts another. It imports as little as it can.
"""

import errno
import json
import os
import resource
import signal
import stat
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from worker.scan.identity import digests
from worker.scan.tags import UnreadableError, read_tags
from worker.scan.thumbnails import PictureFaultError, save_picture

READY = b"ready"
TAGGED = b"tagged"
"""Said between reading a file's tags and reading all of it, which takes as long as the file is large."""
MEMORY_MAX_BYTES = 2 << 30
_RACY_NS = 2_000_000_000
"""A file changed again within its file system's idea of "now" keeps its times: so young, they prove nothing."""


def answer(job: dict[str, Any], tagged: Callable[[], None] = lambda: None) -> dict[str, Any]:
    """Read one file and say what it is: its digests, metadata and thumbnail, or the ``reason`` why not.

    ``tagged`` is called once its tags have been read.
    """
    path = Path(job["path"])
    try:
        return _read(path, Path(job["thumbnails"]) if job["thumbnails"] else None, tagged)
    except UnreadableError as error:
        return {"reason": str(error)}
    except OSError as error:
        return {"reason": _in_words(error)}
    except MemoryError:
        return {"reason": "reading it takes more memory than a reader may have"}
    except Exception as error:  # noqa: BLE001 - whatever a broken file makes of us, the next one may be whole
        return {"reason": f"it breaks the reader, please report it: {type(error).__name__}: {error}"}


def stamp(status: os.stat_result) -> str:
    """Return what a file's status says of its content: as long as it stays the same, so does the file.

    The time of the last change of status (ctime) is in it, since taggers can set the other one back; the inode is not,
    since some network file systems number theirs anew with each mount.
    """
    return f"{status.st_size} {status.st_mtime_ns} {status.st_ctime_ns}"


def _read(path: Path, thumbnails: Path | None, tagged: Callable[[], None]) -> dict[str, Any]:
    started = time.time_ns()
    # Without O_NONBLOCK, opening a pipe that somebody put in the file's place would wait for ever.
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb", buffering=1 << 16) as file:
        before = os.fstat(file.fileno())
        if not stat.S_ISREG(before.st_mode):
            raise UnreadableError("it is no regular file")
        if before.st_size == 0:
            raise UnreadableError("it is empty (0 bytes)")
        tags = read_tags(path, file, before.st_size, picture=thumbnails is not None)
        tagged()
        found = digests(file, before.st_size)
        if stamp(os.fstat(file.fileno())) != stamp(before):
            raise UnreadableError("it changed while it was read: scan again when whoever writes it is done")
    settled = started - max(before.st_ctime_ns, before.st_mtime_ns) > _RACY_NS
    return {
        "audio": found.audio.hex(),
        "content": found.content.hex(),
        "stamp": stamp(before) if settled else None,
        "metadata": tags.metadata,
        **_thumbnail(tags.picture, thumbnails),
    }


def _thumbnail(picture: bytes | None, directory: Path | None) -> dict[str, str]:
    if picture is None or directory is None:
        return {}
    try:
        return {"thumbnail": save_picture(picture, directory).as_uri()}
    except PictureFaultError as error:
        return {"picture_fault": str(error)}


def _in_words(error: OSError) -> str:
    if error.errno == errno.ENOENT:
        return "it is gone: somebody moved or removed it meanwhile"
    return (error.strerror or str(error)).lower()


def _limit(what: int, most: int) -> None:
    _, hard = resource.getrlimit(what)
    resource.setrlimit(what, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))


def main() -> None:
    """Answer jobs until standard input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for whoever started this
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    _limit(resource.RLIMIT_AS, MEMORY_MAX_BYTES)
    _limit(resource.RLIMIT_CORE, 0)
    out = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # nothing that a library prints may look like an answer

    def say(line: bytes) -> None:
        out.write(line + b"\n")
        out.flush()

    say(READY)
    for line in sys.stdin.buffer:
        job = json.loads(line)
        signal.alarm(job["seconds"])  # in case nobody is left to end a reader that hangs
        say(json.dumps(answer(job, lambda: say(TAGGED))).encode())
        signal.alarm(0)


if __name__ == "__main__":
    main()
