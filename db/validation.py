"""The strict rules of the Python API: input is accepted as it is or refused with every reason, never mended.

What arrives in events is cleaned first, by the worker; a caller of this library is told instead. Each reason names the
field, the value and the rule. Nothing here reaches the database.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Final
from uuid import UUID

import pydantic
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from db import limits
from db.errors import ValidationError
from db.models import BatchError
from db.status import TrackStatus

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)
_SHOWN: Final = 80
BATCH_MAX: Final = 10_000
"""The most items of one batch: more would hold locks and memory for too long."""


def _uuid(value: object) -> UUID:
    if isinstance(value, UUID):
        return value
    if isinstance(value, str) and _UUID.fullmatch(value):
        return UUID(value)
    raise ValueError("should be a UUID, like 0190a5b2-6c1e-7c3a-9d4f-1b2c3d4e5f60")


def _storable(text: str) -> str:
    if "\0" in text:
        raise ValueError("should not contain NUL, which PostgreSQL cannot store")
    return text


def _not_blank(text: str) -> str:
    if not text.strip():
        raise ValueError("should not be blank")
    return text


def _uri(text: str) -> str:
    if not re.match(limits.PATH_PATTERN, text):
        raise ValueError("should be a URI with a scheme, like gs://bucket/a.mp3")
    return text


def _recordable(text: str) -> str:
    """Keep what an error says, whatever characters it came with: refusing it would lose the failure itself."""
    storable = text.replace("\0", "\\x00").encode("utf-8", "backslashreplace").decode()
    return limits.cut(storable, limits.ERROR_MESSAGE_MAX)


_Id = Annotated[UUID, BeforeValidator(_uuid)]
_Storable = AfterValidator(_storable)
_Path = Annotated[str, Field(max_length=limits.PATH_MAX), _Storable, AfterValidator(_uri)]


class _Strict(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, hide_input_in_errors=True)


class Metadata(_Strict):
    """What a track's tags and stream say; everything may be missing. Units: seconds, Hz, bit/s, bytes."""

    title: Annotated[str, Field(max_length=limits.TITLE_MAX), _Storable, AfterValidator(_not_blank)] | None = None
    artist: Annotated[str, Field(max_length=limits.ARTIST_MAX), _Storable] | None = None
    album: Annotated[str, Field(max_length=limits.ALBUM_MAX), _Storable] | None = None
    genre: Annotated[str, Field(max_length=limits.GENRE_MAX), _Storable] | None = None
    year: Annotated[int, Field(ge=limits.YEAR_MIN, le=limits.YEAR_MAX)] | None = None
    duration: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    channels: Annotated[int, Field(ge=limits.CHANNELS_MIN, le=limits.CHANNELS_MAX)] | None = None
    sample_rate: Annotated[int, Field(gt=0, le=limits.SAMPLE_RATE_MAX)] | None = None
    bitrate: Annotated[int, Field(gt=0, le=limits.BITRATE_MAX)] | None = None
    format: Annotated[str, Field(max_length=limits.FORMAT_MAX), _Storable] | None = None
    file_size: Annotated[int, Field(ge=0, le=limits.FILE_SIZE_MAX)] | None = None


class NewTrack(_Strict):
    """One track to be saved, accepted."""

    audio_id: _Id
    metadata: Metadata
    audio_path: _Path
    thumbnail_path: _Path | None = None


class StatusUpdate(_Strict):
    """One change of state to be made, accepted."""

    audio_id: _Id
    status: Annotated[TrackStatus, Field(strict=False)]
    error_code: Annotated[str, Field(max_length=limits.ERROR_CODE_MAX), _Storable] | None = None
    error_message: Annotated[str, AfterValidator(_recordable)] | None = None
    lease_token: _Id | None = None

    @pydantic.model_validator(mode="after")
    def _only_failures_have_errors(self) -> "StatusUpdate":
        given = [name for name in ("error_code", "error_message") if getattr(self, name) is not None]
        if given and self.status != TrackStatus.FAILED:
            raise ValueError(f"{' and '.join(given)}: only a track that becomes FAILED has one, not {self.status}")
        return self


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def _reason(error: Any, prefix: str) -> str:
    """Return one reason as a sentence: the field, the value, the rule."""
    path = [part for part in error["loc"] if isinstance(part, str)]
    field = path[-1] if path else prefix
    cause = (error.get("ctx") or {}).get("error")
    match error["type"]:
        case "missing":
            return f"{field}: is missing"
        case "extra_forbidden":
            return f"{field}: {_shown(error['input'])} is not a field that is known"
        case "model_type" | "invalid_key":
            rule = "should be a mapping with strings as keys"
        case "value_error" if not path:
            return str(cause)
        case "value_error":
            rule = str(cause)
        case "string_too_long":
            rule = f"has {len(error['input'])} characters and should have at most {error['ctx']['max_length']}"
        case _:
            rule = "should " + error["msg"].partition(" should ")[2] if " should " in error["msg"] else error["msg"]
    return f"{field}: {_shown(error['input'])} {rule}"


