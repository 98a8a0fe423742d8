"""Decides which track a file is, from what was seen before: new, changed, moved, known, or a copy of another file."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Any, NamedTuple, Protocol
from uuid import UUID, uuid4, uuid5

from db.write.scanned import Seen

_NAMESPACE = UUID("2d9f1c57-6a55-5f0b-8f5e-7363616e7461")


class Kind(StrEnum):
    """What a file turned out to be."""

    NEW = "new"
    """Its audio was not known."""
    CHANGED = "changed"
    """A known track, with other tags or, in the same place, other audio; or it was to be published again."""
    MOVED = "moved"
    """A known track whose file was elsewhere before; it may have been tagged, too."""
    KNOWN = "known"
    """As it was."""
    COPY = "copies"
    """Equal to another file, which stands for the track."""


@dataclass(frozen=True)
class Read:
    """What was read of one file: where it is, its digests, what its tags say.

    ``stamp`` as in Seen. ``thumbnail`` is the URI of its picture, ``looked`` whether one was asked for.
    """

    uri: str
    audio: bytes
    content: bytes
    stamp: str | None
    metadata: dict[str, Any]
    thumbnail: str | None = None
    looked: bool = False


class Decision(NamedTuple):
    """What a file is: what to note of it, which path to forget, and the event of the track that came before.

    ``original`` is the path of the file that a copy equals.
    """

    kind: Kind
    note: Seen
    forget: str | None = None
    original: str | None = None

    @property
    def publishes(self) -> bool:
        """Whether the catalogue has to hear of it."""
        return self.kind in {Kind.NEW, Kind.CHANGED, Kind.MOVED}


class Before(Protocol):
    """What is known of files from before, and from this scan so far."""

    def own(self, uri: str) -> Seen | None:
        """Return what was seen at this path."""

    def originals(self, audio: bytes) -> Sequence[Seen]:
        """Return the files that were seen with this audio and stand for tracks."""

    def lives(self, seen: Seen, stage: "Stage") -> bool | None:
        """Say whether a file still is where it was seen, with the audio that it had; None: not known yet."""

    def is_taken(self, audio_id: UUID) -> bool:
        """Say whether a file stands for this track."""


class Stage(IntEnum):
    """How far a scan has come: a file whose track depends on others waits."""

    WALKING = 0
    """There are files that it has not looked at."""
    WALKED = 1
    """It has looked at every file; those that may have been moved are decided."""
    LAST = 2
    """What has not been found elsewhere is not elsewhere."""


def decide(read: Read, before: Before, stage: Stage, *, again: bool = False) -> Decision | None:
    """Decide what a file is; None where that depends on a later stage.

    A file is the track that it was before if it has the same audio, wherever it is, or else if it is in the same place.
    ``again``: what is known is to be published, too.
    """
    own = before.own(read.uri)
    if own and not own.is_copy and own.audio == read.audio:
        return _in_place(read, own, again=again)
    event_id = own.event_id if own else None
    # The file that is equal first: a copy of it, or itself under another name, rather than one with other tags.
    for seen in sorted(before.originals(read.audio), key=lambda seen: seen.content != read.content):
        if seen.path == read.uri:
            continue
        alive = before.lives(seen, stage)
        if alive is None:
            return None
        if not alive:
            note = _note(read, seen.audio_id, seen.event_id or event_id, thumbnail=seen.thumbnail)
            return Decision(Kind.MOVED, note, forget=seen.path)
        if seen.content == read.content:
            return Decision(Kind.COPY, _copy(read, seen), original=seen.path)
    if own and not own.is_copy:
        # Other audio in the same place: whether the audio from before is elsewhere now, and takes its track along?
        return _in_place(read, own, again=again) if stage is Stage.LAST else None
    audio_id = next(audio_id for audio_id in new_ids(read) if not before.is_taken(audio_id))
    return Decision(Kind.NEW, _note(read, audio_id, event_id))


def new_ids(read: Read) -> Iterator[UUID]:
    """Yield the ids that a new track may have: made from its audio, or where that is taken, from its tags, too."""
    yield uuid5(_NAMESPACE, read.audio.hex())
    yield uuid5(_NAMESPACE, f"{read.audio.hex()} {read.content.hex()}")
    yield uuid5(_NAMESPACE, f"{read.audio.hex()} {read.content.hex()} {read.uri}")
    yield uuid4()


def _in_place(read: Read, own: Seen, *, again: bool) -> Decision:
    pictured = read.looked and read.thumbnail is not None and read.thumbnail != own.thumbnail
    if own.content == read.content and own.tracked and not again and not pictured:
        note = own._replace(stamp=read.stamp, looked=own.looked or read.looked, fresh=True)
        return Decision(Kind.KNOWN, note)
    return Decision(Kind.CHANGED, _note(read, own.audio_id, own.event_id, thumbnail=own.thumbnail))


def _note(read: Read, audio_id: UUID, before: UUID | None, *, thumbnail: str | None = None) -> Seen:
    # The event before is part of it: tags that are changed back are news, and two scans at once publish one event.
    event_id = uuid5(_NAMESPACE, f"{audio_id} {read.content.hex()} {read.uri} {before}")
    return Seen(
        read.uri,
        audio_id,
        read.audio,
        read.content,
        is_copy=False,
        stamp=read.stamp,
        looked=read.looked,
        thumbnail=read.thumbnail if read.looked else thumbnail,
        event_id=event_id,
    )


def _copy(read: Read, original: Seen) -> Seen:
    return Seen(
        read.uri,
        original.audio_id,
        read.audio,
        read.content,
        is_copy=True,
        stamp=None,  # so that the next scan reads it again: is it a copy still?
        looked=False,
        thumbnail=None,
        event_id=None,
    )
