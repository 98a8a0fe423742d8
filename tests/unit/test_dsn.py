"""Which database is meant, and how its address may be shown."""

import pytest
from psycopg2.extensions import parse_dsn

from db import ValidationError
from db.dsn import redacted, resolve

URL = "postgresql://u@h/d"


def test_a_parameter_goes_before_the_environment():
    assert resolve(URL, {"DATABASE_URL": "postgresql://other/d"}) == URL


def test_database_url_goes_before_its_parts():
    assert resolve(None, {"DATABASE_URL": URL, "DB_HOST": "elsewhere"}) == URL


def test_the_parts_make_a_connection_string():
    environ = {"DB_HOST": "h", "DB_PORT": "6432", "DB_NAME": "n", "DB_USER": "u", "DB_PASSWORD": "it's a \\ secret"}
    assert parse_dsn(resolve(None, environ)) == {
        "host": "h",
        "port": "6432",
        "dbname": "n",
        "user": "u",
        "password": "it's a \\ secret",
    }


def test_the_parts_have_defaults():
    assert parse_dsn(resolve(None, {"DB_HOST": "h"})) == {
        "host": "h",
        "port": "5432",
        "dbname": "tonearm",
        "user": "tonearm",
    }


def test_a_cloud_sql_instance_is_reached_by_its_socket():
    parts = parse_dsn(
        resolve(None, {"DB_CONNECTION_NAME": "project:region:name", "DB_HOST": "ignored", "DB_PORT": "1"})
    )
    assert parts["host"] == "/cloudsql/project:region:name"
    assert "port" not in parts


def test_without_any_address_it_says_what_to_set():
    with pytest.raises(ValidationError, match="set DATABASE_URL"):
        resolve(None, {"DB_NAME": "n"})


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://u:secret@h/d",
        "postgresql://u:secret@h/d?sslmode=require",
        "host=h password=secret dbname=d",
        "host=h PASSWORD=secret",
        r"host=h password = 'a \' secret' dbname=d",
        "postgresql://h/d?user=u&password=secret&x=1",
    ],
)
def test_a_password_is_never_shown(address):
    assert "secret" not in redacted(address)
    assert "***" in redacted(address)


def test_an_address_without_password_is_shown_as_it_is():
    assert redacted(URL) == URL
