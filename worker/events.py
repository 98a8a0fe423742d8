"""AudioProcessed: the message contract, version 1. Lenient with tags, strict with identity (docs/events.md)."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any, Literal, NamedTuple
from uuid import UUID, uuid5

import pydantic
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from pydantic_core import PydanticSerializationError, from_json, to_json

from db.errors import MusicLibraryError
from db.limits import PATH_MAX, PATH_PATTERN
from worker import fields

PAYLOAD_MAX_BYTES = 256 * 1024
BATCH_MAX = 1000
"""The most events that one batch message may hold."""

_PATH_PATTERN_FOR_SENDERS = PATH_PATTERN.removesuffix(".") + r"[^\u0000-\u001f\u007f-\u009f]+$"
_NAMESPACE = UUID("6f0e6f2b-3c9c-5d0e-9d1e-7a6f6e656172")
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_STAND_IN = "\x01"
"""What jsonb cannot hold is stored as a control character that it can, so that a cleaner still sees and notes it."""


class InvalidEventError(MusicLibraryError):
    """What arrived is no event; ``reasons`` says everything that is wrong, ``raw`` is its JSON text as received."""

    code = "invalid_event"

    def __init__(self, reasons: list[str], raw: str) -> None:
        self.reasons, self.raw = reasons, raw
        super().__init__("; ".join(reasons))


class Metadata(BaseModel):
    """What the tags say. Every field may be missing; one that cannot be true is left out, the track is kept."""

    model_config = ConfigDict(extra="allow", frozen=True)

    title: fields.Name = Field(None, description="cut at 500 characters; “Untitled” where there is none")
    artist: fields.Name = Field(None, description="cut at 500 characters")
    album: fields.Name = Field(None, description="cut at 500 characters")
    genre: fields.Genre = Field(None, description="cut at 200 characters")
    year: fields.Year = Field(None, description="1800 to 2100; a date counts as its year, 0 as unknown")
    duration: fields.Duration = Field(None, description="seconds, positive")
    channels: fields.Channels = Field(None, description="1 to 16")
    sample_rate: fields.SampleRate = Field(None, description="Hz")
    bitrate: fields.Bitrate = Field(None, description="bit/s")
    format: fields.Format = Field(None, description="such as MP3; cut at 50 characters")
    file_size: fields.FileSize = Field(None, description="bytes")


class AudioProcessed(BaseModel):
    """An upload service has processed an audio file. Unknown fields are allowed and kept."""

    model_config = ConfigDict(extra="allow", frozen=True)

    schema_version: Literal[1] = Field(1, description="the version of this contract")
    event_id: UUID | None = Field(None, description="made from the event's content where it is missing")
    audio_id: UUID = Field(description="the track")
    occurred_at: AwareDatetime | None = Field(
        None, description="when it happened (RFC 3339); the newest event of a track wins; now where it is missing"
    )
    audio_path: fields.Path = Field(
        description="a URI with a scheme: gs, s3, https, file …",
        json_schema_extra={"pattern": _PATH_PATTERN_FOR_SENDERS, "maxLength": PATH_MAX},
    )
    thumbnail_path: fields.Thumbnail = Field(None, description="a URI with a scheme")
    metadata: Metadata = Field(default_factory=Metadata)


class Event(NamedTuple):
    """A parsed event: who it is, what to store of it, and what was cleaned."""

    event_id: UUID
    audio_id: UUID
    occurred_at: datetime
    model: AudioProcessed
    payload: bytes
    notes: list[str]

    def as_sent(self) -> dict[str, Any]:
        """Return the stored payload as the object that messages carry."""
        payload: dict[str, Any] = from_json(self.payload)
        return payload

    def inbox_row(self) -> bytes:
        """Return the event as the JSON object that db.write.inbox.store_events takes."""
        return b'{"event_id":"%s","audio_id":"%s","occurred_at":"%s","audio_path":%s,"payload":%s}' % (
            str(self.event_id).encode(),
            str(self.audio_id).encode(),
            self.occurred_at.isoformat().encode(),
            to_json(self.model.audio_path),
            self.payload,
        )

    def completion(self) -> dict[str, Any]:
        """Return what db.write.transitions.complete takes for this event."""
        metadata = self.model.metadata
        item: dict[str, Any] = {name: getattr(metadata, name) for name in _METADATA_FIELDS}
        item["title"] = item["title"] or "Untitled"
        return item | {
            "id": self.audio_id,
            "event_id": self.event_id,
            "occurred_at": self.occurred_at,
            "audio_path": self.model.audio_path,
            "thumbnail_path": self.model.thumbnail_path,
        }


_METADATA_FIELDS = tuple(Metadata.model_fields)


def parse_event(raw: object) -> Event:
    """Parse what arrived as an event. Raises InvalidEventError, with every reason, if it is none."""
    payload, sent = _storable(raw)
    if not isinstance(sent, dict):
        raise InvalidEventError([f"an event is a JSON object, not {_json_type(sent)}"], payload.decode())
    if len(payload) > PAYLOAD_MAX_BYTES:
        raise InvalidEventError(
            [f"the payload has {len(payload)} bytes, more than {PAYLOAD_MAX_BYTES}"], payload.decode()
        )
    notes: list[str] = []
    try:
        model = AudioProcessed.model_validate(_with_utc(sent), context=notes)
        occurred_at = (model.occurred_at or datetime.now(UTC)).astimezone(UTC)
    except pydantic.ValidationError as error:
        reasons = [f"{'.'.join(map(str, fault['loc']))}: {_reason(fault)}" for fault in error.errors()]
        raise InvalidEventError(reasons, payload.decode()) from error
    except OverflowError as error:
        raise InvalidEventError(["occurred_at: is out of range"], payload.decode()) from error
    event_id = model.event_id or _event_id(sent)
    if model.event_id is None or model.occurred_at is None:
        # What is stored says all that a replay needs, so that it is the same event at the same time again.
        payload = to_json({**sent, "event_id": event_id, "occurred_at": occurred_at}, inf_nan_mode="null")
    return Event(event_id, model.audio_id, occurred_at, model, payload, notes)


@cache
def json_schema() -> dict[str, Any]:
    """Return the contract as a JSON Schema (draft 2020-12)."""
    schema = AudioProcessed.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def _storable(raw: object) -> tuple[bytes, object]:
    """Return the JSON text of what arrived, and what it says, both in characters that PostgreSQL's jsonb can hold."""
    try:
        payload = to_json(raw, inf_nan_mode="null")
    except (PydanticSerializationError, UnicodeEncodeError, ValueError):
        payload = b"\\u0000"
    if b"\\u0000" in payload:
        raw = _in_storable_characters(raw)
        payload = to_json(raw, inf_nan_mode="null")
    return payload, raw


