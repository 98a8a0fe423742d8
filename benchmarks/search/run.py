# ruff: noqa: E501 - tables of queries and lines of output
"""How quickly the right tracks are found: ``make bench-search`` or ``python benchmarks/search/run.py --help``.

Fills databases of two sizes with the same catalogue, asks 30 queries of Tonearm, of the SQL that one would write first
and of Tantivy (in process), and prints latencies and ratios. Then eight readers search while tracks are written.

The databases are kept, and the next run takes them as they are: a million tracks take three minutes to fill and two to
measure.
"""

import argparse
import multiprocessing
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from itertools import islice
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg2
from catalogue import names, tracks
from psycopg2.extensions import connection
from rivals import Tantivy, obvious

from db.folding import FOLDING_VERSION
from db.migrate import migrate
from db.read.search import search_audio_tracks
from db.write.search_index import index_tracks
from worker.embedded import start_postgres

QUERIES = (
    "love", "the", "you", "a", "rock", "lov", "loev", "愛", "love you", "the rock", "in the", "night", "black", "me",
    "i", "metallica", "metalica", "the beatles", "beatles yesterday", "halo", "love song", "queen love", "blue moon", "я",
    "summer nigh", "one more time", "dance with me", "acdc", "zeppelin stairway", "remix",
)  # fmt: skip
READERS, PER_SECOND = 8, 5
_WRITTEN = "ffffffff"
"""How the ids of the tracks begin that are written while others read: they are removed afterwards."""


@contextmanager
def server(url: str | None, home: Path) -> Iterator[str]:
    """Give the address of the server to use: the one given, or one started for the benchmark."""
    if url:
        yield url
    else:
        options = {"shared_buffers": "1GB", "max_wal_size": "4GB"}
        with start_postgres(home, options=options) as started:
            yield started.url


def filled(url: str, number: int, data: Path | None) -> str:
    """Return the address of a database with that many tracks, filled now unless it is already."""
    name = f"tonearm_bench_{'real' if data else 'made'}_{number}_v{FOLDING_VERSION}"
    address = urlunsplit(urlsplit(url)._replace(path=f"/{name}"))
    with closing(psycopg2.connect(url)) as admin:
        admin.autocommit = True
        with admin.cursor() as cursor:
            cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,))
            if cursor.fetchone() is None:
                cursor.execute(f"CREATE DATABASE {name}")
    migrate(address)
    with closing(psycopg2.connect(address)) as conn, conn.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM track_search")
        (there,) = cursor.fetchone() or (0,)
        began = time.perf_counter()
        rest = islice(tracks(names(data), number), there, None)
        while batch := list(islice(rest, 1000)):
            index_tracks(conn, batch)
            conn.commit()
        if there < number:
            print(f"{number:,} tracks: written in {time.perf_counter() - began:.0f} s")
        conn.commit()
        conn.autocommit = True
        if there < number:
            cursor.execute("VACUUM ANALYZE track_search")
            cursor.execute("VACUUM ANALYZE search_word")
    return address


def measured(ask: Callable[[str], int], rounds: int) -> dict[str, float]:
    """Return each query's median time in seconds, after one round to warm up."""
    times: dict[str, list[float]] = {query: [] for query in QUERIES}
    for turn in range(rounds + 1):
        for query in QUERIES:
            began = time.perf_counter()
            ask(query)
            if turn:
                times[query].append(time.perf_counter() - began)
    return {query: statistics.median(of_query) for query, of_query in times.items()}


def p95(times: list[float]) -> float:
    """Return the 95th percentile."""
    return sorted(times)[min(len(times) - 1, round(0.95 * len(times)))] if times else 0.0


def ours(conn: connection) -> Callable[[str], int]:
    """Return a search by Tonearm."""
    return lambda query: len(search_audio_tracks(conn, query, limit=20))


def sizes(conn: connection, table: str) -> float:
    """Return the bytes on disk per track of a table with its indexes."""
    with conn.cursor() as cursor:
        cursor.execute("SELECT pg_total_relation_size(%s)::float8 / count(*) FROM track_search", (table,))
        (size,) = cursor.fetchone() or (0.0,)
    return float(size)


def _read(url: str, seconds: float, seed: int, answers: "multiprocessing.Queue[list[float]]") -> None:
    times = []
    with closing(psycopg2.connect(url)) as conn:
        conn.autocommit = True
        end = time.monotonic() + seconds
        at = seed
        while time.monotonic() < end:
            began = time.perf_counter()
            search_audio_tracks(conn, QUERIES[at % len(QUERIES)], limit=20)
            took = time.perf_counter() - began
            times.append(took)
            at += 7
            time.sleep(max(0.0, 1 / PER_SECOND - took))
    answers.put(times)