def _reasons(error: pydantic.ValidationError, prefix: str) -> list[str]:
    return [_reason(part, prefix) for part in error.errors(include_url=False)]


def _parse(model: type[_Strict], fields: object, prefix: str) -> Any:
    """Return the accepted model, or raise ValidationError with every reason."""
    if isinstance(fields, Mapping):
        fields = {key: dict(value) if isinstance(value, Mapping) else value for key, value in fields.items()}
    try:
        return model.model_validate(fields)
    except pydantic.ValidationError as error:
        raise ValidationError(_reasons(error, prefix)) from None


def track_id(value: object) -> UUID:
    """Return the id of a track. Raises ValidationError where ``value`` is none."""
    try:
        return _uuid(value)
    except ValueError as error:
        raise ValidationError(f"audio_id: {_shown(value)} {error}") from None


def track_ids(values: object) -> list[UUID]:
    """Return the ids of tracks. Raises ValidationError naming every value that is none."""
    if isinstance(values, str | bytes | Mapping) or not isinstance(values, Iterable):
        raise ValidationError(f"audio_ids: {_shown(values)} should be a sequence of UUIDs")
    accepted: list[UUID] = []
    reasons: list[str] = []
    for index, value in enumerate(values):
        try:
            accepted.append(_uuid(value))
        except ValueError as error:
            reasons.append(f"audio_ids[{index}]: {_shown(value)} {error}")
    if reasons:
        raise ValidationError(reasons)
    return accepted


def whole_number(name: str, value: object, lowest: int, highest: int) -> int:
    """Return ``value`` if it is an int within the range. Raises ValidationError otherwise."""
    if isinstance(value, bool) or not isinstance(value, int) or not lowest <= value <= highest:
        raise ValidationError(f"{name}: {_shown(value)} should be a whole number from {lowest} to {highest}")
    return value


def storable_text(value: object) -> str:
    """Return ``value`` if it is text that PostgreSQL can hold. Raises TypeError or ValueError otherwise."""
    if not isinstance(value, str):
        raise TypeError(f"{_shown(value)} is no text")
    value.encode()  # a lone surrogate has no UTF-8
    return _storable(value)


def new_track(fields: object) -> NewTrack:
    """Return a track to be saved. Raises ValidationError with every reason."""
    accepted: NewTrack = _parse(NewTrack, fields, "item")
    return accepted


def status_update(fields: object) -> StatusUpdate:
    """Return a change of state to be made. Raises ValidationError with every reason."""
    accepted: StatusUpdate = _parse(StatusUpdate, fields, "update")
    return accepted


def _batch(model: type[_Strict], items: object) -> tuple[list[Any], list[BatchError]]:
    if isinstance(items, str | bytes | Mapping) or not isinstance(items, Iterable):
        raise ValidationError(f"items: {_shown(items)} should be a sequence of mappings")
    given = list(items)
    if len(given) > BATCH_MAX:
        raise ValidationError(f"items: {len(given)} are too many for one batch; give at most {BATCH_MAX} at a time")
    accepted: list[Any] = []
    wrong: dict[int, list[str]] = {}
    for index, item in enumerate(given):
        try:
            accepted.append(_parse(model, item, "item"))
        except ValidationError as error:
            wrong[index] = list(error.reasons)
    for index, reason in _repeated(given):
        wrong.setdefault(index, []).append(reason)
    errors = [
        BatchError(index=index, audio_id=_id_as_given(given[index]), message="; ".join(wrong[index]))
        for index in sorted(wrong)
    ]
    return accepted, errors


def _id_as_given(item: object) -> str | None:
    value = item.get("audio_id") if isinstance(item, Mapping) else None
    return str(value) if isinstance(value, str | UUID) else None


def _repeated(items: list[object]) -> Iterable[tuple[int, str]]:
    """Yield every item whose track another item of the batch is for, with the reason."""
    ids = [(_id_as_given(item) or "").lower() for item in items]
    times = Counter(ids)
    for index, value in enumerate(ids):
        if value and times[value] > 1:
            yield index, f"audio_id: {value} is in this batch {times[value]} times; give each track once"


def new_tracks(items: object) -> tuple[list[NewTrack], list[BatchError]]:
    """Return the tracks of a batch that are accepted, and for every other item what is wrong with it."""
    return _batch(NewTrack, items)


def status_updates(updates: object) -> tuple[list[StatusUpdate], list[BatchError]]:
    """Return the changes of a batch that are accepted, and for every other item what is wrong with it."""
    return _batch(StatusUpdate, updates)
