"""Watching a real worker from outside: its heartbeat, `check_health` in each kind of trouble, its metrics."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import urllib.request
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from uuid import uuid4

import pytest
from prometheus_client.parser import text_string_to_metric_families

from worker import heartbeat, process
from worker.app import create_app
from worker.health import check_health, check_loop
from worker.metrics import MetricsServer, TonearmCollector
from worker.publisher import Publisher
from worker.settings import Settings


@contextmanager
def running_worker(settings, directory, **extra):
    """A worker of two children; its heartbeat is under ``directory``, its log is ``directory``/worker.log."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    environment |= {
        "DATABASE_URL": settings.database(),
        "BROKER_URL": settings.broker(),
        "TMPDIR": str(directory),
        "SWEEP_INTERVAL_SECONDS": "0.5",
        **extra,
    }
    command = [sys.executable, "-m", "celery", "-A", "worker.app", "worker", "-c", "2", "--without-mingle"]
    with (directory / "worker.log").open("wb") as log:
        worker = subprocess.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True)
    try:
        yield worker
    finally:
        with suppress(ProcessLookupError):
            os.kill(worker.pid, signal.SIGCONT)
        worker.terminate()
        try:
            worker.wait(timeout=20)
        except subprocess.TimeoutExpired:
            os.killpg(worker.pid, signal.SIGKILL)
            worker.wait()


@pytest.fixture
def directory():
    with tempfile.TemporaryDirectory(prefix="tonearm-test-") as made:
        yield Path(made)


@pytest.fixture
def beats(directory):
    return directory / f"tonearm-run-{os.geteuid()}"


def unhealthy(settings, beats):
    return {check.name for check in check_health(settings, beats) if not check.healthy}


def event():
    return {"audio_id": str(uuid4()), "audio_path": "gs://b/a.mp3", "metadata": {"title": "Jóga", "artist": "Björk"}}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def scrape(port):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        text = answer.read().decode()
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_a_worker_is_healthy_when_idle_and_not_when_its_loop_hangs_or_it_is_gone(
    database_url, broker_url, directory, beats, wait_until, monkeypatch
):
    settings = Settings(database_url=database_url, broker_url=broker_url)
    assert unhealthy(settings, beats) == {"worker"}
    monkeypatch.setattr("worker.health.STALE_SECONDS", 3.0)
    with running_worker(settings, directory) as worker:
        wait_until(lambda: unhealthy(settings, beats) == set(), timeout=30)
        worker.send_signal(signal.SIGSTOP)
        wait_until(lambda: not check_loop(beats).healthy, timeout=10)
        assert f"pid {worker.pid}" in check_loop(beats).detail
        worker.send_signal(signal.SIGCONT)
        wait_until(lambda: check_loop(beats).healthy, timeout=10)
    assert unhealthy(settings, beats) == {"worker"}


def test_a_worker_whose_children_are_all_at_work_is_healthy(
    database_url, broker_url, directory, beats, wait_until, pool, monkeypatch
):
    monkeypatch.setattr("worker.health.STALE_SECONDS", 3.0)
    settings = Settings(database_url=database_url, broker_url=broker_url)
    with running_worker(settings, directory), pool.get_connection() as blocker:
        wait_until(lambda: unhealthy(settings, beats) == set(), timeout=30)
        # Both children wait for a lock that this test holds.
        with blocker.cursor() as cursor, Publisher(settings) as publisher, pool.get_connection() as observer:
            events = [event(), event()]
            for one in events:
                publisher.publish(one)
            cursor.execute("LOCK TABLE audio_tracks IN ACCESS EXCLUSIVE MODE")
            for one in events:
                publisher._app.send_task("audio.processed", args=[one])

            def both_wait():
                with observer.cursor() as asking:
                    asking.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
                    waiting = asking.fetchone()[0]
                observer.rollback()
                return waiting >= 2

            wait_until(both_wait, timeout=10)
            first = check_loop(beats)
            assert first.healthy
            assert unhealthy(settings, beats) == set()
            blocker.rollback()