def _write(url: str, seconds: float, data: Path | None) -> float:
    """Write for so long and return the tracks per second."""
    source = tracks(names(data), 10_000_000)
    batches = [list(islice(source, 500)) for _ in range(40)]
    for batch in batches:
        for track in batch:
            track["id"] = _WRITTEN + track["id"][8:]
    written, began = 0, time.monotonic()
    with closing(psycopg2.connect(url)) as conn:
        while time.monotonic() - began < seconds:
            batch = batches[written // 500 % len(batches)]
            index_tracks(conn, batch)
            conn.commit()
            written += len(batch)
    return written / (time.monotonic() - began)


def _remove_written(url: str) -> None:
    with closing(psycopg2.connect(url)) as conn, conn.cursor() as cursor:
        conn.autocommit = True
        cursor.execute("DELETE FROM track_search WHERE id >= %s", (_WRITTEN + "-0000-0000-0000-000000000000",))
        cursor.execute("VACUUM track_search")
        cursor.execute("VACUUM search_word")


def together(url: str, seconds: float, data: Path | None, *, write: bool) -> tuple[float, float]:
    """Return the 95th percentile of eight readers in seconds, and the tracks written per second meanwhile."""
    context = multiprocessing.get_context("spawn")
    answers = context.Queue()
    readers = [context.Process(target=_read, args=(url, seconds, at * 4, answers)) for at in range(READERS)]
    for reader in readers:
        reader.start()
    rate = _write(url, seconds, data) if write else 0.0
    times = [took for _ in readers for took in answers.get()]
    for reader in readers:
        reader.join()
    return p95(times), rate


def main() -> None:
    """Run it all and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tracks", type=int, default=1_000_000)
    parser.add_argument("--data", type=Path, help="a directory of tab-separated files with real names")
    parser.add_argument("--database-url", help="a server to make the databases in; without it one is started")
    parser.add_argument(
        "--home", type=Path, default=Path(".tonearm/bench"), help="where the started server's data goes"
    )
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=15.0, help="how long the readers search; 0: not at all")
    asked = parser.parse_args()
    with server(asked.database_url, asked.home) as url:
        small = filled(url, asked.tracks // 10, asked.data)
        large = filled(url, asked.tracks, asked.data)
        _compare(small, large, asked)


def _compare(small: str, large: str, asked: argparse.Namespace) -> None:
    with closing(psycopg2.connect(small)) as conn:
        conn.autocommit = True
        at_small = measured(ours(conn), asked.rounds)
    with closing(psycopg2.connect(large)) as conn, closing(psycopg2.connect(large)) as other:
        rival = Tantivy(other)
        plain = obvious(other)
        conn.autocommit = True
        at_large = measured(ours(conn), asked.rounds)
        by_tantivy = measured(rival.ask, asked.rounds)
        by_obvious = measured(plain, max(1, asked.rounds // 3))
        on_disk = sizes(conn, "track_search") + sizes(conn, "search_word"), sizes(conn, "obvious")
        rival.close()
    print(f"{'query':<20}{'tonearm':>10}{'tantivy':>10}{'obvious':>10}   (ms, median of {asked.rounds})")
    for query in QUERIES:
        row = [found[query] * 1000 for found in (at_large, by_tantivy, by_obvious)]
        print(f"{query:<20}" + "".join(f"{value:>10.2f}" for value in row))
    tail = {
        "tonearm": p95(list(at_large.values())),
        "tantivy": p95(list(by_tantivy.values())),
        "obvious": p95(list(by_obvious.values())),
        "small": p95(list(at_small.values())),
    }
    print(f"p95 at {asked.tracks:,} tracks, ms: " + ", ".join(f"{who} {took * 1000:.2f}" for who, took in tail.items()))
    print(f"p95, of Tantivy's:          {tail['tonearm'] / tail['tantivy']:.2f} times")
    print(f"p95, obvious SQL to ours:   {tail['obvious'] / tail['tonearm']:.1f} times")
    print(f"slowest, of Tantivy's p95:  {max(at_large.values()) / tail['tantivy']:.2f} times")
    print(f"p95, of that at a tenth:    {tail['tonearm'] / tail['small']:.2f} times")
    print(f"bytes per track on disk:    {on_disk[0]:.0f}, the obvious schema's {on_disk[1]:.0f}")
    if not asked.seconds:
        return
    quiet, _ = together(large, asked.seconds, asked.data, write=False)
    alone = _write(large, asked.seconds, asked.data)
    busy, rate = together(large, asked.seconds, asked.data, write=True)
    _remove_written(large)
    print(
        f"{READERS} readers, {PER_SECOND} searches/s each: p95 {quiet * 1000:.1f} ms, while writing {busy * 1000:.1f} ms"
    )
    print(f"p95 while writing, of quiet: {busy / quiet:.2f} times")
    print(f"writing: {alone:.0f} tracks/s alone, {rate:.0f} tracks/s with the readers ({rate / alone:.0%})")


if __name__ == "__main__":
    main()
