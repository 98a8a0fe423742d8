"""Looks for what would go wrong later: settings, database, broker. Every finding says what to do about it."""

import re
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any, Literal, NamedTuple

from kombu.connection import Connection
from kombu.exceptions import OperationalError

from db import migrate
from db.dsn import redacted
from db.errors import MusicLibraryError
from db.pool import DatabasePool
from db.read import diagnosis
from db.read.search_lag import read_model_lag
from worker.broker import is_redis, transport_options
from worker.health import ask_broker, ask_database
from worker.hooks import HookError, load_hooks
from worker.settings import Settings

_OLDEST_POSTGRES = 140000
_CREATES = re.compile(r"CREATE (?:UNIQUE )?INDEX (?:CONCURRENTLY )?(?:IF NOT EXISTS )?(\w+)", re.IGNORECASE)
_DROPS = re.compile(r"DROP INDEX (?:CONCURRENTLY )?(?:IF EXISTS )?(\w+)", re.IGNORECASE)
_SECONDS = 5.0

Level = Literal["ok", "warning", "problem"]


class Finding(NamedTuple):
    """One thing looked at: what was found, and what to do unless it is ok."""

    about: str
    level: Level
    found: str
    advice: str | None = None


def examine(settings: Settings) -> list[Finding]:
    """Return what was found, good and bad; never raises for what it looks at."""
    findings = [_reached("database", lambda: ask_database(settings), "check DATABASE_URL and that PostgreSQL runs")]
    if findings[0].level == "ok":
        findings += _examined("database", lambda: list(_database(settings)))
    if settings.read_database_url:
        findings += _examined("replica", lambda: list(_replica(settings)))
    reached = _reached("broker", lambda: ask_broker(settings), "check BROKER_URL and that the broker runs")
    findings.append(reached)
    if reached.level == "ok":
        findings += _examined("broker", lambda: list(_broker(settings)))
    return findings + list(_hooks(settings))


def _hooks(settings: Settings) -> Iterator[Finding]:
    try:
        loaded = load_hooks(settings)
    except HookError as error:
        yield Finding("hooks", "problem", str(error), "no worker starts so: mend or unset what it names")
        return
    if any(loaded):
        named = (
            f"{when}: {', '.join(hook.name for hook in hooks)}" for when, hooks in loaded._asdict().items() if hooks
        )
        yield Finding("hooks", "ok", "; ".join(named))


def _reached(about: str, ask: Callable[[], str], advice: str) -> Finding:
    try:
        return Finding(about, "ok", ask())
    except (MusicLibraryError, OperationalError) as error:
        return Finding(about, "problem", redacted(str(error)), advice)


def _examined(about: str, examination: Callable[[], list[Finding]]) -> list[Finding]:
    try:
        return examination()
    except (MusicLibraryError, OperationalError) as error:
        return [Finding(about, "problem", redacted(str(error)), f"see that the {about} lets Tonearm in")]


def _judged(about: str, found: str, *, good: bool, advice: str, otherwise: Level = "problem") -> Finding:
    return Finding(about, "ok", found) if good else Finding(about, otherwise, found, advice)


