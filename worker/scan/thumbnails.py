"""The pictures inside audio files, written out as they are: never decoded, so that none can be a decompression bomb."""

import contextlib
import hashlib
import os
from pathlib import Path

PICTURE_MAX_BYTES = 16 * 1024 * 1024


class PictureFaultError(Exception):
    """An embedded picture is left out; the message says why."""


def thumbnails_directory(home: Path) -> Path:
    """Return where thumbnails are kept."""
    return home / "thumbnails"


def save_picture(picture: bytes, directory: Path) -> Path:
    """Write a picture, unless it is there already, and return where it is: the same picture is one file.

    Raises PictureFaultError where it is none or too large, or cannot be written.
    """
    if len(picture) > PICTURE_MAX_BYTES:
        raise PictureFaultError(f"the picture has {len(picture)} bytes, more than {PICTURE_MAX_BYTES}")
    name = hashlib.sha256(picture).hexdigest()[:40] + _suffix(picture)
    path = directory / name[:2] / name
    if path.exists():
        return path
    fresh = path.with_name(f".{name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh.write_bytes(picture)
        fresh.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            fresh.unlink()
        raise PictureFaultError(f"the picture cannot be written to {directory}: {error.strerror}") from error
    return path


def _suffix(picture: bytes) -> str:
    if picture.startswith(b"\xff\xd8\xff"):
        return ".jpg"
    if picture.startswith(b"\x89PNG\r\n\x1a\n"):
        return ".png"
    if picture.startswith((b"GIF87a", b"GIF89a")):
        return ".gif"
    if picture.startswith(b"RIFF") and picture[8:12] == b"WEBP":
        return ".webp"
    raise PictureFaultError("the picture is no JPEG, PNG, GIF or WebP")