def test_health_tells_a_database_that_is_away_from_a_broker_that_is(
    postgres_server, broker_server, directory, beats, wait_until
):
    settings = Settings(database_url=postgres_server.url, broker_url=broker_server.url)
    with running_worker(settings, directory):
        wait_until(lambda: unhealthy(settings, beats) == set(), timeout=30)
        postgres_server.stop()
        assert unhealthy(settings, beats) == {"database"}
        postgres_server.start()
        wait_until(lambda: unhealthy(settings, beats) == set(), timeout=20)
        broker_server.stop()
        assert "broker" in unhealthy(settings, beats)
        broker_server.start()
        wait_until(lambda: unhealthy(settings, beats) == set(), timeout=30)


def test_what_is_unhealthy_is_said_without_its_password(beats):
    settings = Settings(
        database_url="postgresql://tonearm:hunter2@127.0.0.1:1/tonearm", broker_url="redis://:hunter2@127.0.0.1:1/0"
    )
    checks = check_health(settings, beats)
    assert not any(check.healthy for check in checks)
    assert "hunter2" not in repr(checks)


def test_the_heartbeat_of_a_dead_worker_is_removed_and_does_not_count(beats):
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    beats.mkdir()
    (beats / f"worker-{gone.pid}").touch()
    assert heartbeat.read_beats(beats) == []
    assert list(beats.iterdir()) == []


def test_a_worker_serves_metrics_that_say_what_it_did(database_url, broker_url, directory, wait_until):
    settings = Settings(database_url=database_url, broker_url=broker_url)
    port = free_port()
    with running_worker(settings, directory, METRICS_PORT=str(port)):

        def answers():
            with suppress(OSError):
                return scrape(port)

        first = wait_until(answers, timeout=30)
        assert first["tonearm_database_up",] == first["tonearm_broker_up",] == 1
        wait_until(lambda: ("tonearm_sweeper_last_run_timestamp_seconds",) in scrape(port))
        with Publisher(settings) as publisher:
            publisher.publish_many([event(), event(), {"audio_id": "no"}])
        wait_until(lambda: scrape(port)["tonearm_tracks", "COMPLETED"] == 2, timeout=20)
        done = wait_until(
            lambda: (found := scrape(port))["tonearm_attempts_total", "completed"] == 2 and found, timeout=20
        )
        assert done["tonearm_event_to_searchable_seconds_count",] == 2
        assert 0 < done["tonearm_event_to_searchable_seconds_sum",] < 60
        assert done["tonearm_rejected_events",] == 1
        assert done["tonearm_open_events",] == 0
        assert done["tonearm_read_model_lag_seconds",] == 0


def test_a_port_that_is_taken_costs_a_line_and_not_the_worker(database_url, broker_url, directory, beats, wait_until):
    settings = Settings(database_url=database_url, broker_url=broker_url)
    with socket.create_server(("0.0.0.0", 0)) as taken:
        port = taken.getsockname()[1]
        with running_worker(settings, directory, METRICS_PORT=str(port)):
            wait_until(lambda: unhealthy(settings, beats) == set(), timeout=30)
    lines = [line for line in (directory / "worker.log").read_text().splitlines() if "metrics_unavailable" in line]
    assert len(lines) == 1
    assert str(port) in lines[0]


def test_failures_are_counted_by_error_code_and_what_is_away_costs_only_its_own_metrics(
    pool, database_url, broker_server
):
    settings = Settings(database_url=database_url, broker_url=broker_server.url)
    app = create_app(settings)
    server = MetricsServer(TonearmCollector(pool, app, lag=0), 0)
    with closing(app):
        try:
            scrape(server.port)
            with pool.transaction() as conn, conn.cursor() as cursor:
                cursor.execute("INSERT INTO audio_tracks (id) VALUES (gen_random_uuid())")
                cursor.execute("UPDATE audio_tracks SET status = 'PROCESSING'")
                cursor.execute("UPDATE audio_tracks SET status = 'FAILED', error_code = 'boom'")
            found = scrape(server.port)
            assert found["tonearm_failures_total", "boom"] == found["tonearm_attempts_total", "failed"] == 1
            assert scrape(server.port)["tonearm_failures_total", "boom"] == 1
            broker_server.stop()
            pieces = scrape(server.port)
            assert pieces["tonearm_broker_up",] == 0
            assert ("tonearm_queue_messages",) not in pieces
            assert pieces["tonearm_tracks", "FAILED"] == 1
        finally:
            server.stop()
    assert process.instance()
