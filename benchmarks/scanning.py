"""What a scan costs beside reading and hashing alone: ``python -m benchmarks.scanning [--files N] [--size BYTES]``."""

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from tinytag import TinyTag

from db.migrate import migrate
from worker.embedded import start_broker, start_postgres

_FRAME = b"\xff\xfb\x90\x00"
_SETTLED_SECONDS = 2.5
"""A scan does not trust the times of files younger than 2 s."""


class Cost(NamedTuple):
    """Seconds by the clock, seconds of processor time of the scan and its readers, MiB of the scan itself."""

    wall: float
    cpu: float
    memory: float


def make(root: Path, files: int, size: int) -> None:
    """Make MP3 files of about ``size`` bytes, ten an album, a hundred an artist."""
    for number in range(files):
        directory = root / f"Artist {number // 100}" / f"Album {number // 10 % 10}"
        if number % 10 == 0:
            directory.mkdir(parents=True, exist_ok=True)
        frames = b"".join(_FRAME + f"{number} {at}".encode().ljust(413, b"\0") for at in range(size // 417))
        texts = {"TIT2": f"Title {number}", "TPE1": f"Artist {number // 100}", "TALB": f"Album {number // 10}"}
        tags = b"".join(
            name.encode() + (len(text) + 1).to_bytes(4) + b"\0\0\0" + text.encode() for name, text in texts.items()
        )
        head = b"ID3\x03\0\0" + bytes(len(tags) >> shift & 0x7F for shift in (21, 14, 7, 0))
        (directory / f"{number}.mp3").write_bytes(head + tags + frames)


def reading_alone(root: Path) -> Cost:
    """Read every file's tags, and hash the file, in this process, and nothing else."""
    began, cpu = time.perf_counter(), time.process_time()
    for path in root.rglob("*.mp3"):
        TinyTag.get(path)
        with path.open("rb") as file:
            hashlib.file_digest(file, "sha256")
    return Cost(time.perf_counter() - began, time.process_time() - cpu, 0)


def scan(root: Path, environment: dict[str, str]) -> Cost:
    """Scan the files by the command."""
    command = [sys.executable, "-m", "worker.cli", "scan", "--backfill", str(root)]
    began, before = time.perf_counter(), os.times()
    process = subprocess.Popen(command, env=os.environ | environment, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise RuntimeError(f"the scan ended with {status}")
    after = os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return Cost(time.perf_counter() - began, cpu, usage.ru_maxrss / 1024)


def main() -> None:
    """Print each way's cost for a file, and as a multiple of reading alone."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=20_000)
    parser.add_argument("--size", type=int, default=4_000, help="bytes of a file")
    asked = parser.parse_args()
    home = Path(tempfile.mkdtemp(prefix="tonearm-bench-"))
    home.chmod(0o755)
    music, moved = home / "music", home / "moved"
    try:
        make(music, asked.files, asked.size)
        time.sleep(_SETTLED_SECONDS)
        with start_postgres(home) as postgres, start_broker(home) as broker:
            migrate(postgres.url)
            environment = {"DATABASE_URL": postgres.url, "BROKER_URL": broker.url}
            ways: dict[str, Callable[[], Cost]] = {
                "tags and SHA-256 alone, one process": lambda: reading_alone(music),
                "first scan": lambda: scan(music, environment),
                "again, nothing changed": lambda: scan(music, environment),
                "again, everything moved": lambda: scan(music.rename(moved), environment),
            }
            costs = {name: way() for name, way in ways.items()}
        alone = next(iter(costs.values()))
        print(f"{asked.files} files of {asked.size} bytes, {os.cpu_count()} processors")
        for name, cost in costs.items():
            rate, cpu, times = asked.files / cost.wall, cost.cpu / asked.files * 1e3, cost.cpu / alone.cpu
            print(f"{name:38} {rate:7.0f} files/s  {cpu:5.2f} ms of CPU a file = {times:4.1f}x  {cost.memory:4.0f} MiB")
    finally:
        shutil.rmtree(home)


if __name__ == "__main__":
    main()
