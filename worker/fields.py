"""The types of an event's fields: cleaned where that is needed, and taken as they are where it is not.

Most of what arrives needs no cleaning. What pydantic's own core accepts as clean is taken unchanged, at a fraction of
the cost of asking a cleaner in Python; everything else goes to the cleaner. A test compares the two.
"""

from typing import Annotated, Any

from pydantic import BeforeValidator, GetCoreSchemaHandler, WithJsonSchema
from pydantic_core import CoreSchema, core_schema

from db import limits
from worker.cleaning import (
    CLEAN_PATH_PATTERN,
    CLEAN_TEXT_PATTERN,
    clean_duration,
    clean_path,
    clean_text,
    clean_thumbnail,
    clean_whole,
    clean_year,
)


class _Clean:
    """Takes None, and what ``clean`` accepts, unchanged; the rest goes on to the cleaner.

    What is accepted here must be what the cleaner would return unchanged, without a note.
    """

    def __init__(self, clean: CoreSchema) -> None:
        self._clean = clean

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.union_schema([core_schema.none_schema(), self._clean, handler(source)], mode="left_to_right")


def _text(size: int) -> _Clean:
    return _Clean(core_schema.str_schema(strict=True, min_length=1, max_length=size, pattern=CLEAN_TEXT_PATTERN))


def _whole(low: int, high: int) -> _Clean:
    return _Clean(core_schema.int_schema(strict=True, ge=low, le=high))


_URI = core_schema.str_schema(strict=True, max_length=limits.PATH_MAX, pattern=CLEAN_PATH_PATTERN)
_TEXTS = WithJsonSchema({"type": ["string", "number", "null"]})
_WHOLES = WithJsonSchema({"type": ["integer", "string", "null"]})

Name = Annotated[str | None, BeforeValidator(clean_text), _text(limits.TITLE_MAX), _TEXTS]
Genre = Annotated[str | None, BeforeValidator(clean_text), _text(limits.GENRE_MAX), _TEXTS]
Format = Annotated[str | None, BeforeValidator(clean_text), _text(limits.FORMAT_MAX), _TEXTS]
Year = Annotated[int | None, BeforeValidator(clean_year), _whole(limits.YEAR_MIN, limits.YEAR_MAX), _WHOLES]
Channels = Annotated[
    int | None, BeforeValidator(clean_whole), _whole(limits.CHANNELS_MIN, limits.CHANNELS_MAX), _WHOLES
]
SampleRate = Annotated[int | None, BeforeValidator(clean_whole), _whole(1, limits.SAMPLE_RATE_MAX), _WHOLES]
Bitrate = Annotated[int | None, BeforeValidator(clean_whole), _whole(1, limits.BITRATE_MAX), _WHOLES]
FileSize = Annotated[int | None, BeforeValidator(clean_whole), _whole(0, limits.FILE_SIZE_MAX), _WHOLES]
Duration = Annotated[
    float | None,
    BeforeValidator(clean_duration),
    _Clean(core_schema.float_schema(strict=True, gt=0, lt=2.0**63, allow_inf_nan=False)),
    WithJsonSchema({"type": ["number", "string", "null"]}),
]
Path = Annotated[str, BeforeValidator(clean_path)]
Thumbnail = Annotated[
    str | None, BeforeValidator(clean_thumbnail), _Clean(_URI), WithJsonSchema({"type": ["string", "null"]})
]
