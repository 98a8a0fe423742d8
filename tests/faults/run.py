"""One run: publishers and workers at work, faults one after another, and what each one cost."""

import os
import random
import time
from collections.abc import Sequence
from typing import NamedTuple

from tests.faults.kinds import KINDS
from tests.faults.load import expected
from tests.faults.stage import PROMISE_SECONDS, Stage, finish
from tests.faults.verdict import faults_found


class Struck(NamedTuple):
    """A fault that was survived; times in seconds. ``open_events`` were under way when it was over."""

    kind: str
    lasted: float
    open_events: int
    recovered_in: float


def seeded() -> int:
    """Return the run's seed, ``FAULT_SEED`` or a new one, and print it."""
    seed = int(os.environ.get("FAULT_SEED") or random.SystemRandom().randrange(10**6))
    print(f"FAULT_SEED={seed}")
    return seed


def survive(stage: Stage, seed: int, kinds: Sequence[str], *, count: int, rate: float, parts: int = 2) -> list[Struck]:
    """Publish ``parts`` times ``count`` events, part 0 by two publishers, strike with each kind in turn, and judge."""
    chance = random.Random(seed)
    for _ in range(2):
        stage.start_worker(ready=False)
    for worker in stage.workers:
        worker.wait_ready()
    publishers = [stage.start_publisher(seed, part, count, rate) for part in (*range(parts), 0)]
    struck: list[Struck] = []
    try:
        for kind in kinds:
            time.sleep(chance.uniform(0.2, 1.0))  # at a random moment
            began = time.monotonic()
            KINDS[kind](stage, chance)
            lasted = time.monotonic() - began
            under_way = stage.open_events()
            try:
                recovered = stage.wait_settled(under_way, PROMISE_SECONDS)
            except AssertionError as error:
                raise AssertionError(f"after {kind} (seed {seed}): {error}") from error
            struck.append(Struck(kind, lasted, len(under_way), recovered))
            print(f"{kind}: lasted {lasted:.1f} s, {len(under_way)} events open, recovered in {recovered:.1f} s")
        for publisher in publishers:
            finish(publisher, timeout=300)
    finally:
        for publisher in publishers:
            publisher.kill()
            publisher.communicate()
    stage.wait_settled(stage.open_events(), PROMISE_SECONDS)
    ids, winners = expected(seed, parts, count)
    with stage.connect() as conn:
        found = faults_found(conn, ids, winners)
    assert not found, f"seed {seed}: " + "\n".join(found)
    return struck