def storable_text(text: str) -> str:
    """Return a text in characters that PostgreSQL can hold."""
    return _UNSTORABLE.sub(_STAND_IN, text)


def _in_storable_characters(value: object) -> object:
    if isinstance(value, str):
        return storable_text(value)
    if isinstance(value, Mapping):
        return {storable_text(str(key)): _in_storable_characters(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_in_storable_characters(item) for item in value]
    return value


def _with_utc(sent: dict[str, Any]) -> dict[str, Any]:
    """Read a time without a zone as UTC: many tag and upload tools write none."""
    occurred_at = sent.get("occurred_at")
    if isinstance(occurred_at, str):
        try:
            parsed = datetime.fromisoformat(occurred_at)
        except ValueError:
            return sent  # pydantic says what is wrong with it
        if parsed.tzinfo is None:
            return {**sent, "occurred_at": parsed.replace(tzinfo=UTC)}
    return sent


def _event_id(sent: dict[str, Any]) -> UUID:
    """Make the id from the content: the same event sent twice is the same event, in whatever order its keys are."""
    content = {key: value for key, value in sent.items() if key != "event_id"}
    return uuid5(_NAMESPACE, to_json(_sorted(content), inf_nan_mode="null").decode())


def _sorted(value: object) -> object:
    if isinstance(value, dict):
        return {key: _sorted(value[key]) for key in sorted(value)}
    return [_sorted(item) for item in value] if isinstance(value, list) else value


def _reason(fault: Any) -> str:
    shown = repr(fault["input"])
    message = fault["msg"].removeprefix("Value error, ")
    if fault["type"] == "missing":
        return "is missing"
    return f"{message} (got {shown if len(shown) <= 100 else shown[:100] + '…'})"  # noqa: PLR2004 - readable at a glance


def _json_type(value: object) -> str:
    names = {str: "a string", list: "an array", bool: "a boolean", int: "a number", float: "a number"}
    return "null" if value is None else names.get(type(value), type(value).__name__)


def parse_json(text: str | bytes) -> Event:
    """Parse one JSON text, such as a line of a file, as an event. Raises InvalidEventError."""
    try:
        raw = from_json(text)
    except ValueError as error:
        kept = text if isinstance(text, str) else text.decode("utf-8", "replace")
        raise InvalidEventError([f"not JSON: {error}"], storable_text(kept)) from error
    return parse_event(raw)
