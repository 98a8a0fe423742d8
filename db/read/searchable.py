"""Whether a track can be found, and why."""

from typing import NamedTuple

from db.folding import FOLDING_VERSION
from db.models import AudioTrack
from db.statements import Connection, fetch_one, statements
from db.status import TrackStatus

_SQL = statements("searchable")


class Searchable(NamedTuple):
    """Whether a search can find a track, and the reason in a sentence."""

    searchable: bool
    why: str


def explain_searchable(conn: Connection, track: AudioTrack) -> Searchable:
    """Say whether a track is in the read model, and why it is or is not. Raises DatabaseOperationError."""
    row = fetch_one(conn, _SQL["searchable"], {"audio_id": str(track.id)})
    if row is None:
        if track.status is TrackStatus.COMPLETED:
            return Searchable(False, "completed, but missing from the read model: run `tonearm reindex`")
        return Searchable(False, f"it is {track.status} and has never completed")
    if row["folding_version"] != FOLDING_VERSION:
        had = row["folding_version"]
        return Searchable(True, f"found as folding version {had} had it; `tonearm reindex` brings it up to date")
    if track.status is not TrackStatus.COMPLETED:
        return Searchable(True, f"it is {track.status} and is found with what it had when it last completed")
    return Searchable(True, "completed, and in the read model with what was applied last")
