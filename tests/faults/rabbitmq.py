"""A real RabbitMQ of a test's own (Debian's package rabbitmq-server): a node that is killed, and starts again."""

import os
import signal
import socket
import subprocess
import time
from contextlib import closing
from pathlib import Path

from kombu.connection import Connection

from worker.app import BACKFILL_QUEUE, LIVE_QUEUE

_PROGRAM = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
_READY_SECONDS = 90.0


def why_not() -> str | None:
    """Say why no RabbitMQ can be started here, or nothing."""
    return None if _PROGRAM.exists() else f"there is no {_PROGRAM}: install Debian's package rabbitmq-server"


def _unused_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class RabbitMQ:
    """The same node, with the same data on disk, after every start; ``url`` is where it is."""

    def __init__(self, home: Path) -> None:
        self._home = home / "rabbitmq"
        self._home.mkdir()
        self.port, self._epmd_port = _unused_port(), _unused_port()
        self.url = f"amqp://guest:guest@127.0.0.1:{self.port}//"
        self._environment = os.environ | {
            "HOME": str(self._home),  # where the Erlang cookie is
            "ERL_EPMD_PORT": str(self._epmd_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODENAME": f"tonearm{self.port}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(_unused_port()),
            "RABBITMQ_MNESIA_BASE": str(self._home / "data"),
            "RABBITMQ_LOG_BASE": str(self._home),
            "RABBITMQ_CONFIG_FILE": str(self._home / "rabbitmq.conf"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self._home / "plugins"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 1:1",
        }
        (self._home / "rabbitmq.conf").write_text(
            "vm_memory_high_watermark.absolute = 1GB\ndisk_free_limit.absolute = 50MB\n"
        )
        (self._home / "plugins").write_text("[].\n")
        # One of its own, so that nothing of it is left: the node's start-up would leave one running for ever.
        self._epmd = subprocess.Popen(["epmd", "-port", str(self._epmd_port)], env=self._environment)
        self._node: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        with (self._home / "node.log").open("ab") as log:
            self._node = subprocess.Popen(
                [_PROGRAM], env=self._environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, process_group=0
            )
        deadline = time.monotonic() + _READY_SECONDS
        while not self._answers():
            said = (self._home / "node.log").read_text(errors="replace")[-2000:]
            assert self._node.poll() is None, f"RabbitMQ ended at once: {said}"
            assert time.monotonic() < deadline, f"RabbitMQ does not answer: {said}"
            time.sleep(0.1)

    def _answers(self) -> bool:
        with closing(Connection(self.url, connect_timeout=2)) as connection:
            try:
                connection.connect()
            except connection.connection_errors:
                return False
            return True

    def kill(self) -> None:
        """SIGKILL to the whole node."""
        if self._node is not None:
            os.killpg(self._node.pid, signal.SIGKILL)
            self._node.wait()
            self._node = None

    def flush(self) -> None:
        """Throw away every message that waits."""
        with closing(Connection(self.url)) as connection:
            for queue in (LIVE_QUEUE, BACKFILL_QUEUE):
                connection.default_channel.queue_purge(queue)

    def types(self) -> dict[str, str]:
        """The type of each of our queues: one that is declared as another type is refused."""
        found = {}
        for queue in (LIVE_QUEUE, BACKFILL_QUEUE):
            for kind in ("classic", "quorum"):
                with closing(Connection(self.url)) as connection:
                    try:
                        connection.default_channel.queue_declare(
                            queue, durable=True, auto_delete=False, arguments={"x-queue-type": kind}
                        )
                    except connection.channel_errors:
                        continue
                    found[queue] = kind
        return found

    def stop(self) -> None:
        self.kill()
        self._epmd.kill()
        self._epmd.wait()
