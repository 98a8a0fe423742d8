"""PostgreSQL and a Redis-protocol broker from wheels, for the zero-setup default.

    with start_postgres(home) as postgres, start_broker(home) as broker:
        run(database_url=postgres.url, broker_url=broker.url)

Both look for a running instance first and use that; ``stop`` (and the end of the ``with``) stops only what this
process started. Their files are under ``home``; ``default_home`` says where that is. Every failure is an EmbeddedError
of one line that says what to do.
"""

from worker.embedded.broker import EmbeddedBroker, start_broker
from worker.embedded.find import Running, find_running
from worker.embedded.home import EmbeddedError, default_home
from worker.embedded.postgres import EmbeddedPostgres, start_postgres

__all__ = [
    "EmbeddedBroker",
    "EmbeddedError",
    "EmbeddedPostgres",
    "Running",
    "default_home",
    "find_running",
    "start_broker",
    "start_postgres",
]
