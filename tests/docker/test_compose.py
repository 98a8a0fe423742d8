"""The compose file, end to end: as an operator starts it, on ports of its own."""

import json
import shutil
import subprocess
import urllib.error
import urllib.request
from base64 import b64encode
from uuid import uuid4

import pytest

from tests.docker.project import compose_project

SERVICES = {"postgres", "redis", "worker", "flower"}
PASSWORDS = [
    ("postgres", "postgres_password"),
    ("postgres", "tonearm_owner_password"),
    ("postgres", "tonearm_worker_password"),
    ("postgres", "tonearm_reader_password"),
    ("redis", "redis_password"),
    ("flower", "flower_password"),
]


@pytest.fixture(scope="module")
def compose(tmp_path_factory):
    with compose_project(tmp_path_factory.mktemp("compose"), LEASE_SECONDS="6") as project:
        project.up("--scale", "worker=2")
        yield project


def events(number):
    return [
        {
            "audio_id": str(uuid4()),
            "audio_path": f"gs://b/{i}.mp3",
            "metadata": {"artist": "Björk", "title": f"Jóga {i}"},
        }
        for i in range(number)
    ]


def publish(compose, some):
    compose.tonearm("publish", "-", stdin="\n".join(map(json.dumps, some)))


def test_a_password_that_would_break_an_address_is_refused_at_the_start(compose):
    done = compose.run("run", "--rm", "secrets", check=False, REDIS_PASSWORD="p@ss:word")
    assert done.returncode == 1
    assert "REDIS_PASSWORD" in done.stderr
    assert "letters and digits" in done.stderr


def test_every_container_is_healthy_not_root_and_cannot_write_to_its_image(compose):
    found = compose.containers()
    assert {one["Config"]["Labels"]["com.docker.compose.service"] for one in found} == SERVICES
    for one in found:
        assert one["State"]["Health"]["Status"] == "healthy", one["Name"]
        assert one["Config"]["User"].split(":")[0] not in {"", "0", "root"}, one["Name"]
        assert one["HostConfig"]["ReadonlyRootfs"], one["Name"]
        assert one["HostConfig"]["Memory"] > 0, one["Name"]


def test_what_is_published_can_be_found(compose, wait_until):
    publish(compose, events(3))
    wait_until(lambda: compose.completed() >= 3, timeout=30)
    found = json.loads(compose.tonearm("search", "joga", "bjork", "--json").stdout)
    assert found["total"] >= 3


def test_the_doctor_has_nothing_to_complain_of(compose):
    findings = json.loads(compose.tonearm("doctor", "--json").stdout)["findings"]
    assert {finding["level"] for finding in findings} == {"ok"}


def test_killing_any_one_container_loses_nothing(compose, wait_until):
    for service in ("worker", "redis", "postgres"):
        expected = compose.completed() + 200
        publish(compose, events(200))
        victim = compose.container(service)
        subprocess.run(["docker", "kill", victim], check=True, capture_output=True)
        subprocess.run(["docker", "start", victim], check=True, capture_output=True)

        def all_there(expected=expected):
            asked = compose.tonearm("status", "--json", check=False)
            return asked.returncode == 0 and json.loads(asked.stdout)["tracks"]["COMPLETED"] == expected

        wait_until(all_there, timeout=90, message=f"{expected} tracks after {service} was killed")


def test_it_scales_to_four_workers_each_with_metrics(compose):
    compose.up("--scale", "worker=4")
    workers = [one for one in compose.containers() if one["Config"]["Labels"]["com.docker.compose.service"] == "worker"]
    assert len(workers) == 4
    for worker in workers:
        port = worker["NetworkSettings"]["Ports"]["9808/tcp"][0]["HostPort"]
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
            assert 'tonearm_tracks{status="COMPLETED"}' in answer.read().decode()


def test_flower_asks_for_a_password_and_knows_our_tasks(compose, wait_until):
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"{compose.flower}/tasks", timeout=10)
    assert refused.value.code == 401
    refused.value.close()
    token = b64encode(f"tonearm:{compose.secret('flower', 'flower_password')}".encode()).decode()

    def shown():
        publish(compose, events(1))
        request = urllib.request.Request(f"{compose.flower}/api/tasks", headers={"Authorization": f"Basic {token}"})
        with urllib.request.urlopen(request, timeout=10) as answer:
            return "audio.processed" in {task["name"] for task in json.loads(answer.read()).values()}

    wait_until(shown, timeout=30)


