"""Which database: the order in which parameter and environment are asked, and how an address may be shown."""

import os
import re
from collections.abc import Mapping

import psycopg2
from psycopg2.extensions import make_dsn, parse_dsn

from db.errors import ValidationError

_PASSWORD = re.compile(r"(?<=://)([^:/?#@]*):[^@/]*@")
_PASSWORD_PARAMETER = re.compile(r"(password\s*=\s*)('(?:[^'\\]|\\.)*'|[^&\s]+)", re.IGNORECASE)


def resolve(database_url: str | None = None, environ: Mapping[str, str] | None = None) -> str:
    """Return a libpq connection string from the parameter, else ``DATABASE_URL``, else the ``DB_*`` variables.

    ``DB_CONNECTION_NAME`` names a Cloud SQL instance, reached by its socket under /cloudsql. Raises ValidationError
    where none of them is set.
    """
    env = os.environ if environ is None else environ
    url = database_url or env.get("DATABASE_URL")
    if url:
        _check(url)
        return url
    instance = env.get("DB_CONNECTION_NAME")
    if not instance and not env.get("DB_HOST"):
        raise ValidationError("no database is configured: set DATABASE_URL, or DB_HOST with DB_NAME and DB_USER")
    parts = {
        "host": f"/cloudsql/{instance}" if instance else env.get("DB_HOST"),
        "port": None if instance else env.get("DB_PORT", "5432"),
        "dbname": env.get("DB_NAME", "tonearm"),
        "user": env.get("DB_USER", "tonearm"),
        "password": env.get("DB_PASSWORD"),
    }
    return make_dsn(**{key: value for key, value in parts.items() if value})


def _check(url: str) -> None:
    try:
        parse_dsn(url)
    except psycopg2.ProgrammingError:
        # The driver's message repeats what it could not read, password included.
        raise ValidationError(
            "the database URL cannot be read: it should look like postgresql://user:password@host:5432/database"
        ) from None


def redacted(url: str) -> str:
    """Return a URL or connection string with its password replaced by ``***``, for logs and messages."""
    return _PASSWORD_PARAMETER.sub(r"\1***", _PASSWORD.sub(r"\1:***@", url))
