"""The limits that Python checks are those that PostgreSQL holds."""

import re
from uuid import uuid4

import pytest

from db import limits
from db.status import TRANSITIONS, TrackStatus
from tests.tracks import query


def test_text_columns_are_as_long_as_python_thinks(conn):
    sizes = query(
        conn,
        "SELECT column_name, character_maximum_length FROM information_schema.columns "
        "WHERE table_name = 'audio_tracks' AND character_maximum_length IS NOT NULL",
    )
    assert dict(sizes) == limits.TEXT_MAX


def check(conn, name):
    return query(conn, "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = %s", name)[0][0]


@pytest.mark.parametrize(
    ("constraint", "bounds"),
    [
        ("audio_tracks_year_range", (limits.YEAR_MIN, limits.YEAR_MAX)),
        ("audio_tracks_channels_range", (limits.CHANNELS_MIN, limits.CHANNELS_MAX)),
    ],
)
def test_ranges_are_as_wide_as_python_thinks(conn, constraint, bounds):
    assert tuple(int(number) for number in re.findall(r"\d+", check(conn, constraint))) == bounds


@pytest.mark.parametrize(
    ("column", "largest"),
    [
        ("sample_rate", limits.SAMPLE_RATE_MAX),
        ("bitrate", limits.BITRATE_MAX),
        ("file_size", limits.FILE_SIZE_MAX),
    ],
)
def test_the_largest_number_fits_its_column_and_no_larger_one(conn, column, largest):
    query(conn, f"INSERT INTO audio_tracks (id, {column}) VALUES (%s, %s)", uuid4(), largest)
    with pytest.raises(Exception, match="out of range"):
        query(conn, f"INSERT INTO audio_tracks (id, {column}) VALUES (%s, %s)", uuid4(), largest + 1)


def test_paths_follow_the_same_pattern(conn):
    assert limits.PATH_PATTERN in check(conn, "audio_tracks_audio_path_has_scheme")


def test_the_states_are_the_same(conn):
    assert set(re.findall(r"'([A-Z]+)'", check(conn, "audio_tracks_status_known"))) == set(TrackStatus)


def test_the_transitions_written_in_the_trigger_are_those_of_the_table(conn):
    (source,) = query(conn, "SELECT prosrc FROM pg_proc WHERE proname = 'audio_tracks_transition'")[0]
    pairs = re.findall(r"\('([A-Z]+)', '([A-Z]+)'\)", source)
    assert sorted(pairs) == sorted((source, target) for source in TRANSITIONS for target in TRANSITIONS[source])
