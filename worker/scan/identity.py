"""What a file is: a digest of its audio, which new tags leave alone, and one of everything.

The audio is found by walking the container, not by decoding: whatever is before, between and after it is taken to be
tags. Where no audio can be told apart, the whole file counts as audio, so that the file still has an identity.
"""

import hashlib
import struct
from collections.abc import Callable, Iterator
from typing import BinaryIO, NamedTuple

_CHUNK = 1 << 20
_ID3V1, _ID3V1_PLUS, _APE_FOOTER, _ID3V2_HEADER = 128, 227, 32, 10
_OGG_HEADER, _ASF_DATA_HEADER, _ASF_OBJECT_HEADER = 27, 50, 24
_HEAD = 12
"""Bytes that tell the formats apart."""
_ASF = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
_ASF_DATA = bytes.fromhex("3626b2758e66cf11a6d900aa0062ce6c")
_UNKNOWN_SIZE = 0xFFFFFFFF

Span = tuple[int, int]
"""Where a part of a file begins and where it ends, in bytes."""


class Digests(NamedTuple):
    """SHA-256 of the audio alone, and of the audio's and the rest's together: equal only for equal files."""

    audio: bytes
    content: bytes


def digests(file: BinaryIO, size: int) -> Digests:
    """Return the digests of an open file of ``size`` bytes, read once, in pieces. Raises OSError."""
    audio, rest = hashlib.sha256(), hashlib.sha256()
    at, heard = 0, 0
    for start, end in _audio(file, size):
        _feed(rest.update, file, at, start)
        _feed(audio.update, file, start, end)
        at, heard = end, heard + end - start
    if not heard:
        _feed(audio.update, file, 0, size)
    else:
        _feed(rest.update, file, at, size)
    return Digests(audio.digest(), hashlib.sha256(audio.digest() + rest.digest()).digest())


def looks_like_audio(file: BinaryIO) -> bool:
    """Whether a file begins as one of the formats does that tags are read from."""
    head = _at(file, 0, _HEAD)
    return head[:3] == b"ID3" or _is_mpeg(head) or _walker(head) is not None


def _feed(update: Callable[[bytes], None], file: BinaryIO, start: int, end: int) -> None:
    file.seek(start)
    left = end - start
    while left > 0 and (piece := file.read(min(left, _CHUNK))):
        update(piece)
        left -= len(piece)


def _at(file: BinaryIO, position: int, length: int) -> bytes:
    file.seek(position)
    return file.read(length)


def _audio(file: BinaryIO, size: int) -> Iterator[Span]:
    """Yield the spans that hold audio, in order, within the file and not overlapping."""
    start = _after_id3v2(file)
    if start >= size:
        return
    head = _at(file, start, _HEAD)
    walk = _walker(head)
    spans = walk(file, start, size) if walk else _mpeg(file, start, size) if start or _is_mpeg(head) else iter(())
    at = 0
    for begin, end in spans:
        begin, end = max(begin, at), min(end, size)  # noqa: PLW2901 - broken files say anything
        if begin < end:
            yield begin, end
            at = end


def _walker(head: bytes) -> Callable[[BinaryIO, int, int], Iterator[Span]] | None:
    if head.startswith(b"fLaC"):
        return _flac
    if head.startswith(b"OggS"):
        return _ogg
    if head[4:8] == b"ftyp":
        return _mp4
    if head[:4] in {b"RIFF", b"RF64"} and head[8:12] == b"WAVE":
        return _wave
    if head[:4] == b"FORM" and head[8:12] in {b"AIFF", b"AIFC"}:
        return _aiff
    return _asf if len(head) == _HEAD and _ASF.startswith(head) else None


def _is_mpeg(head: bytes) -> bool:
    return len(head) > 1 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0  # noqa: PLR2004 - the frame's sync bits


def _after_id3v2(file: BinaryIO) -> int:
    """Return where the ID3v2 tags at the beginning end (ID3v2.4.0 structure, 3.1): their sizes leave out bit 7."""
    at = 0
    while (head := _at(file, at, _ID3V2_HEADER))[:3] == b"ID3" and len(head) == _ID3V2_HEADER:
        a, b, c, d = head[6:10]
        footer = _ID3V2_HEADER if head[5] & 0x10 else 0
        at += _ID3V2_HEADER + (a << 21 | b << 14 | c << 7 | d) + footer
    return at


