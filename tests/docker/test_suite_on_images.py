"""The integration suite, on the PostgreSQL and Redis that people run instead of those from wheels."""

import os
import subprocess
import sys
from pathlib import Path

from testcontainers.community.postgres import PostgresContainer
from testcontainers.community.redis import RedisContainer

ROOT = Path(__file__).parents[2]


def test_the_integration_suite_passes_on_the_images_of_postgresql_and_redis(monkeypatch):
    monkeypatch.setenv("TESTCONTAINERS_RYUK_DISABLED", "true")
    with (
        PostgresContainer("postgres:17", username="tonearm", password="throwaway", dbname="tonearm") as postgres,
        RedisContainer("redis:8") as broker,
    ):
        url = f"postgresql://tonearm:throwaway@127.0.0.1:{postgres.get_exposed_port(5432)}/tonearm"
        environment = os.environ | {
            "TEST_DATABASE_URL": url,
            "TEST_BROKER_URL": f"redis://127.0.0.1:{broker.get_exposed_port(6379)}/0",
        }
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-n", "2", "--dist", "loadfile", "tests/integration"],
            cwd=ROOT, env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
    assert done.returncode == 0, done.stdout[-4000:]