def _database(settings: Settings) -> Iterator[Finding]:
    url = settings.database()
    with (
        closing(DatabasePool(url, min_size=0, max_size=1, timeout=_SECONDS, application_name="tonearm-doctor")) as pool,
        pool.transaction() as conn,
    ):
        server = diagnosis.describe_server(conn)
        extensions = diagnosis.installed_extensions(conn)
        indexes = diagnosis.indexes(conn)
        pending = migrate.pending(url)
        lag = None if pending else read_model_lag(conn)
    yield _judged(
        "database.version", f"PostgreSQL {server.shown}", good=server.version >= _OLDEST_POSTGRES,
        advice="upgrade to PostgreSQL 14 or later",
    )  # fmt: skip
    yield _judged(
        "database.encoding", f"{server.encoding}, locale {server.locale}", good=server.encoding == "UTF8",
        advice="make a database with ENCODING 'UTF8' and restore into it: other encodings cannot hold every name",
    )  # fmt: skip
    yield _judged(
        "database.fsync", f"fsync {server.fsync}, synchronous_commit {server.synchronous_commit}",
        good=server.fsync == "on" and server.synchronous_commit != "off",
        advice="turn both on: without them a crash of the server loses events that were stored",
    )  # fmt: skip
    yield _judged(
        "database.writable", "a replica" if server.replica else "the primary", good=not server.replica,
        advice="set DATABASE_URL to the primary, and READ_DATABASE_URL to the replica",
    )  # fmt: skip
    yield _judged(
        "database.role", f"connected as {server.role}", good=not (server.superuser and settings.names_database),
        otherwise="warning",
        advice="that is a superuser: connect as tonearm_worker instead (deploy/postgres/roles.sql)",
    )  # fmt: skip
    yield _judged(
        "database.migrations", f"pending: {', '.join(pending)}" if pending else "none is pending", good=not pending,
        advice="run `tonearm migrate`",
    )  # fmt: skip
    yield _judged(
        "database.extensions", "pg_trgm" if "pg_trgm" in extensions else "pg_trgm is missing",
        good="pg_trgm" in extensions, advice="run `tonearm migrate`; the server needs PostgreSQL's contrib package",
    )  # fmt: skip
    if not pending:
        missing = sorted(expected_indexes() - set(indexes))
        invalid = sorted(name for name, valid in indexes.items() if not valid)
        said = [f"missing: {', '.join(missing)}"] if missing else []
        said += [f"invalid: {', '.join(invalid)}"] if invalid else []
        yield _judged(
            "database.indexes", "; ".join(said) or f"{len(indexes)}, all valid", good=not said,
            advice="make what is missing as the migrations do; REINDEX INDEX CONCURRENTLY what is invalid",
        )  # fmt: skip
    if lag:
        said = [f"{lag.missing:,} completed tracks are missing from it"] if lag.missing else []
        said += [f"{lag.outdated:,} are as an older version folded them"] if lag.outdated else []
        yield _judged(
            "database.read_model", "; ".join(said) or f"has every track, folding version {lag.folding_version}",
            good=not said, otherwise="warning",
            advice="run `tonearm reindex`: searches do not find the former, and the latter only as they were",
        )  # fmt: skip


def expected_indexes() -> set[str]:
    """Return the names of the indexes that the migrations make."""
    expected: set[str] = set()
    for path in sorted(migrate.migrations_dir().glob("*.sql")):
        if not path.name.endswith(".rollback.sql"):
            text = path.read_text(encoding="utf-8")
            expected = (expected - set(_DROPS.findall(text))) | set(_CREATES.findall(text))
    return expected


def _replica(settings: Settings) -> Iterator[Finding]:
    with (
        closing(DatabasePool(settings.read_database(), min_size=0, max_size=1, timeout=_SECONDS)) as pool,
        pool.transaction() as conn,
    ):
        server = diagnosis.describe_server(conn)
    yield Finding("replica", "ok", f"PostgreSQL {server.shown}, {'a replica' if server.replica else 'no replica'}")


def _broker(settings: Settings) -> Iterator[Finding]:
    if not is_redis(settings.broker()):
        yield Finding("broker.durability", "ok", "not Redis: its queues are durable")
        return
    options = transport_options(settings, seconds=_SECONDS)
    with (
        Connection(settings.broker(), connect_timeout=_SECONDS, transport_options=options) as connection,
        connection.channel() as channel,
    ):
        try:
            found = _redis_settings(channel.client)
        except connection.connection_errors + connection.channel_errors as error:
            yield Finding("broker.settings", "warning", f"cannot be read: {error}", "check them with your provider")
            return
    policy, append = found.get("maxmemory-policy"), found.get("appendonly")
    yield _judged(
        "broker.eviction", f"maxmemory-policy {policy}", good=policy == "noeviction",
        advice="set maxmemory-policy to noeviction: any other lets the broker throw messages away",
    )  # fmt: skip
    yield _judged(
        "broker.persistence", f"appendonly {append}", good=append == "yes", otherwise="warning",
        advice="set appendonly to yes: without it every message of a broker that restarts waits for the sweeper",
    )  # fmt: skip


def _redis_settings(client: Any) -> dict[str, str]:
    return {**client.config_get("maxmemory-policy"), **client.config_get("appendonly")}
