"""TLS to PostgreSQL (verify-full) and Redis (rediss://), with a certificate authority made for the test."""

import json
import subprocess
from types import SimpleNamespace
from uuid import uuid4

import pytest

from tests.docker.containers import container, logs_of, port_of
from tests.programs import Programs

POSTGRES = (
    "install -o postgres -m 600 /certs/server.key /tmp/server.key && exec docker-entrypoint.sh postgres"
    " -c ssl=on -c ssl_cert_file=/certs/server.crt -c ssl_key_file=/tmp/server.key"
)
REDIS = (
    "exec redis-server --port 0 --tls-port 6380 --tls-cert-file /certs/server.crt --tls-key-file /certs/server.key"
    " --tls-ca-cert-file /certs/ca.crt --tls-auth-clients no --requirepass throwaway --appendonly yes --bind 0.0.0.0"
)


def openssl(directory, *arguments):
    subprocess.run(["openssl", *arguments], cwd=directory, check=True, capture_output=True)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    """A directory with ca.crt, a server.crt for localhost, and another.crt: an authority that signed nothing."""
    made = tmp_path_factory.mktemp("certs")
    made.chmod(0o755)
    for name in ("ca", "another"):
        openssl(made, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={name}",
                "-keyout", f"{name}.key", "-out", f"{name}.crt")  # fmt: skip
    openssl(
        made,
        "req",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-subj",
        "/CN=localhost",
        "-keyout",
        "server.key",
        "-out",
        "server.csr",
    )
    (made / "names").write_text("subjectAltName=DNS:localhost")
    openssl(made, "x509", "-req", "-in", "server.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial",
            "-days", "2", "-extfile", "names", "-out", "server.crt")  # fmt: skip
    for path in made.iterdir():
        path.chmod(0o644)
    return made


@pytest.fixture(scope="module")
def servers(certificates, wait_until):
    mount = ("-v", f"{certificates}:/certs:ro")
    with (
        container(*mount, "-p", "127.0.0.1::5432", "-e", "POSTGRES_USER=tonearm", "-e", "POSTGRES_PASSWORD=throwaway",
                  "--entrypoint", "sh", "postgres:17", "-c", POSTGRES) as postgres,
        container(*mount, "-p", "127.0.0.1::6380", "--entrypoint", "sh", "redis:8", "-c", REDIS) as redis,
    ):  # fmt: skip
        ready = "database system is ready to accept connections"
        wait_until(lambda: ready in logs_of(postgres).rpartition("init process complete")[2], timeout=60)
        wait_until(lambda: "Ready to accept connections" in logs_of(redis), timeout=30)
        yield SimpleNamespace(postgres=port_of(postgres, 5432), redis=port_of(redis, 6380))


def addresses(servers, authority, host="localhost"):
    return {
        "DATABASE_URL": f"postgresql://tonearm:throwaway@{host}:{servers.postgres}/tonearm"
        f"?sslmode=verify-full&sslrootcert={authority}",
        "BROKER_URL": f"rediss://:throwaway@{host}:{servers.redis}/0?ssl_cert_reqs=required&ssl_ca_certs={authority}",
    }


def test_everything_works_over_tls_that_is_verified(servers, certificates, tmp_path, wait_until):
    programs = Programs(TMPDIR=str(tmp_path), **addresses(servers, certificates / "ca.crt"))
    migrated = programs.tonearm("migrate")
    assert migrated.code == 0, migrated.err
    with programs.worker(tmp_path / "worker.log", "-c", "1"):
        event = {"audio_id": str(uuid4()), "audio_path": "gs://b/a.mp3", "metadata": {"title": "Jóga"}}
        assert programs.tonearm("publish", "-", stdin=json.dumps(event).encode()).code == 0
        wait_until(lambda: programs.tonearm("search", "joga", "--json").json()["hits"], timeout=40)
        wait_until(lambda: programs.tonearm("health").code == 0, timeout=20)
    assert "throwaway" not in (tmp_path / "worker.log").read_text()


@pytest.mark.parametrize("wrong", ["authority", "name"])
def test_a_server_that_cannot_prove_who_it_is_is_not_spoken_to(servers, certificates, tmp_path, wrong):
    authority = certificates / ("another.crt" if wrong == "authority" else "ca.crt")
    host = "127.0.0.1" if wrong == "name" else "localhost"
    ran = Programs(TMPDIR=str(tmp_path), **addresses(servers, authority, host)).tonearm("doctor", "--json")
    levels = {finding["about"]: finding for finding in ran.json()["findings"]}
    assert ran.code == 1
    assert levels["database"]["level"] == levels["broker"]["level"] == "problem"
    assert "certificate" in levels["database"]["found"]
    assert "throwaway" not in ran.out + ran.err
