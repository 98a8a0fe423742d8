"""What the tags of each format become in an event's metadata."""

import io
import os
from pathlib import Path

import pytest

from tests import audio
from worker.scan.tags import UnreadableError, read_tags
from worker.scan.thumbnails import PICTURE_MAX_BYTES, PictureFaultError, save_picture

PNG = b"\x89PNG\r\n\x1a\n" + bytes(50)


def tags_of(data, name="a.mp3", *, picture=False):
    return read_tags(Path(name), io.BytesIO(data), len(data), picture=picture)


@pytest.mark.parametrize(
    ("name", "data", "expected"),
    [
        ("a.mp3", audio.mp3(TIT2="Jóga", TPE1="Björk", TALB="Homogenic", TCON="Pop", TYER="1997"), "MP3"),
        ("a.flac", audio.flac(TITLE="Jóga", ARTIST="Björk", ALBUM="Homogenic", GENRE="Pop", DATE="1997"), "FLAC"),
        ("a.opus", audio.opus(TITLE="Jóga", ARTIST="Björk", ALBUM="Homogenic", GENRE="Pop", DATE="1997"), "OPUS"),
        (
            "a.m4a",
            audio.m4a(**{"©nam": "Jóga", "©ART": "Björk", "©alb": "Homogenic", "©gen": "Pop", "©day": "1997"}),
            "M4A",
        ),
    ],
    ids=["mp3", "flac", "opus", "m4a"],
)
def test_tags_become_metadata(name, data, expected):
    metadata = tags_of(data, name).metadata
    expected = {
        "title": "Jóga",
        "artist": "Björk",
        "album": "Homogenic",
        "genre": "Pop",
        "year": "1997",
        "format": expected,
    }
    assert expected.items() <= metadata.items()
    assert metadata["file_size"] == len(data)


def test_the_units_are_those_of_the_event():
    metadata = tags_of(audio.wav(), "a.wav").metadata
    assert metadata["duration"] == pytest.approx(0.05)  # seconds
    assert (metadata["sample_rate"], metadata["bitrate"], metadata["channels"]) == (8000, 128000, 1)
    assert metadata["format"] == "WAV"


def test_aiff_and_wma_are_read():
    assert tags_of(audio.aiff(NAME="One"), "a.aiff").metadata["title"] == "One"
    metadata = tags_of(audio.wma(title="One", artist="Somebody"), "a.wma").metadata
    assert (metadata["title"], metadata["artist"], metadata["format"]) == ("One", "Somebody", "WMA")


def test_a_file_without_a_title_is_called_by_its_name():
    metadata = tags_of(audio.mp3(TPE1="Björk"), "03 - Jóga.mp3").metadata
    assert (metadata["title"], metadata["title_from"]) == ("03 - Jóga", "file name")
    assert tags_of(audio.mp3(), os.fsdecode(b"J\xf3ga.mp3")).metadata["title"] == "J\ufffdga"


def test_the_artist_of_the_album_stands_in_for_one_that_is_missing():
    assert tags_of(audio.mp3(TPE2="Various")).metadata["artist"] == "Various"
    metadata = tags_of(audio.mp3(TPE1="Björk", TPE2="Various")).metadata
    assert (metadata["artist"], metadata["album_artist"]) == ("Björk", "Various")


def test_the_first_of_several_artists_is_the_artist_and_all_are_kept():
    metadata = tags_of(audio.mp3(TPE1="One\0Two")).metadata
    assert (metadata["artist"], metadata["artists"]) == ("One", ["One", "Two"])


def test_a_suffix_that_lies_does_not_hide_the_tags():
    assert tags_of(audio.flac(TITLE="One"), "a.wav").metadata["format"] == "FLAC"


def test_a_tag_without_audio_is_kept_and_neither_is_unreadable():
    assert tags_of(audio.id3v2({"TIT2": "One"})).metadata["title"] == "One"
    with pytest.raises(UnreadableError, match="neither audio nor a tag"):
        tags_of(b"<html>404 not found</html>")
    with pytest.raises(UnreadableError, match="Invalid WAV header"):
        tags_of(b"nothing", "a.wav")
    with pytest.raises(UnreadableError, match="its tags are damaged"):
        tags_of(b"fLaC" + b"\x04\0\0\0" * 5, "a.flac")


def test_a_size_that_makes_no_sense_is_damage_and_no_fault_of_the_disk(tmp_path):
    data = bytearray(audio.wma(title="One"))
    data[30:46] = bytes(16)  # an object that nobody knows is skipped by its size
    data[46:54] = b"\xff" * 7 + b"\x7f"
    path = tmp_path / "a.wma"
    path.write_bytes(data)
    with path.open("rb") as file, pytest.raises(UnreadableError, match="damaged"):
        read_tags(path, file, len(data), picture=False)


def test_over_long_texts_do_not_make_the_event_too_large():
    assert len(tags_of(audio.mp3(TIT2="x" * 300_000)).metadata["title"]) == 4000


def test_the_picture_is_only_read_when_asked_for():
    data = audio.with_picture(PNG)
    assert tags_of(data).picture is None
    assert tags_of(data, picture=True).picture == PNG


def test_the_same_picture_is_one_file(tmp_path):
    first, second = save_picture(PNG, tmp_path / "thumbnails"), save_picture(PNG, tmp_path / "thumbnails")
    assert first == second
    assert first.suffix == ".png"
    assert first.read_bytes() == PNG
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [first]


@pytest.mark.parametrize(
    ("picture", "reason"),
    [(b"<svg/>", "no JPEG, PNG, GIF or WebP"), (PNG + bytes(PICTURE_MAX_BYTES), "more than 16777216")],
)
def test_what_is_no_small_picture_is_left_out(tmp_path, picture, reason):
    with pytest.raises(PictureFaultError, match=reason):
        save_picture(picture, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_picture_that_cannot_be_written_is_left_out(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(PictureFaultError, match="cannot be written"):
        save_picture(PNG, tmp_path / "file")
