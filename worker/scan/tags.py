"""What the tags of one file say, as an event's metadata."""

import errno
import os
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from tinytag import TinyTag, TinyTagException

from worker.scan.identity import looks_like_audio

_TEXT_MAX = 4000
"""Characters kept of any text; the event cuts each to its column, this keeps the payload small."""
_FORMATS = {
    "audio/mpeg": "MP3",
    "audio/flac": "FLAC",
    "audio/ogg": "OGG",
    "audio/mp4": "M4A",
    "audio/wav": "WAV",
    "audio/aiff": "AIFF",
    "application/vnd.ms-asf": "WMA",
}
_OGG_CODECS = {"opus": "OPUS", "speex": "SPEEX", "flac": "FLAC"}
_MPEG_LAYERS = {".mp1": "MP1", ".mp2": "MP2"}


class UnreadableError(Exception):
    """A file cannot be read as audio; the message says why, in a few words."""


class Tags(NamedTuple):
    """An event's metadata, and the embedded picture, as bytes, where it was asked for and there is one."""

    metadata: dict[str, Any]
    picture: bytes | None


def read_tags(path: Path, file: BinaryIO, size: int, *, picture: bool) -> Tags:
    """Read the tags of an open file of ``size`` bytes; ``path`` gives the suffix, and the title where no tag does.

    Raises UnreadableError, OSError.
    """
    tag = _parse(path, file, picture=picture)
    metadata = _metadata(tag) | {"file_size": size}
    if len(metadata) == 1 and not looks_like_audio(file):
        raise UnreadableError("there is neither audio nor a tag in it")
    metadata["format"] = _format(tag.mime_type or "", path)
    if "title" not in metadata:
        metadata |= {"title": os.fsencode(path.stem).decode("utf-8", "replace"), "title_from": "file name"}
    image = tag.images.any if picture else None
    return Tags(metadata, image.data if image else None)


def _parse(path: Path, file: BinaryIO, *, picture: bool) -> TinyTag:
    try:
        return TinyTag.get(path, file, image=picture)
    except TinyTagException as error:
        file.seek(0)
        try:
            return TinyTag.get(None, file, image=picture)  # the suffix may lie: what does the file begin with?
        except TinyTagException:
            raise UnreadableError(_reason(error)) from error


def _reason(error: TinyTagException) -> str:
    cause = error.__cause__
    if isinstance(cause, OSError) and cause.errno != errno.EINVAL:  # that is a size that makes no sense
        raise cause
    if isinstance(cause, MemoryError):
        return "its tags claim to be larger than memory"
    message = " ".join(str(error).split()) or type(cause).__name__
    damaged = cause is not None and not isinstance(cause, TinyTagException)
    return f"its tags are damaged ({message})" if damaged else f"its tags cannot be read: {message}"


def _metadata(tag: TinyTag) -> dict[str, Any]:
    """Return what is known of a track; what a tag leaves empty is left out."""
    found = {
        "title": tag.title,
        "artist": tag.artist or tag.albumartist,
        "album": tag.album,
        "genre": tag.genre,
        "year": tag.year,
        "duration": tag.duration,
        "channels": tag.channels,
        "sample_rate": tag.samplerate,
        "bitrate": round(tag.bitrate * 1000) if tag.bitrate and abs(tag.bitrate) < 1e9 else None,  # noqa: PLR2004
        "album_artist": tag.albumartist,
        "composer": tag.composer,
        "track": tag.track,
        "track_total": tag.track_total,
        "disc": tag.disc,
        "disc_total": tag.disc_total,
    }
    metadata: dict[str, Any] = {
        name: value[:_TEXT_MAX] if isinstance(value, str) else value for name, value in found.items() if value
    }
    for name, first in (("artist", tag.artist), ("genre", tag.genre)):
        if first and (others := tag.other.get(name)):
            metadata[f"{name}s"] = [text[:_TEXT_MAX] for text in [first, *others][:20]]
    return metadata


def _format(mime_type: str, path: Path) -> str:
    kind, _, codec = mime_type.partition("; codecs=")
    if kind == "audio/ogg":
        return _OGG_CODECS.get(codec.strip('"'), "OGG")
    if kind == "audio/mpeg":
        return _MPEG_LAYERS.get(path.suffix.lower(), "MP3")
    return _FORMATS.get(kind) or path.suffix[1:].upper()
