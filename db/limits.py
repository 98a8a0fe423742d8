"""The sizes and ranges of a track's fields, in one place for the Python API and for events.

They are those of the columns and CHECKs of migration 0001; a test compares the two. Lengths are in characters.
"""

from typing import Final

UNTITLED: Final = "Untitled"
"""The title of a track that came without one."""

TITLE_MAX: Final = 500
ARTIST_MAX: Final = 500
ALBUM_MAX: Final = 500
GENRE_MAX: Final = 200
FORMAT_MAX: Final = 50
PATH_MAX: Final = 2048
ERROR_CODE_MAX: Final = 100
ERROR_MESSAGE_MAX: Final = 2000

YEAR_MIN: Final = 1800
YEAR_MAX: Final = 2100
CHANNELS_MIN: Final = 1
CHANNELS_MAX: Final = 16
SAMPLE_RATE_MAX: Final = 2**31 - 1
"""Hz: the largest that the column holds."""
BITRATE_MAX: Final = 2**31 - 1
"""bit/s: the largest that the column holds."""
FILE_SIZE_MAX: Final = 2**63 - 1
"""Bytes: the largest that the column holds."""

PATH_PATTERN: Final = r"^[A-Za-z][A-Za-z0-9+.-]+://."
"""A URI with a scheme (RFC 3986, 3.1) and something behind it, as the CHECK on audio_path has it.

The scheme has at least two characters, so that ``C://music`` is not taken for one.
"""

TEXT_MAX: Final = {
    "title": TITLE_MAX,
    "artist": ARTIST_MAX,
    "album": ALBUM_MAX,
    "genre": GENRE_MAX,
    "format": FORMAT_MAX,
    "audio_path": PATH_MAX,
    "thumbnail_path": PATH_MAX,
    "error_code": ERROR_CODE_MAX,
    "error_message": ERROR_MESSAGE_MAX,
}
"""The largest length of each text column, by its name."""

PAGE_MAX: Final = 1000
"""The most tracks that one page of a listing holds."""

CUT_MARK: Final = "… [cut]"
"""What a shortened text ends with, so that nobody takes it for the whole."""


def cut(text: str, size: int) -> str:
    """Return ``text``, shortened to ``size`` characters with a mark at its end if it is longer."""
    return text if len(text) <= size else text[: size - len(CUT_MARK)] + CUT_MARK
