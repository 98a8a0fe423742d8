"""Finds the audio files of a tree: each directory once, however it is linked, in the order of names."""

import os
import stat
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from tinytag import TinyTag

_VIDEO = {".ogv", ".wmv", ".asf", ".m4v", ".mp4"}
READ = frozenset(TinyTag.SUPPORTED_FILE_EXTENSIONS) - _VIDEO
"""The suffixes of files whose tags are read."""
NOT_READ = frozenset({".aac", ".ac3", ".ape", ".caf", ".dff", ".dsf", ".dts", ".mka", ".mpc", ".tak", ".tta", ".wv"})
"""The suffixes of audio that there is no reader for: not audio to us, but a user wants to know."""


class Found(NamedTuple):
    """An audio file, its size in bytes, and its status at that time."""

    path: Path
    status: os.stat_result


class Fault(NamedTuple):
    """A file or directory that cannot be read, and why."""

    path: Path
    reason: str


@dataclass
class Walk:
    """Goes through files and directories; counts what it leaves out.

    ``ignored`` counts files that are not audio by their names, and hidden files and directories; ``not_read`` counts,
    by suffix, audio that there is no reader for. A file that is named itself is taken whatever its name is.
    """

    roots: Sequence[Path]
    ignored: int = 0
    not_read: Counter[str] = field(default_factory=Counter)

    def __iter__(self) -> Iterator[Found | Fault]:
        """Yield what is found, real files before those that a link leads to."""
        seen: set[tuple[int, int]] = set()
        for root in self.roots:
            try:
                status = root.stat()
            except OSError as error:
                yield _fault(root, error)
                continue
            if stat.S_ISDIR(status.st_mode):
                yield from self._tree(root, seen)
            else:
                yield Found(root, status)

    def _tree(self, root: Path, seen: set[tuple[int, int]]) -> Iterator[Found | Fault]:
        waiting, links = [root], list[Path]()
        while waiting or links:
            if not waiting:
                # Links come last: what can be reached without one is found under its own name.
                waiting, links = sorted(links, key=os.fsencode, reverse=True), []
            path = waiting.pop()
            try:
                status = path.stat()
                if not stat.S_ISDIR(status.st_mode):
                    yield from self._file(path, status)
                    continue
                if (status.st_dev, status.st_ino) in seen:
                    continue
                seen.add((status.st_dev, status.st_ino))
                with os.scandir(path) as listing:
                    entries = sorted(listing, key=lambda entry: os.fsencode(entry.name), reverse=True)
            except OSError as error:
                yield _fault(path, error)
                continue
            for entry in entries:
                if not self._wanted(entry):
                    continue
                (links if entry.is_symlink() else waiting).append(Path(entry.path))

    def _wanted(self, entry: "os.DirEntry[str]") -> bool:
        if entry.name.startswith("."):
            self.ignored += 1
            return False
        suffix = os.path.splitext(entry.name)[1].lower()  # noqa: PTH122 - a Path for each file is slow
        if suffix in READ or entry.is_dir(follow_symlinks=False) or _leads_to_directory(entry):
            return True
        if suffix in NOT_READ:
            self.not_read[suffix] += 1
        else:
            self.ignored += 1
        return False

    def _file(self, path: Path, status: os.stat_result) -> Iterator[Found | Fault]:
        if stat.S_ISREG(status.st_mode):
            yield Found(path, status)
        else:
            self.ignored += 1  # a pipe or a socket with the name of a song


def _leads_to_directory(entry: "os.DirEntry[str]") -> bool:
    try:
        return entry.is_symlink() and entry.is_dir()
    except OSError:
        return False


def _fault(path: Path, error: OSError) -> Fault:
    return Fault(path, (error.strerror or str(error)).lower())


def shown(path: Path) -> str:
    """Return a path as text for people: what is no UTF-8, and what a terminal would obey, is escaped."""
    text = os.fsencode(path).decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
