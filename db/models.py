"""What the library takes and returns: typed, frozen pydantic models. Units: seconds, Hz, bit/s, bytes."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from db.status import TrackStatus


class Frozen(BaseModel):
    """A result: it does not change after it was read."""

    model_config = ConfigDict(frozen=True)


class AudioTrack(Frozen):
    """A track as the database holds it."""

    id: UUID
    """The track: what events call ``audio_id``."""
    status: TrackStatus
    title: str | None = None
    """None only until the track is completed for the first time."""
    artist: str | None = None
    album: str | None = None
    genre: str | None = None
    year: int | None = None
    """1800 to 2100."""
    duration: float | None = None
    """Seconds."""
    channels: int | None = None
    """1 to 16."""
    sample_rate: int | None = None
    """Hz."""
    bitrate: int | None = None
    """bit/s."""
    format: str | None = None
    file_size: int | None = None
    """Bytes."""
    audio_path: str | None = None
    """A URI."""
    thumbnail_path: str | None = None
    """A URI."""
    retry_count: int = 0
    """How many attempts at the current event have failed."""
    error_code: str | None = None
    """What the last attempt failed with; only while FAILED."""
    error_message: str | None = None
    next_attempt_at: datetime | None = None
    """When a FAILED track is tried again by itself; None: it is not."""
    current_event_id: UUID | None = None
    """The event that was taken up last."""
    lease_token: UUID | None = None
    """The identity of the attempt that holds the track; only while PROCESSING."""
    lease_expires_at: datetime | None = None
    lease_owner: str | None = None
    """The process that holds the track."""
    applied_event_id: UUID | None = None
    """The event that the metadata is from; None if it was saved through the Python API."""
    applied_occurred_at: datetime | None = None
    """When that event happened: older ones change nothing any more."""
    created_at: datetime
    updated_at: datetime
    completed_at: datetime | None = None
    """When the track was completed last."""


class TrackPage(Frozen):
    """One page of a listing; ``total`` is exact, ``next_cursor`` is None on the last page."""

    tracks: tuple[AudioTrack, ...]
    total: int
    limit: int
    offset: int
    has_more: bool
    next_cursor: str | None = None


class BatchError(Frozen):
    """What is wrong with one item of a batch: its place, its id as given, every reason."""

    index: int
    audio_id: str | None
    message: str


class BatchResult(Frozen):
    """What became of a batch: all of it, or nothing and why."""

    success: bool
    count: int
    track_ids: tuple[UUID, ...] = ()
    errors: tuple[BatchError, ...] = ()


class HistoryEntry(Frozen):
    """One line of a track's history. ``from_status`` equals ``to_status`` where something was noted, not changed."""

    id: int
    audio_id: UUID
    from_status: TrackStatus | None
    to_status: TrackStatus
    attempt: int
    event_id: UUID | None
    worker: str | None
    error_code: str | None
    error_message: str | None
    at: datetime


Match = Literal["exact", "words", "prefix", "fuzzy"]


class SearchHit(Frozen):
    """A track that a search found; ``score`` is between 0 and 1, ``match`` says how it was found."""

    id: UUID
    artist: str | None
    title: str
    album: str | None
    genre: str | None
    year: int | None
    duration: float | None
    format: str | None
    audio_path: str
    score: float
    match: Match
    highlights: dict[str, str] | None = None


class FacetCount(Frozen):
    """How many of the hits have one value of a facet."""

    value: str
    count: int


class SearchPage(Frozen):
    """One page of hits, best first; ``total`` is at least that many where ``total_is_exact`` is False."""

    hits: tuple[SearchHit, ...]
    total: int
    total_is_exact: bool
    next_cursor: str | None = None
    facets: dict[str, tuple[FacetCount, ...]] = {}


class PoolStats(Frozen):
    """A pool's counters since it was opened; ``in_use`` and ``idle`` are as of now."""

    created: int
    closed: int
    failed: int
    waits: int
    wait_seconds: float
    timeouts: int
    in_use: int
    idle: int


class PoolHealth(Frozen):
    """Whether the database answers through the pool, and how quickly (seconds)."""

    healthy: bool
    error: str | None
    server_version: str | None
    is_replica: bool | None
    latency_seconds: float
    pool_size: int
    in_use: int
    max_size: int
    checked_at: datetime


class ExplainedTier(Frozen):
    """What one tier of a search did: what it asked the index, how many tracks it gave, how long it took (seconds)."""

    match: Match
    asked: tuple[str, ...]
    found: int
    stopped_at_cap: bool
    seconds: float


class SearchExplanation(Frozen):
    """How a query was understood, what each tier gave, and the page itself.

    ``required`` are groups of alternatives that all must match; ``corrections`` are what mistyped words may have meant.
    """

    text: str
    required: tuple[tuple[str, ...], ...]
    optional: tuple[str, ...]
    excluded: tuple[str, ...]
    filters: dict[str, str]
    corrections: dict[str, tuple[str, ...]]
    tiers: tuple[ExplainedTier, ...]
    timed_out: bool
    page: SearchPage


class SearchReason(Frozen):
    """Whether a query finds one track, how, and the reasons in sentences."""

    found: bool
    match: Match | None
    score: float | None
    reasons: tuple[str, ...]


class SearchDifference(Frozen):
    """A query that would be answered differently: the tracks on its first page, before and after."""

    query: str
    before: tuple[str, ...]
    after: tuple[str, ...]


class ReadModelLag(Frozen):
    """How far the read model is behind: completed tracks missing from it, and tracks folded by another version."""

    missing: int
    outdated: int
    folding_version: int
