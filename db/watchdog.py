"""Ends what waits for a server that will never answer: frozen, or vanished behind something that keeps the line open.

The server's own statement_timeout does not help there, and TCP notices nothing while the other end, or a proxy's
kernel, acknowledges what it gets.
"""

import contextlib
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager


class Watchdog:
    """Shuts the sockets of connections whose server has said nothing for ``patience`` seconds; 0 means never.

    The driver then reports a lost connection. Its thread begins with the first connection that waits, and ends with
    ``close``.
    """

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self._lock = threading.Lock()
        self._since: dict[int, float] = {}
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None

    @contextmanager
    def watching(self, descriptor: int) -> Iterator[None]:
        """Watch a socket while a statement waits for its answer."""
        if not self._patience:
            yield
            return
        if self._thread is None:
            self._start()
        with self._lock:
            self._since[descriptor] = time.monotonic()
        try:
            yield
        finally:
            with self._lock:
                self._since.pop(descriptor, None)

    def close(self) -> None:
        """Stop watching."""
        self._closed.set()

    def _start(self) -> None:
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="database-watchdog", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        while not self._closed.wait(self._patience / 4):
            silent_since = time.monotonic() - self._patience
            with self._lock:  # held, so that no descriptor is closed and given to somebody else meanwhile
                silent = [descriptor for descriptor, since in self._since.items() if since < silent_since]
                for descriptor in silent:
                    del self._since[descriptor]
                    _shut(descriptor)


def _shut(descriptor: int) -> None:
    with contextlib.suppress(OSError), socket.socket(fileno=os.dup(descriptor)) as duplicate:
        duplicate.shutdown(socket.SHUT_RDWR)
