"""The states of a track and the transitions between them: the one table that code and tests refer to."""

from enum import StrEnum


class TrackStatus(StrEnum):
    """Where a track stands.

    PENDING: an event for the track is stored and nobody works on it. An event for a new track brings it in, as does an
    attempt that gave back what it had claimed; a claim takes it out.

    PROCESSING: one attempt holds the track under a lease. A claim brings it in; completion, failure, a lease that
    runs out or a shutdown takes it out.

    COMPLETED: the metadata of the newest event is in and can be found. A completed attempt brings it in; only a newer
    event takes it out.

    FAILED: the last attempt failed. With ``next_attempt_at`` it is tried again by itself, without it is final until
    somebody retries it or a newer event arrives.
    """

    PENDING = "PENDING"
    PROCESSING = "PROCESSING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"


TRANSITIONS: dict[TrackStatus, frozenset[TrackStatus]] = {
    TrackStatus.PENDING: frozenset({TrackStatus.PROCESSING}),
    TrackStatus.PROCESSING: frozenset({TrackStatus.COMPLETED, TrackStatus.FAILED, TrackStatus.PENDING}),
    TrackStatus.COMPLETED: frozenset({TrackStatus.PROCESSING}),
    TrackStatus.FAILED: frozenset({TrackStatus.PROCESSING}),
}
"""From each state, the states that a track can go to. PostgreSQL holds the same pairs in a trigger (migration 0001)."""

INITIAL = TrackStatus.PENDING
"""The state that every track begins in."""


def sources_of(target: TrackStatus) -> frozenset[TrackStatus]:
    """Return the states from which a track can go to ``target``."""
    return frozenset(source for source, targets in TRANSITIONS.items() if target in targets)
