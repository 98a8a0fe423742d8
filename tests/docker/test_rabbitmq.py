"""RabbitMQ instead of Redis, by BROKER_URL alone: the same worker, on quorum queues."""

import json
import subprocess
from contextlib import closing
from pathlib import Path
from uuid import uuid4

import psycopg2
import pytest

from tests.docker.containers import container, port_of
from tests.programs import Programs


@pytest.fixture(scope="module")
def rabbitmq(wait_until):
    image = "tonearm-test-rabbitmq"
    context = str(Path(__file__).parent / "rabbitmq")
    built = subprocess.run(["docker", "build", "-q", "-t", image, context], capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    with container("-p", "127.0.0.1::5672", image) as name:
        wait_until(lambda: control(name, "await_startup").returncode == 0, timeout=90)
        yield name


def control(name, *arguments):
    return subprocess.run(
        ["docker", "exec", name, "rabbitmqctl", "-q", *arguments], capture_output=True, text=True, check=False
    )


def test_events_are_applied_over_quorum_queues_and_survive_a_killed_worker(
    rabbitmq, database_url, tmp_path, wait_until
):
    address = f"amqp://guest:guest@127.0.0.1:{port_of(rabbitmq, 5672)}//"
    programs = Programs(
        DATABASE_URL=database_url,
        BROKER_URL=address,
        LEASE_SECONDS="4",
        SWEEP_INTERVAL_SECONDS="0.5",
        TMPDIR=str(tmp_path),
    )

    def publish(number):
        lines = "\n".join(
            json.dumps({"audio_id": str(uuid4()), "audio_path": "gs://b/a.mp3", "metadata": {"title": f"Jóga {i}"}})
            for i in range(number)
        )
        ran = programs.tonearm("publish", "-", stdin=lines.encode())
        assert ran.code == 0, ran.err

    def completed():
        return programs.tonearm("status", "--json").json()["tracks"]["COMPLETED"]

    log = tmp_path / "worker.log"
    with programs.worker(log, "-c", "2") as worker:
        publish(50)
        wait_until(lambda: completed() == 50, timeout=60, message=f"50 tracks, see {log}")
        queues = control(rabbitmq, "list_queues", "name", "type").stdout
        assert "celery\tquorum" in queues
        assert "tonearm.backfill\tquorum" in queues
        assert programs.tonearm("doctor", "--json").json()["findings"][-1]["about"] == "broker.durability"
        publish(200)
        worker.kill()
    with programs.worker(log, "-c", "2"):
        wait_until(lambda: completed() == 250, timeout=60)
        wait_until(lambda: programs.tonearm("health").code == 0, timeout=30)
        publish(50)
        wait_until(lambda: completed() == 300, timeout=60)


def test_an_attempt_that_failed_is_repeated_while_others_go_on(rabbitmq, database_url, tmp_path, wait_until):
    programs = Programs(
        DATABASE_URL=database_url,
        BROKER_URL=f"amqp://guest:guest@127.0.0.1:{port_of(rabbitmq, 5672)}//",
        MAX_ATTEMPTS="3",
        RETRY_BASE_SECONDS="0.5",
        TMPDIR=str(tmp_path),
    )
    with closing(psycopg2.connect(database_url)) as conn, conn, conn.cursor() as cursor:
        cursor.execute(
            """CREATE FUNCTION fault() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                   IF NEW.title = 'broken' THEN RAISE 'out of order'; END IF;
                   RETURN NEW;
               END $$;
               CREATE TRIGGER zz_fault BEFORE UPDATE ON audio_tracks FOR EACH ROW EXECUTE FUNCTION fault()"""
        )
    events = [
        {"audio_id": str(uuid4()), "audio_path": "gs://b/a.mp3", "metadata": {"title": title}}
        for title in ["broken"] * 20 + ["whole"] * 20
    ]
    with programs.worker(tmp_path / "worker.log", "-c", "1"):
        ran = programs.tonearm("publish", "-", stdin="\n".join(map(json.dumps, events)).encode())
        assert ran.code == 0, ran.err
        expected = {"PENDING": 0, "PROCESSING": 0, "COMPLETED": 20, "FAILED": 20}
        wait_until(lambda: programs.tonearm("status", "--json").json()["tracks"] == expected, timeout=60)
        wait_until(
            lambda: programs.tonearm("show", events[0]["audio_id"], "--json").json()["track"]["retry_count"] == 3,
            timeout=60,
        )
