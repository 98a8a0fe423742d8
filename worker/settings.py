"""Settings: the only reader of the environment. Built once by whoever starts a process, and passed on."""

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from db.dsn import resolve
from db.errors import MusicLibraryError, ValidationError
from worker.embedded import default_home, find_running


class ServiceNotConfiguredError(MusicLibraryError):
    """Nothing says where a service is, and no embedded one runs."""

    code = "not_configured"


_SECRETS = Path("/run/secrets")


class Settings(BaseSettings):
    """Tonearm's settings, each an environment variable of the same name in capitals. Times are in seconds.

    In a container, what is not in the environment may be a file of the setting's name in /run/secrets.
    """

    model_config = SettingsConfigDict(frozen=True, extra="ignore", secrets_dir=_SECRETS if _SECRETS.is_dir() else None)

    database_url: SecretStr | None = Field(None, description="PostgreSQL that holds the catalogue")
    read_database_url: SecretStr | None = Field(None, description="where to read and search instead, such as a replica")
    broker_url: SecretStr | None = Field(None, description="Celery's broker")
    sentinel_master: str = Field("mymaster", description="the master's name, where BROKER_URL names sentinels")
    sentinel_password: SecretStr | None = Field(None, description="what sentinels ask for, where they have a password")
    max_attempts: int = Field(5, ge=1, le=100, description="attempts that an event gets before its track stays FAILED")
    lease_seconds: float = Field(60.0, ge=2, le=3600, description="how long an attempt may hold a track")
    retry_base_seconds: float = Field(
        2.0, ge=0, le=3600, description="the first retry's longest wait; it doubles with each one"
    )
    sweep_interval_seconds: float = Field(3.0, gt=0, le=60, description="how often lost work is looked for")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", description="the least level that is logged"
    )
    log_format: Literal["auto", "json", "console"] = Field("auto", description="auto: JSON unless on a terminal")
    metrics_port: int | None = Field(None, ge=1, le=65535, description="port of the Prometheus endpoint; unset: none")
    tonearm_home: Path = Field(default_factory=default_home, description="where the embedded servers keep their data")
    tonearm_on_completed: str = Field(
        "", description="functions to call when a track is completed: `package.module:function`, with commas"
    )
    tonearm_on_failed: str = Field("", description="functions to call when an attempt has failed")
    tonearm_hook_seconds: float = Field(10.0, gt=0, le=600, description="how long such a call may take")
    db_host: str | None = Field(None, description="PostgreSQL's host, where DATABASE_URL is not set")
    db_port: int = Field(5432, description="PostgreSQL's port, beside DB_HOST")
    db_name: str = Field("tonearm", description="the database, beside DB_HOST")
    db_user: str = Field("tonearm", description="the user, beside DB_HOST")
    db_password: SecretStr | None = Field(None, description="the password, beside DB_HOST")
    db_connection_name: str | None = Field(None, description="a Cloud SQL instance, reached by its socket")

    def database(self) -> str:
        """Return the connection string to write to: what is set, else the embedded PostgreSQL that is running.

        Raises ServiceNotConfiguredError where there is neither.
        """
        if self.database_url:
            return _readable("DATABASE_URL", self.database_url)
        if self.db_host or self.db_connection_name:
            return resolve(environ=self._db_environ())
        running = find_running(self.tonearm_home)
        if running.database_url is None:
            raise ServiceNotConfiguredError(
                "no database is configured: set DATABASE_URL, or start the embedded PostgreSQL with `tonearm up`"
            )
        return running.database_url

    @property
    def names_database(self) -> bool:
        """Whether a database is configured; if none is, the embedded PostgreSQL is meant."""
        return bool(self.database_url or self.db_host or self.db_connection_name)

    def read_database(self) -> str:
        """Return the connection string to read from: the replica, if one is set."""
        return _readable("READ_DATABASE_URL", self.read_database_url) if self.read_database_url else self.database()

    def broker(self) -> str:
        """Return the broker's URL: what is set, else the embedded broker that is running.

        Raises ServiceNotConfiguredError where there is neither.
        """
        if self.broker_url:
            return self.broker_url.get_secret_value()
        running = find_running(self.tonearm_home)
        if running.broker_url is None:
            raise ServiceNotConfiguredError(
                "no broker is configured: set BROKER_URL, or start the embedded broker with `tonearm up`"
            )
        return running.broker_url

    def _db_environ(self) -> dict[str, str]:
        parts = {
            "DB_HOST": self.db_host,
            "DB_PORT": str(self.db_port),
            "DB_NAME": self.db_name,
            "DB_USER": self.db_user,
            "DB_PASSWORD": self.db_password.get_secret_value() if self.db_password else None,
            "DB_CONNECTION_NAME": self.db_connection_name,
        }
        return {key: value for key, value in parts.items() if value}

    @property
    def hard_time_limit(self) -> float:
        """Seconds after which Celery kills an attempt: below the lease, so that no live attempt outlives it."""
        return self.lease_seconds * 0.8

    @property
    def soft_time_limit(self) -> float:
        """Seconds after which an attempt is told to stop."""
        return self.lease_seconds * 0.6

    @property
    def statement_timeout(self) -> float:
        """Seconds after which PostgreSQL ends one statement of an attempt or a sweep."""
        return self.lease_seconds * 0.3

    @property
    def enqueue_grace(self) -> float:
        """Seconds that a message may take before its event counts as lost and is enqueued again."""
        return self.lease_seconds / 2


def _readable(name: str, url: SecretStr) -> str:
    try:
        return resolve(url.get_secret_value())
    except ValidationError as error:
        raise ServiceNotConfiguredError(f"{name}: {error}") from error
