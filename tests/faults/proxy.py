"""A TCP proxy in front of a server, that can refuse, cut every connection, or go silent without closing any."""

import contextlib
import socket
import threading
from collections.abc import Callable
from pathlib import Path


class Proxy:
    """Listens on a port of its own and passes bytes on to ``upstream``: a (host, port), or the path of a socket.

    ``open``: passes on. ``refuse``: closes whatever comes. ``silent``: accepts, reads and says nothing; connections
    that were silent once never speak again, as when their other end has vanished.
    """

    def __init__(self, upstream: tuple[str, int] | Path) -> None:
        self._upstream = upstream
        self._mode = "open"
        self._lock = threading.Lock()
        self._pairs: list[_Pair] = []
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def open(self) -> None:
        self._mode = "open"

    def refuse(self) -> None:
        self._mode = "refuse"
        self.cut()

    def silence(self) -> None:
        """Everything that is connected now stays so and is never answered again; what comes meanwhile as well."""
        with self._lock:
            self._mode = "silent"
            for pair in self._pairs:
                pair.mute()

    def cut(self) -> None:
        """Reset every connection there is."""
        with self._lock:
            pairs, self._pairs = self._pairs, []
        for pair in pairs:
            pair.reset()

    def close(self) -> None:
        self._listener.close()
        self.cut()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with self._lock:
            self._pairs = [pair for pair in self._pairs if not pair.over]
            pair = _Pair(client)
            if self._mode == "silent":
                pair.mute()
            if self._mode != "refuse":
                self._pairs.append(pair)
        if self._mode == "refuse":
            pair.reset()
            return
        pair.run(self._connect)

    def _connect(self) -> socket.socket:
        if isinstance(self._upstream, Path):
            server = socket.socket(socket.AF_UNIX)
            try:
                server.connect(str(self._upstream))
            except OSError:
                server.close()
                raise
            return server
        return socket.create_connection(self._upstream)


class _Pair:
    """One connection through the proxy: the client's end and, unless it began in silence, the server's."""

    def __init__(self, client: socket.socket) -> None:
        self._client = client
        self._server: socket.socket | None = None
        self._muted = False
        self.over = False

    def mute(self) -> None:
        self._muted = True

    def run(self, connect: Callable[[], socket.socket]) -> None:
        if not self._muted:
            try:
                self._server = connect()
            except OSError:
                self.reset()
                return
            threading.Thread(target=self._pump, args=(self._server, self._client), daemon=True).start()
            self._pump(self._client, self._server)
        else:
            self._swallow(self._client)

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if self._muted:
                    self._swallow(source)
                    return
                sink.sendall(data)
        if not self._muted:
            self.reset()

    def _swallow(self, source: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while source.recv(65536):
                pass
        if source is self._client:
            self.reset()

    def reset(self) -> None:
        self.over = True
        for end in (self._client, self._server):
            if end is not None:
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
                end.close()
