"""Hooks in a real worker: the document's own example, hooks that raise or hang, settings that cannot be."""

import json
import re
import signal
import threading
import time
import urllib.request
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from uuid import uuid4

import psycopg2
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.programs import Programs

DOCUMENT = (Path(__file__).parents[2] / "docs" / "hooks.md").read_text(encoding="utf-8")
EXAMPLE = re.search(r"```python\n(\"\"\"shop/hooks\.py.*?)```", DOCUMENT, re.DOTALL)[1]


def event(title):
    return {
        "audio_id": str(uuid4()),
        "event_id": str(uuid4()),
        "audio_path": "s3://b/a.mp3",
        "metadata": {"title": title},
    }


def query(url, statement):
    with closing(psycopg2.connect(url)) as conn, conn, conn.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchall() if cursor.description else None


def statuses(url):
    return dict(query(url, "SELECT coalesce(title, id::text), status FROM audio_tracks"))


@pytest.fixture
def webhook():
    """An HTTP server and the requests that it got."""
    got = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            got.append((self.headers["Idempotency-Key"], json.loads(body)))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/", got
        server.shutdown()
        thread.join()


@pytest.fixture
def code(tmp_path):
    """Write modules where the worker can import them."""

    def write(**modules):
        for name, text in modules.items():
            path = tmp_path / "code" / f"{name.replace('__', '/')}.py"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    return write


@pytest.fixture
def programs(database_url, broker_url, tmp_path):
    return Programs(
        DATABASE_URL=database_url,
        BROKER_URL=broker_url,
        TONEARM_HOME=str(tmp_path),
        TMPDIR=str(tmp_path),
        LOG_FORMAT="json",
        PYTHONPATH=str(tmp_path / "code"),
    )


def publish(programs, *events):
    done = programs.tonearm("publish", "-", stdin="\n".join(map(json.dumps, events)).encode())
    assert done.code == 0, done.err


def hook_calls(port):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        families = text_string_to_metric_families(answer.read().decode())
        samples = [
            sample for family in families for sample in family.samples if sample.name == "tonearm_hook_calls_total"
        ]
    return {(one.labels["hook"], one.labels["result"]): one.value for one in samples if one.value}


def logged(path, name):
    lines = [json.loads(line) for line in path.read_text().splitlines() if line.startswith("{")]
    return [line for line in lines if line.get("event") == name]


def test_the_documents_webhook_is_posted_for_tracks_that_completed_and_that_failed(
    programs, code, webhook, database_url, tmp_path, unused_port, wait_until
):
    url, got = webhook
    code(shop__hooks=EXAMPLE)
    # A rule of somebody's own makes one track fail, for good.
    query(database_url, "ALTER TABLE audio_tracks ADD CONSTRAINT no_noise CHECK (title <> 'Noise')")
    programs.environment |= {
        "SHOP_WEBHOOK_URL": url,
        "TONEARM_ON_COMPLETED": "shop.hooks:post",
        "TONEARM_ON_FAILED": "shop.hooks:post_if_final",
        "METRICS_PORT": str(unused_port),
    }
    good, bad, alone = event("Jóga"), event("Noise"), event("Halo")
    with programs.worker(tmp_path / "worker.log", "-c", "2"):
        publish(programs, good, bad)  # one batch, which is halved until the bad one stands alone
        wait_until(lambda: len(got) == 2, timeout=30)
        publish(programs, alone)
        wait_until(lambda: len(got) == 3, timeout=30)
        wait_until(lambda: hook_calls(unused_port) == {("on_completed", "done"): 2, ("on_failed", "done"): 1})
    posted = {body["title"]: (key, body) for key, body in got}
    for sent in (good, alone):
        key, body = posted[sent["metadata"]["title"]]
        assert key == f"{sent['event_id']}/1"
        assert (body["audio_id"], body["status"], body["attempt"], body["final"]) == (
            sent["audio_id"],
            "COMPLETED",
            1,
            True,
        )
    _, failure = posted["Noise"]
    assert (failure["audio_id"], failure["status"], failure["final"]) == (bad["audio_id"], "FAILED", True)
    assert failure["error_code"] == "constraint_violation"
    assert "no_noise" in failure["error_message"]


HOSTILE = """
import os, sys, threading, time
from pathlib import Path

def note(result, name):
    with (Path(os.environ["NOTES"]) / name).open("a") as file:
        file.write(result.title + "\\n")

def raises(result):
    note(result, "raised")
    if result.title == "leave":
        sys.exit("a hook ends nothing but itself")
    raise RuntimeError("boom from " + result.title)

def hangs(result):
    if result.title.startswith("hang"):
        note(result, "hung")
        threading.Event().wait()

def last(result):
    note(result, "last")
"""