def _before_tags(file: BinaryIO, start: int, size: int) -> int:
    """Return where the tags begin that MPEG and FLAC files have at their end: ID3v1, Lyrics3 and APE, in any order."""
    end = size
    while start < end:
        tail = _at(file, max(start, end - _ID3V1_PLUS), min(_ID3V1_PLUS, end - start))
        if tail[-_ID3V1:-125] == b"TAG" and len(tail) >= _ID3V1:
            taken = _ID3V1
        elif tail[:4] == b"TAG+" and len(tail) == _ID3V1_PLUS:
            taken = _ID3V1_PLUS
        elif tail[-9:] == b"LYRICS200" and tail[-15:-9].isdigit():
            taken = int(tail[-15:-9]) + 15
        elif tail[-_APE_FOOTER:-24] == b"APETAGEX":
            length, _, flags = struct.unpack("<III", tail[-20:-8])
            taken = length + (_APE_FOOTER if flags & 0x80000000 else 0)
        else:
            break
        if not 0 < taken <= end - start:
            break
        end -= taken
    return end


def _mpeg(file: BinaryIO, start: int, size: int) -> Iterator[Span]:
    yield start, _before_tags(file, start, size)


def _flac(file: BinaryIO, start: int, size: int) -> Iterator[Span]:
    """Yield the frames: what follows the block of metadata that says that it is the last (RFC 9639, 8.1)."""
    at, last = start + 4, False
    while not last:
        head = _at(file, at, 4)
        if len(head) < 4:  # noqa: PLR2004 - a block's header
            return
        last = bool(head[0] & 0x80)
        at += 4 + int.from_bytes(head[1:])
    yield at, _before_tags(file, at, size)


def _ogg(file: BinaryIO, start: int, size: int) -> Iterator[Span]:
    """Yield what the pages hold from the first that has audio: its position is above 0 (RFC 3533, 6).

    Their headers are left out: they number the pages, and a longer comment renumbers them all.
    """
    at, heard = start, False
    while at < size:
        head = _at(file, at, _OGG_HEADER)
        if len(head) < _OGG_HEADER or head[:4] != b"OggS":
            return
        (position,) = struct.unpack("<q", head[6:14])
        heard = heard or position > 0
        lengths = file.read(head[26])
        body = at + _OGG_HEADER + len(lengths)
        at = body + sum(lengths)
        if heard:
            yield body, at


def _mp4(file: BinaryIO, start: int, size: int) -> Iterator[Span]:
    """Yield the bodies of the boxes named mdat (ISO 14496-12, 4.2)."""
    at = start
    while at < size:
        head = _at(file, at, 16)
        if len(head) < 8:  # noqa: PLR2004 - a box's header
            return
        length, body = int.from_bytes(head[:4]), at + 8
        if length == 1:
            length, body = int.from_bytes(head[8:16]), at + 16
        end = size if length == 0 else at + length
        if end < body:
            return
        if head[4:8] == b"mdat":
            yield body, end
        at = end


def _wave(file: BinaryIO, start: int, size: int) -> Iterator[Span]:
    return _chunks(file, start, size, big_endian=False, wanted=(b"fmt ", b"data"))


def _aiff(file: BinaryIO, start: int, size: int) -> Iterator[Span]:
    return _chunks(file, start, size, big_endian=True, wanted=(b"COMM", b"SSND"))


def _chunks(file: BinaryIO, start: int, size: int, *, big_endian: bool, wanted: tuple[bytes, bytes]) -> Iterator[Span]:
    """Yield the chunks that say how the samples are stored, and the samples, where there are any."""
    described, sampled = wanted
    spans: list[Span] = []
    heard, at = False, start + 12
    while at < size:
        head = _at(file, at, 8)
        if len(head) < 8:  # noqa: PLR2004 - a chunk's header
            break
        length = int.from_bytes(head[4:], "big" if big_endian else "little")
        end = size if length == _UNKNOWN_SIZE else at + 8 + length
        if head[:4] in {described, sampled}:
            spans.append((at + 8, end))
            heard = heard or (head[:4] == sampled and length > 0)
        at = end + length % 2
    return iter(spans if heard else ())


def _asf(file: BinaryIO, start: int, size: int) -> Iterator[Span]:
    """Yield the packets of the data object (ASF specification, 5.1)."""
    at = start
    while at < size:
        head = _at(file, at, _ASF_OBJECT_HEADER)
        if len(head) < _ASF_OBJECT_HEADER:
            return
        (length,) = struct.unpack("<Q", head[16:])
        if length < _ASF_OBJECT_HEADER:
            return
        if head.startswith(_ASF_DATA):
            yield at + _ASF_DATA_HEADER, at + length
        at += length
