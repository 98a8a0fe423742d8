"""A terminal for a program under test: it sees a TTY, and its keys can be pressed."""

import fcntl
import os
import pty
import select
import struct
import subprocess
import termios
from collections.abc import Iterator
from contextlib import contextmanager


class Terminal:
    """A program on a terminal, and what it has written there."""

    def __init__(self, process: "subprocess.Popen[bytes]", master: int) -> None:
        self.process = process
        self._master = master
        self.shown = ""

    def read(self) -> str:
        """Return all that was written up to now."""
        while select.select([self._master], [], [], 0.02)[0]:
            try:
                some = os.read(self._master, 65536)
            except OSError:  # nobody has the other end open any more
                break
            if not some:
                break
            self.shown += some.decode()
        return self.shown

    def press(self, keys: str) -> None:
        """Type something; \\x03 is Ctrl-C."""
        os.write(self._master, keys.encode())

    def ended(self) -> int:
        """Return the exit code, once it ends."""
        while self.process.poll() is None:
            self.read()
        self.read()
        return self.process.returncode


@contextmanager
def on_a_terminal(command: list[str], environment: dict[str, str], *, columns: int = 80) -> Iterator[Terminal]:
    """Run a program on a terminal of its own."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    process = subprocess.Popen(
        # setsid -c makes the terminal the program's own, so that Ctrl-C reaches it
        ["setsid", "--ctty", "--wait", *command],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env={name: value for name, value in environment.items() if name != "COLUMNS"} | {"TERM": "xterm-256color"},
    )
    os.close(slave)
    try:
        yield Terminal(process, master)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        os.close(master)