def test_flowers_page_lists_our_tasks_in_a_real_browser(compose, tmp_path, wait_until):
    browser = shutil.which("chromium") or shutil.which("chromium-browser")
    if browser is None:
        pytest.skip("there is no chromium: install Debian's package of that name")
    publish(compose, events(5))
    address = compose.flower.replace("http://", f"http://tonearm:{compose.secret('flower', 'flower_password')}@")
    command = [browser, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}"]

    def page():
        shown = subprocess.run(
            [*command, "--virtual-time-budget=8000", "--dump-dom", f"{address}/tasks"],
            capture_output=True, text=True, check=False, timeout=60,
        ).stdout  # fmt: skip
        return "audio.processed" in shown and "SUCCESS" in shown

    wait_until(page, timeout=90)


def test_a_worker_that_is_stopped_at_work_ends_by_itself_and_fails_nothing(compose, wait_until):
    given_up = """SELECT count(*) FROM audio_track_history
                  WHERE to_status = 'FAILED' OR from_status = 'PROCESSING' AND to_status = 'PENDING'"""
    before, expected = compose.ask(given_up), compose.completed() + 300
    publish(compose, events(300))
    victim = compose.container("worker")
    subprocess.run(["docker", "stop", victim], check=True, capture_output=True)  # ten seconds, then it would be killed
    state = json.loads(subprocess.run(["docker", "inspect", victim], check=True, capture_output=True).stdout)[0][
        "State"
    ]
    assert state["ExitCode"] == 0
    subprocess.run(["docker", "start", victim], check=True, capture_output=True)
    wait_until(lambda: compose.completed() == expected, timeout=60)
    assert compose.ask(given_up) == before


def test_a_backup_that_is_restored_has_what_it_had_and_the_doctor_agrees(compose, wait_until):
    def postgres(*command, stdin=None):
        done = subprocess.run(
            ["docker", "exec", "-i", compose.container("postgres"), *command],
            input=stdin, capture_output=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout

    wait_until(lambda: json.loads(compose.tonearm("status", "--json").stdout)["tracks"]["PENDING"] == 0, timeout=30)
    before = compose.completed()
    dump = postgres("pg_dump", "--username=postgres", "--format=custom", "tonearm")
    publish(compose, events(7))
    wait_until(lambda: compose.completed() == before + 7, timeout=30)
    compose.run("stop", "worker")
    restore = [
        "pg_restore",
        "--username=postgres",
        "--dbname=tonearm",
        "--clean",
        "--if-exists",
        "--single-transaction",
    ]
    postgres(*restore, stdin=dump)
    compose.run("start", "worker")
    wait_until(lambda: compose.tonearm("health", check=False).returncode == 0, timeout=60)
    assert compose.completed() == before
    findings = json.loads(compose.tonearm("doctor", "--json").stdout)["findings"]
    assert {finding["level"] for finding in findings} == {"ok"}
    publish(compose, events(2))
    wait_until(lambda: compose.completed() == before + 2, timeout=30)


def test_no_password_is_in_a_log_or_a_process_list_or_another_services_reach(compose):
    passwords = {compose.secret(*place) for place in PASSWORDS}
    assert len(passwords) == len(PASSWORDS)
    assert min(map(len, passwords)) == 48
    shown = compose.run("logs").stdout + compose.run("top").stdout + json.dumps(compose.containers())
    assert not [password for password in passwords if password in shown]
    seen = compose.run("exec", "-T", "worker", "sh", "-c", "cat /run/secrets/*; env").stdout
    theirs = {compose.secret("postgres", "tonearm_worker_password"), compose.secret("redis", "redis_password")}
    assert {password for password in passwords if password in seen} == theirs


def test_starting_again_keeps_the_passwords_and_they_can_be_changed_as_documented(compose, wait_until):
    before = {place: compose.secret(*place) for place in PASSWORDS}
    compose.run("run", "--rm", "secrets", "sh", "-c", "touch redis/redis_password.new; chmod 444 redis/*.new")
    compose.run("run", "--rm", "secrets")  # an interrupted one does not stand in the way of the next
    assert {place: compose.secret(*place) for place in PASSWORDS} == before
    env = compose.directory / ".env"
    text = env.read_text()
    for name in ("TONEARM_WORKER_PASSWORD", "REDIS_PASSWORD", "FLOWER_PASSWORD"):
        text = text.replace(f"{name}=\n", f"{name}=new{uuid4().hex}\n")
    env.write_text(text)
    compose.run("run", "--rm", "secrets")
    compose.run("exec", "-T", "postgres", "bash", "/docker-entrypoint-initdb.d/10-roles.sh")
    compose.up("--force-recreate")
    assert compose.secret("postgres", "tonearm_worker_password").startswith("new")
    expected = compose.completed() + 3
    publish(compose, events(3))
    wait_until(lambda: compose.completed() == expected, timeout=30)
    old = before["postgres", "tonearm_worker_password"]
    address = f"postgresql://tonearm_worker:{old}@postgres/tonearm"
    refused = compose.run("exec", "-T", "-e", f"DATABASE_URL={address}", "worker", "tonearm", "status", check=False)
    assert refused.returncode == 3
