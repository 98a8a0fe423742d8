"""Output into a pipe whose reader has seen enough, such as ``head``: the command ends quietly, with 0."""

import io
import os
import sys
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


class _Pipe(io.FileIO):
    """A standard stream. typer and rich would make exit code 1 of a reader that is gone, which means refused input."""

    def write(self, data: "ReadableBuffer") -> int:
        try:
            return super().write(data)
        except BrokenPipeError:
            # Python complains once more when it flushes at exit: let that go nowhere.
            os.dup2(os.open(os.devnull, os.O_WRONLY), self.fileno())
            raise SystemExit(0) from None


def end_quietly_with_the_reader() -> None:
    """Make the standard streams end the command once nobody reads them any more."""
    sys.stdout = _watched(sys.stdout)
    sys.stderr = _watched(sys.stderr)


def _watched(stream: TextIO) -> TextIO:
    stream.flush()
    raw = _Pipe(stream.fileno(), "wb", closefd=False)
    return io.TextIOWrapper(
        io.BufferedWriter(raw),
        encoding=stream.encoding,
        errors=stream.errors,
        line_buffering=stream.isatty() or stream is sys.stderr,
    )
