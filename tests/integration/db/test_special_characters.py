"""Whatever can be written is stored, listed and found as it was written; what cannot be is refused, not mangled."""

import pytest

from db import (
    TrackStatus,
    ValidationError,
    get_all_audio_metadata,
    get_audio_metadata_by_id,
    mark_as_failed,
    save_audio_metadata_batch,
    update_processing_status_batch,
)
from tests.tracks import findable, query, saved, track_in

SAMPLES = {
    "quotes": "O'Brien \"the\" ''double'' `tick` $tag$ $1 E'\\n'",
    "backslashes": "\\ \\\\ \\n \\x41 \\u0041 \\'",
    "format specifiers": "%s %(title)s %% %d {0} {title} {{}} %",
    "SQL": "'); DROP TABLE audio_tracks; --",
    "SQL comments": "/* -- */ -- */",
    "like patterns": "100% _under_ \\%",
    "tsquery": "a & b | !c <-> d:* ('e')",
    "controls": "bell\a tab\t newline\n return\r escape\x1b delete\x7f",
    "right to left": "שלום عليكم \u202eoverride\u202c \u200fmark",
    "combining": "e\u0301 o\u0308\u0323 Z̸̡̢̛̗a̷͔l̶͇g̵o̷",
    "composed and decomposed": "\u00e9 e\u0301 Å \u212b A\u030a",
    "emoji": "👩\u200d👩\u200d👧 🏳\ufe0f\u200d🌈 👍🏽 🇮🇸 1\ufe0f\u20e3",
    "four bytes": "𝄞 𠜎 𓂀 😀",
    "widths and spaces": "ﾊﾝｶｸ \uff26\uff35\uff2c\uff2c \u3000\u2003\u00a0\u200b\ufeff end",
    "not characters": "\ufffe\uffff\U0010ffff\ufdd0",
    "JSON": '{"a": [1, null], "b": "\\u0000"}',
    "case folding": "İstanbul ẞ ß ŉ ǰ ΐ ﬃ",
    "a CR LF injection": "a\r\nSet-Cookie: x",
    "Zero width joiners": "\u200d\u200c\u2060",
    "private use": "\ue000\U000f0000\U00100000",
}


def planes():
    """Yield a text for each Unicode plane: storable characters from all over it."""
    for plane in range(17):
        points = range(plane << 16, (plane + 1) << 16, 331)
        text = "".join(chr(point) for point in points if point and not 0xD800 <= point <= 0xDFFF)
        yield plane, text


@pytest.mark.parametrize("sample", SAMPLES.values(), ids=SAMPLES)
def test_a_sample_survives_every_field_and_every_way_back(conn, sample):
    track = saved(conn, title=sample, artist=sample, album=sample, genre=sample, format=sample[:50])
    for found in (
        track,
        get_audio_metadata_by_id(conn, track.id),
        get_all_audio_metadata(conn, order_by="title").tracks[0],
    ):
        assert (found.title, found.artist, found.album, found.genre, found.format) == (*[sample] * 4, sample[:50])
    assert findable(conn, track.id) == sample
    failed = mark_as_failed(conn, track_in(conn, TrackStatus.PROCESSING), sample, error_code=sample[:100])
    assert (failed.error_message, failed.error_code) == (sample, sample[:100])


def test_every_plane_of_unicode_is_stored_as_given(conn):
    items = [
        {
            "audio_id": f"00000000-0000-0000-0000-0000000000{plane:02x}",
            "metadata": {"title": "".join(part), "artist": f"plane {plane}"},
            "audio_path": "gs://bucket/" + "".join(part),
        }
        for plane, text in planes()
        for part in [text[:500]]
    ]
    assert save_audio_metadata_batch(conn, items).success
    for item in items:
        track = get_audio_metadata_by_id(conn, item["audio_id"])
        assert (track.title, track.audio_path) == (item["metadata"]["title"], item["audio_path"])


def test_every_single_character_of_the_basic_plane_is_stored_or_refused_as_python_sees_it(conn):
    """In pieces of the largest title, and compared on the server, so that no codec on the way can mend it."""
    characters = [chr(point) for point in range(1, 0x10000) if not 0xD800 <= point <= 0xDFFF]
    pieces = ["x" + "".join(characters[at : at + 499]) for at in range(0, len(characters), 499)]
    items = [
        {"audio_id": f"00000000-0000-0000-0000-{n:012x}", "metadata": {"title": piece}, "audio_path": "gs://b/a"}
        for n, piece in enumerate(pieces)
    ]
    assert save_audio_metadata_batch(conn, items).success
    stored = query(conn, "SELECT convert_to(title, 'UTF8') FROM audio_tracks ORDER BY id")
    assert [bytes(row[0]) for row in stored] == [piece.encode() for piece in pieces]


@pytest.mark.parametrize("text", ["\0", "a\0", "\ud800", "a\udfffb"], ids=ascii)
@pytest.mark.parametrize("field", ["title", "artist", "album", "genre", "format"])
def test_what_postgresql_cannot_hold_is_refused_by_name(conn, field, text):
    with pytest.raises(ValidationError, match=f"{field}: "):
        saved(conn, **{field: text})
    assert query(conn, "SELECT count(*) FROM audio_tracks") == [(0,)]


def test_an_error_message_that_postgresql_cannot_hold_is_kept_readable(conn):
    failed = mark_as_failed(conn, track_in(conn, TrackStatus.PROCESSING), "bad tag: a\0b \ud800")
    assert failed.error_message == "bad tag: a\\x00b \\ud800"


def test_messages_in_batches_are_data_too(conn):
    ids = [track_in(conn, TrackStatus.PROCESSING) for _ in SAMPLES]
    updates = [
        {"audio_id": one, "status": "FAILED", "error_message": text}
        for one, text in zip(ids, SAMPLES.values(), strict=True)
    ]
    assert update_processing_status_batch(conn, updates).success
    for one, text in zip(ids, SAMPLES.values(), strict=True):
        assert get_audio_metadata_by_id(conn, one).error_message == text
