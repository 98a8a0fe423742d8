"""A file's digests: tags leave the audio's alone in every format, and no bytes are too broken to have one."""

import hashlib
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tinytag import TinyTag

from tests import audio
from worker.scan.identity import digests

LONG = "long " * 30_000
RETAGGED = {
    "mp3": (audio.mp3(TIT2="One"), audio.mp3(TIT2=LONG)),
    "mp3 without a tag": (audio.mpeg(), audio.mp3(TIT2="One")),
    "mp3, ID3v1": (audio.mpeg(), audio.mpeg() + audio.id3v1("One")),
    "mp3, APE and ID3v1": (audio.mpeg() + audio.ape(), audio.mpeg() + audio.ape("louder") + audio.id3v1()),
    "mp3, two ID3v2 tags": (audio.mpeg(), audio.id3v2({"TIT2": "a"}) + audio.id3v2({"TIT2": "b"}) + audio.mpeg()),
    "mp3, Lyrics3": (audio.mpeg(), audio.mpeg() + b"LYRICSBEGIN" + b"x" * 9 + b"000020LYRICS200" + audio.id3v1()),
    "flac": (audio.flac(TITLE="One"), audio.flac(TITLE=LONG, padding=4096)),
    "flac behind ID3v2": (audio.flac(TITLE="One"), audio.id3v2({"TIT2": "Two"}) + audio.flac(TITLE="Two")),
    "opus": (audio.opus(TITLE="One"), audio.opus(TITLE=LONG)),
    "wav": (audio.wav(), audio.wav(INAM="Two")),
    "wav, ID3 in front": (audio.wav(), audio.id3v2({"TIT2": "Two"}) + audio.wav()),
    "aiff": (audio.aiff(NAME="One"), audio.aiff(NAME="A longer one")),
    "m4a": (audio.m4a(**{"©nam": "One"}), audio.m4a(**{"©nam": LONG}, free=1000)),
    "wma": (audio.wma(title="One"), audio.wma(title="A longer one", artist="Somebody")),
}
SOUNDS = {
    "mp3": audio.mp3,
    "flac": audio.flac,
    "opus": audio.opus,
    "wav": audio.wav,
    "aiff": audio.aiff,
    "m4a": audio.m4a,
    "wma": audio.wma,
}


def digests_of(data):
    # Buffered as a file is: unlike BytesIO it refuses to read less than nothing.
    return digests(io.BufferedReader(io.BytesIO(data)), len(data))


@pytest.mark.parametrize("name", RETAGGED)
def test_tags_change_the_content_and_not_the_audio(name):
    before, after = (digests_of(data) for data in RETAGGED[name])
    assert before.audio == after.audio
    assert before.content != after.content


@pytest.mark.parametrize("make", SOUNDS.values(), ids=list(SOUNDS))
def test_another_sound_is_another_audio(make):
    assert digests_of(make(b"a")).audio != digests_of(make(b"b")).audio
    assert digests_of(make(b"a")) == digests_of(make(b"a"))


@pytest.mark.parametrize("make", SOUNDS.values(), ids=list(SOUNDS))
def test_the_files_that_these_tests_make_are_audio_to_the_tag_reader(make):
    assert TinyTag.get(file_obj=io.BytesIO(make())).mime_type


def test_what_is_no_audio_counts_as_a_whole():
    for data in (b"not audio at all", b"\xff", b"ID3", audio.wav()[:40], audio.m4a()[:30]):
        assert digests_of(data).audio == hashlib.sha256(data).digest()


@pytest.mark.parametrize("make", SOUNDS.values(), ids=list(SOUNDS))
def test_a_file_may_end_anywhere(make):
    data = make()
    seen = {digests_of(data[:length]).content for length in range(len(data))}
    assert len(seen) == len(data)


@settings(max_examples=300)
@given(st.sampled_from(list(SOUNDS.values())), st.data())
def test_any_bytes_may_be_broken(make, data):
    broken = bytearray(make())
    for _ in range(data.draw(st.integers(1, 8))):
        # Mostly where the lengths are.
        end = data.draw(st.sampled_from([12, 60, len(broken)]))
        broken[data.draw(st.integers(0, end - 1))] = data.draw(st.sampled_from([0, 1, 0x7F, 0x80, 0xFF]))
    whole = bytes(broken)
    assert digests_of(whole).content != digests_of(whole + b"more").content


def test_a_block_that_claims_to_be_longer_than_the_file_hides_the_audio():
    broken = bytearray(audio.flac())
    broken[5:8] = b"\xff\xff\xff"
    broken[4] |= 0x80
    assert digests_of(bytes(broken)).audio == hashlib.sha256(broken).digest()


def test_chunks_that_claim_to_be_endless_end_with_the_file():
    stream = bytearray(audio.wav())
    stream[40:44] = b"\xff\xff\xff\xff"  # what a program writes that does not know yet how much will follow
    assert digests_of(bytes(stream)).audio == digests_of(audio.wav()).audio