def test_hooks_that_raise_or_hang_cost_no_track_and_no_later_call_and_do_not_hold_up_a_shutdown(
    programs, code, database_url, tmp_path, unused_port, wait_until
):
    code(hostile=HOSTILE)
    programs.environment |= {
        "NOTES": str(tmp_path),
        "TONEARM_ON_COMPLETED": "hostile:raises, hostile:hangs, hostile.last",
        "TONEARM_HOOK_SECONDS": "0.3",
        "METRICS_PORT": str(unused_port),
    }
    log = tmp_path / "worker.log"
    with programs.worker(log, "-c", "1") as worker:
        publish(programs, *(event(title) for title in ("a", "hang 1", "leave", "b")))
        notes = tmp_path / "last"
        wait_until(lambda: notes.exists() and len(notes.read_text().splitlines()) == 4, timeout=30)
        assert statuses(database_url) == dict.fromkeys(("a", "hang 1", "leave", "b"), "COMPLETED")
        wait_until(
            lambda: (
                hook_calls(unused_port)
                == {
                    ("on_completed", "failed"): 4,  # every call of the first
                    ("on_completed", "done"): 7,  # all of the last, those of the second that did not hang
                    ("on_completed", "timed_out"): 1,
                }
            )
        )
        # Four that hang for good: calls are dropped from then on, events are still applied.
        publish(programs, *(event(f"hang {number}") for number in range(2, 6)), event("c"))
        publish(programs, event("d"))
        wait_until(lambda: statuses(database_url).get("d") == "COMPLETED")
        wait_until(lambda: hook_calls(unused_port).get(("on_completed", "dropped"), 0) >= 5)
        began = time.monotonic()
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(timeout=15) == 0
        assert time.monotonic() - began < 9
    failures = logged(log, "hook_failed")
    assert {line["hook"] for line in failures} == {"hostile:raises"}
    assert any("boom from a" in line["exception"] for line in failures)
    assert {"audio_id", "event_id", "attempt"} <= set(failures[0])
    assert {line["hook"] for line in logged(log, "hook_timed_out")} == {"hostile:hangs"}
    assert logged(log, "hook_calls_dropped")
    assert not logged(log, "attempt_failed")


SLOW = """
import os, time
from pathlib import Path

def note(result):
    (Path(os.environ["NOTES"]) / "began").touch()
    while not (Path(os.environ["NOTES"]) / "go").exists():
        time.sleep(0.01)
    with (Path(os.environ["NOTES"]) / "noted").open("a") as file:
        file.write(result.title + "\\n")
"""


def test_a_worker_that_is_stopped_softly_makes_the_calls_that_wait(programs, code, tmp_path, wait_until):
    code(slow=SLOW)
    programs.environment |= {"NOTES": str(tmp_path), "TONEARM_ON_COMPLETED": "slow:note"}
    with programs.worker(tmp_path / "worker.log", "-c", "1") as worker:
        publish(programs, *(event(str(number)) for number in range(50)))
        wait_until((tmp_path / "began").exists, timeout=30)
        worker.send_signal(signal.SIGTERM)
        wait_until(lambda: "Warm shutdown" in (tmp_path / "worker.log").read_text())
        (tmp_path / "go").touch()
        assert worker.wait(timeout=15) == 0
    assert sorted((tmp_path / "noted").read_text().split(), key=int) == [str(number) for number in range(50)]


def test_an_installed_packages_entry_point_is_a_hook(programs, code, tmp_path, wait_until):
    code(plugin=SLOW)
    (tmp_path / "go").touch()
    installed = tmp_path / "code" / "shop-1.0.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: shop\nVersion: 1.0\n")
    (installed / "entry_points.txt").write_text("[tonearm.on_completed]\nnote = plugin:note\n")
    programs.environment |= {"NOTES": str(tmp_path)}
    with programs.worker(tmp_path / "worker.log", "-c", "1"):
        publish(programs, event("Halo"))
        wait_until((tmp_path / "noted").exists, timeout=30)


BAD = """
import nothing_of_that_name
"""
WRONG = """
not_callable = 3

def two(result, more): ...

async def later(result): ...

def good(result): ...
"""


@contextmanager
def _starting(programs, tmp_path, **settings):
    programs.environment |= settings
    log = tmp_path / "worker.log"
    with programs.worker(log, "-c", "1") as worker:
        yield worker.wait(timeout=30), log.read_text()


def test_a_worker_whose_hooks_cannot_be_called_does_not_start_and_says_why_in_one_line(programs, code, tmp_path):
    code(bad=BAD, wrong=WRONG)
    with _starting(
        programs,
        tmp_path,
        TONEARM_ON_COMPLETED="missing.module:f, bad:f, wrong:nothing, wrong:not_callable, no path",
        TONEARM_ON_FAILED="wrong:two, wrong:later, wrong:good",
    ) as (exit_code, said):
        assert exit_code == 2
    assert said.count("\n") == 1, said
    assert said.startswith("tonearm: TONEARM_ON_COMPLETED: missing.module:f needs the module 'missing'")
    for expected in (
        "TONEARM_ON_COMPLETED: bad:f needs the module 'nothing_of_that_name'",
        "TONEARM_ON_COMPLETED: wrong:nothing is not there",
        "TONEARM_ON_COMPLETED: wrong:not_callable is no function but a int",
        "TONEARM_ON_COMPLETED: 'no path' is no dotted path",
        "TONEARM_ON_FAILED: wrong:two cannot be called with one argument",
        "TONEARM_ON_FAILED: wrong:later is an async function",
    ):
        assert expected in said
    assert "wrong:good" not in said

    def doctors():
        return [one for one in programs.tonearm("doctor", "--json").json()["findings"] if one["about"] == "hooks"]

    assert [(one["level"], "wrong:two cannot be called" in one["found"]) for one in doctors()] == [("problem", True)]
    programs.environment |= {"TONEARM_ON_COMPLETED": "", "TONEARM_ON_FAILED": "wrong:good"}
    assert [(one["level"], one["found"]) for one in doctors()] == [("ok", "on_failed: wrong:good")]
