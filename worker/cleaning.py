"""What tag readers really emit, made fit to store. A field that cannot be true is left out, and a note says so.

Each cleaner takes what was sent and returns the value to store, or None; what it changed goes into the notes, which
pydantic carries as the validation context: a list of strings, one per change.
"""

import math
import re
import unicodedata
from typing import Any

from pydantic import ValidationInfo

from db import limits
from db.limits import PATH_MAX, PATH_PATTERN, TEXT_MAX, YEAR_MAX, YEAR_MIN

_UNWANTED = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufeff\ufffe\uffff\ud800-\udfff]")
_BREAKS = re.compile(r"[\t\n\r\u2028\u2029]+")
_YEAR = re.compile(r"\s*(\d{4})(?:[-/.T ].*)?\s*", re.DOTALL)
_SPACE = (
    " \t\u00a0\u1680\u180e\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u200b"
    "\u202f\u205f\u2060\u3000"
)
"""Every space of Unicode, and those without a width; inside a name they may matter, around it they do not."""
_UNCLEAN = "\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff"
CLEAN_TEXT_PATTERN = f"^[^{_UNCLEAN}{_SPACE}]([^{_UNCLEAN}]*[^{_UNCLEAN}{_SPACE}])?$"
"""Text that clean_text returns unchanged, for pydantic's engine of regular expressions, which knows no surrogates."""
CLEAN_PATH_PATTERN = f"{PATH_PATTERN[:-1]}([^{_UNCLEAN}]*[^{_UNCLEAN}\\s])$"
"""A URI that path_faults accepts unchanged."""
_SHOWN = 60


def _note(info: ValidationInfo, text: str) -> None:
    if isinstance(info.context, list):
        info.context.append(f"{info.field_name} {text}")


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"


def _left_out(info: ValidationInfo, value: object, why: str) -> None:
    _note(info, f"left out: {_shown(value)} {why}")


def clean_text(value: Any, info: ValidationInfo) -> str | None:
    """Return text without NULs, control characters, BOMs, lone surrogates and surrounding space, cut to its column."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        _left_out(info, value, "is not text")
        return None
    text = value if isinstance(value, str) else str(value)
    if not (text.isascii() and text.isprintable()):
        kept = _UNWANTED.sub("", _BREAKS.sub(" ", text))
        if kept != text:
            _note(info, "cleaned of control characters")
            text = kept
    stripped = text.strip(_SPACE)
    if len(stripped) != len(text):
        _note(info, "cleaned of surrounding space")
    if not stripped:
        return None
    size = TEXT_MAX[info.field_name or "title"]
    if len(stripped) > size:
        _note(info, f"cut from {len(stripped)} to {size} characters")
        # A combining mark that lost its base by the cut would attach to whatever is shown after it.
        stripped = stripped[:size]
        while unicodedata.combining(stripped[-1]) and len(stripped) > 1:
            stripped = stripped[:-1]
        stripped = stripped.rstrip()
    return stripped


def clean_year(value: Any, info: ValidationInfo) -> int | None:
    """Return the year of a number, "1997" or a date that begins with it; 0 means that none is known."""
    if value is None or isinstance(value, bool):
        return None
    if isinstance(value, str):
        match = _YEAR.fullmatch(value)
        if match is None:
            if value.strip(" 0-\0"):
                _left_out(info, value, "is not a year")
            return None
        year = int(match[1])
    else:
        number = _number(value)
        if number is None or number != int(number):
            _left_out(info, value, "is not a year")
            return None
        year = int(number)
    if year == 0:
        return None
    if not YEAR_MIN <= year <= YEAR_MAX:
        _left_out(info, value, f"is not between {YEAR_MIN} and {YEAR_MAX}")
        return None
    return year


def clean_duration(value: Any, info: ValidationInfo) -> float | None:
    """Return a positive, finite number of seconds."""
    if value is None:
        return None
    number = _number(value)
    if number is None or number <= 0:
        _left_out(info, value, "is not a positive number")
        return None
    return number


def clean_whole(value: Any, info: ValidationInfo) -> int | None:
    """Return a whole number within the field's range: channels 1 to 16, rates positive, sizes not negative."""
    if value is None:
        return None
    number = _number(value)
    low, high = _RANGES[info.field_name or ""]
    if number is None or not low <= number <= high:
        _left_out(info, value, f"is not a whole number from {low} to {high}")
        return None
    if number != int(number):
        _note(info, f"rounded from {_shown(value)}")
    return round(number)


def clean_thumbnail(value: Any, info: ValidationInfo) -> str | None:
    """Return a URI with a scheme, or None."""
    if value is None or value == "":
        return None
    if not isinstance(value, str) or path_faults(value):
        _left_out(info, value, "is not a URI with a scheme")
        return None
    return value.strip()


def clean_path(value: Any) -> Any:
    """Return a URI without surrounding space. Raises ValueError for text that is none; what is no text is not its."""
    if not isinstance(value, str):
        return value
    fault = path_faults(value)
    if fault:
        raise ValueError(fault)
    return value.strip()


def path_faults(value: str) -> str | None:
    """Return what keeps a text from being a storable URI, or None."""
    text = value.strip()
    if not re.match(PATH_PATTERN, text):
        return "is not a URI with a scheme, such as gs://bucket/a.mp3"
    if len(text) > PATH_MAX:
        return f"has {len(text)} characters, more than {PATH_MAX}"
    if _UNWANTED.search(text) or _BREAKS.search(text):
        return "contains control characters"
    return None


_RANGES: dict[str, tuple[int, int]] = {
    "channels": (limits.CHANNELS_MIN, limits.CHANNELS_MAX),
    "sample_rate": (1, limits.SAMPLE_RATE_MAX),
    "bitrate": (1, limits.BITRATE_MAX),
    "file_size": (0, limits.FILE_SIZE_MAX),
}


def _number(value: Any) -> float | int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        try:
            value = float(value) if not value.strip().isdecimal() else int(value)
        except ValueError:
            return None
    if isinstance(value, int):
        return value if abs(value) < 2**63 else None
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return None
