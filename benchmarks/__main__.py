"""``make bench``: every contender in one run on the same servers, one table, ratios first, and the curves."""

import argparse
import statistics
import time
from pathlib import Path
from typing import NamedTuple

from benchmarks import growth, latency, plots
from benchmarks.contenders import (
    Contender,
    celery_noop,
    celery_sql,
    copy_in,
    dramatiq_sql,
    procrastinate_sql,
    set_upsert,
    tonearm_batch,
    tonearm_single,
)
from benchmarks.servers import Bench, servers
from benchmarks.throughput import rate

_CONTENDERS: tuple[Contender, ...] = (
    tonearm_batch,
    tonearm_single,
    celery_sql,
    celery_noop,
    dramatiq_sql,
    procrastinate_sql,
    set_upsert,
    copy_in,
)
_PROCESSES = (1, 2, 4)
_NO_QUEUE = {set_upsert.NAME, copy_in.NAME}


class Line(NamedTuple):
    """A line of the table; ``ratio`` is against what ``against`` says."""

    ratio: float
    what: str
    figure: str
    against: str


def throughput(bench: Bench, repetitions: int, scale: float) -> dict[str, float]:
    """Return each contender's median rate; they take turns, so that a slow minute hits them all."""
    rates: dict[str, list[float]] = {contender.NAME: [] for contender in _CONTENDERS}
    for repetition in range(repetitions):
        for contender in _CONTENDERS:
            rates[contender.NAME].append(rate(bench, contender, seed=repetition, scale=scale))
            _say(f"{contender.NAME}: {rates[contender.NAME][-1]:.0f} events/s")
    return {name: statistics.median(found) for name, found in rates.items()}


def latencies(bench: Bench) -> list[Line]:
    """Compare latencies at 100 events/s."""
    noops, durable, direct = [], [], []
    for _ in range(2):
        noops.append(latency.noop(bench))
        durable.append(latency.tonearm(bench, durable=True))
        direct.append(latency.tonearm(bench, durable=False))
    lines = []
    for quantile in ("p50", "p99"):
        base = statistics.median(getattr(found, quantile) for found in noops)
        for what, found in (("durable", durable), ("not durable", direct)):
            value = statistics.median(getattr(each, quantile) for each in found)
            figure = f"{value:.1f} ms"
            lines.append(
                Line(value / base, f"event to searchable, {quantile}, {what}", figure, f"no-op task, {base:.1f} ms")
            )
    return lines


def processes(bench: Bench, images: Path, scale: float) -> list[Line]:
    """Compare 1, 2 and 4 worker processes on the batch path."""
    found = {number: rate(bench, tonearm_batch, processes=number, scale=scale) for number in _PROCESSES}
    plots.line(
        images / "processes.svg", list(found), list(found.values()),
        x="worker processes", y="events/s", title="Batch path by worker processes",
    )  # fmt: skip
    return [
        Line(value / found[1], f"batch path, {number} worker processes", f"{value:.0f}/s", "1 worker process")
        for number, value in found.items()
        if number > 1
    ]


def long_run(bench: Bench, images: Path, tracks: int) -> list[Line]:
    """Import many tracks and compare the end with the beginning."""
    samples = growth.run(bench, tracks)
    edge = max(20_000, tracks // 10)
    first, last = growth.rate_between(samples, 0, edge), growth.rate_between(samples, tracks - edge, tracks)
    window = [pair for pair in zip(samples, samples[10:], strict=False) if pair[1].at > pair[0].at]
    plots.line(
        images / "growth.svg",
        [after.tracks for _, after in window],
        [(after.tracks - before.tracks) / (after.at - before.at) for before, after in window],
        x="tracks in the catalogue", y="events/s", title="Batch path as the catalogue grows",
    )  # fmt: skip
    plots.line(
        images / "memory.svg", [sample.tracks for sample in samples], [sample.memory for sample in samples],
        x="events applied by two workers", y="MiB", title="Memory of the largest worker process",
    )  # fmt: skip
    lines = [Line(last / first, f"batch path at {tracks:,} tracks", f"{last:.0f}/s", f"empty table, {first:.0f}/s")]
    if tracks >= 200_000:
        early, late = growth.memory_at(samples, 40_000), growth.memory_at(samples, 200_000)
        lines.append(Line(late / early, "memory of a worker after 100,000 events", f"{late:.1f} MiB", "after 20,000"))
    return lines


def _say(text: str) -> None:
    print(f"  {time.strftime('%H:%M:%S')} {text}", flush=True)


def _compared(rates: dict[str, float], images: Path) -> list[Line]:
    base = celery_sql.NAME
    plots.bars(
        images / "throughput.svg",
        {name: found / rates[base] for name, found in rates.items() if name not in _NO_QUEUE},
        x=f"times {base}", title="Events a second, two worker processes each",
    )  # fmt: skip
    lines = [Line(value / rates[base], name, f"{value:.0f}/s", base) for name, value in rates.items()]
    batch = rates[tonearm_batch.NAME]
    return [*lines, Line(batch / rates[dramatiq_sql.NAME], tonearm_batch.NAME, f"{batch:.0f}/s", dramatiq_sql.NAME)]


def _table(lines: list[Line]) -> str:
    head = ["| ratio | what | figure | against |", "|---:|---|---:|---|"]
    return "\n".join(head + [f"| {line.ratio:.2f} | {line.what} | {line.figure} | {line.against} |" for line in lines])


def main() -> None:
    """Run everything and print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--only", choices=("throughput", "latency", "processes", "growth"), help="measure one thing")
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--scale", type=float, default=1.0, help="of the numbers of events")
    parser.add_argument("--tracks", type=int, default=1_000_000, help="of the long import; 0 leaves it out")
    parser.add_argument("--images", type=Path, default=Path(__file__).parent.parent / "docs" / "img")
    given = parser.parse_args()
    wanted = {given.only} if given.only else {"throughput", "latency", "processes", "growth"}
    lines: list[Line] = []
    with servers() as bench:
        if "throughput" in wanted:
            _say("throughput")
            lines += _compared(throughput(bench, given.repetitions, given.scale), given.images)
        if "latency" in wanted:
            _say("latency")
            lines += latencies(bench)
        if "processes" in wanted:
            _say("worker processes")
            lines += processes(bench, given.images, given.scale)
        if "growth" in wanted and given.tracks:
            _say(f"an import of {given.tracks:,} tracks")
            lines += long_run(bench, given.images, given.tracks)
    print(f"\n{_table(lines)}")


if __name__ == "__main__":
    main()
