"""The compose file, end to end: as an operator starts it, on ports of its own."""

import json
import os
import secrets
import shutil
import socket
import subprocess
import urllib.error
import urllib.request
from base64 import b64encode
from pathlib import Path
from uuid import uuid4

import pytest

ROOT = Path(__file__).parents[2]
SERVICES = {"postgres", "redis", "worker", "flower"}


def free_ports(number):
    """A range of ports that nobody listens on."""
    for first in range(21000, 29000, number):
        try:
            for port in range(first, first + number):
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", port))
        except OSError:
            continue
        return first
    pytest.fail("no free ports")


class Compose:
    """One project of the compose file, with passwords made for it."""

    def __init__(self, directory):
        first = free_ports(12)
        self.flower = f"http://127.0.0.1:{first}"
        self.password = secrets.token_hex(16)
        lines = [
            line + (self.password if line == "FLOWER_PASSWORD=" else secrets.token_hex(16))
            if line.endswith("=")
            else line
            for line in (ROOT / ".env.example").read_text().splitlines()
        ]
        lines += [f"FLOWER_PORT={first}", f"METRICS_PORTS={first + 1}-{first + 11}", "LEASE_SECONDS=6"]
        self._environment_file = directory / "env"
        self._environment_file.write_text("\n".join(lines) + "\n")
        self._project = f"tonearm-test-{uuid4().hex[:8]}"

    def run(self, *arguments, stdin=None, check=True):
        done = subprocess.run(
            ["docker", "compose", "-p", self._project, "--env-file", str(self._environment_file), *arguments],
            cwd=ROOT, input=stdin, capture_output=True, text=True, check=False,
            env={k: v for k, v in os.environ.items() if not k.endswith("PASSWORD")},
        )  # fmt: skip
        if check and done.returncode:
            logs = "" if arguments[0] == "logs" else self.run("logs", "--tail", "15", check=False).stdout
            pytest.fail(f"docker compose {' '.join(arguments)}: {done.stderr[-1500:]}\n{logs[-3000:]}")
        return done

    def up(self, workers):
        self.run("up", "--detach", "--build", "--wait", "--wait-timeout", "180", "--scale", f"worker={workers}")

    def containers(self):
        ids = self.run("ps", "--quiet").stdout.split()
        return json.loads(subprocess.run(["docker", "inspect", *ids], capture_output=True, check=True).stdout)

    def tonearm(self, *arguments, stdin=None, check=True):
        return self.run("exec", "-T", "worker", "tonearm", *arguments, stdin=stdin, check=check)


@pytest.fixture(scope="module")
def compose(tmp_path_factory):
    project = Compose(tmp_path_factory.mktemp("compose"))
    try:
        project.up(workers=2)
        yield project
    finally:
        project.run("down", "--volumes", "--timeout", "20", check=False)


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


def completed(compose):
    return json.loads(compose.tonearm("status", "--json").stdout)["tracks"]["COMPLETED"]


def test_without_passwords_it_refuses_to_start_and_says_what_to_do():
    environment = {k: v for k, v in os.environ.items() if not k.endswith("PASSWORD")}
    done = subprocess.run(
        ["docker", "compose", "--env-file", ".env.example", "config", "--quiet"],
        cwd=ROOT, capture_output=True, text=True, check=False, env=environment,
    )  # fmt: skip
    assert done.returncode != 0
    assert "make env" in done.stderr


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
    wait_until(lambda: completed(compose) >= 3, timeout=30)
    found = json.loads(compose.tonearm("search", "joga", "bjork", "--json").stdout)
    assert found["total"] >= 3


def test_the_doctor_has_nothing_to_complain_of(compose):
    findings = json.loads(compose.tonearm("doctor", "--json").stdout)["findings"]
    assert {finding["level"] for finding in findings} == {"ok"}


def test_killing_any_one_container_loses_nothing(compose, wait_until):
    for service in ("worker", "redis", "postgres"):
        expected = completed(compose) + 200
        publish(compose, events(200))
        victim = compose.run("ps", "--quiet", service).stdout.split()[-1]
        subprocess.run(["docker", "kill", victim], check=True, capture_output=True)
        subprocess.run(["docker", "start", victim], check=True, capture_output=True)

        def all_there(expected=expected):
            asked = compose.tonearm("status", "--json", check=False)
            return asked.returncode == 0 and json.loads(asked.stdout)["tracks"]["COMPLETED"] == expected

        wait_until(all_there, timeout=90, message=f"{expected} tracks after {service} was killed")


def test_it_scales_to_four_workers_each_with_metrics(compose):
    compose.up(workers=4)
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
    token = b64encode(f"tonearm:{compose.password}".encode()).decode()

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
    address = compose.flower.replace("http://", f"http://tonearm:{compose.password}@")
    command = [browser, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}"]

    def page():
        shown = subprocess.run(
            [*command, "--virtual-time-budget=8000", "--dump-dom", f"{address}/tasks"],
            capture_output=True, text=True, check=False, timeout=60,
        ).stdout  # fmt: skip
        return "audio.processed" in shown and "SUCCESS" in shown

    wait_until(page, timeout=90)


def test_a_worker_that_is_stopped_ends_by_itself_and_well(compose):
    victim = compose.run("ps", "--quiet", "worker").stdout.split()[-1]
    subprocess.run(["docker", "stop", "--time", "50", victim], check=True, capture_output=True)
    state = json.loads(subprocess.run(["docker", "inspect", victim], check=True, capture_output=True).stdout)[0][
        "State"
    ]
    assert state["ExitCode"] == 0
    subprocess.run(["docker", "start", victim], check=True, capture_output=True)


def test_a_backup_that_is_restored_has_what_it_had_and_the_doctor_agrees(compose, wait_until):
    def postgres(*command, stdin=None):
        done = subprocess.run(
            ["docker", "exec", "-i", compose.run("ps", "--quiet", "postgres").stdout.strip(), *command],
            input=stdin, capture_output=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout

    wait_until(lambda: json.loads(compose.tonearm("status", "--json").stdout)["tracks"]["PENDING"] == 0, timeout=30)
    before = completed(compose)
    dump = postgres("pg_dump", "--username=postgres", "--format=custom", "tonearm")
    publish(compose, events(7))
    wait_until(lambda: completed(compose) == before + 7, timeout=30)
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
    assert completed(compose) == before
    findings = json.loads(compose.tonearm("doctor", "--json").stdout)["findings"]
    assert {finding["level"] for finding in findings} == {"ok"}
    publish(compose, events(2))
    wait_until(lambda: completed(compose) == before + 2, timeout=30)


def test_no_password_is_in_a_log_or_a_process_list(compose):
    secrets_of_it = [
        line.partition("=")[2]
        for line in compose._environment_file.read_text().splitlines()
        if line.partition("=")[0].endswith("PASSWORD")
    ]
    shown = compose.run("logs").stdout + compose.run("top").stdout
    assert not [secret for secret in secrets_of_it if secret in shown]
