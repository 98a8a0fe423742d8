"""Every kind of fault on 10,000 events: ``make test-faults``. ``FAULT_SEED`` repeats a run, ``FAULT_KINDS`` picks."""

import os
import random

import pytest

from tests.faults.kinds import KINDS
from tests.faults.run import seeded, survive
from tests.faults.stage import stage

EVENTS = 5000
"""In each of two parts."""


@pytest.mark.long
@pytest.mark.timeout(600)
def test_ten_thousand_events_survive_every_kind_of_fault():
    seed = seeded()
    kinds = os.environ.get("FAULT_KINDS", " ".join(KINDS)).split()
    random.Random(seed).shuffle(kinds)
    extra = random.Random(seed).choices(list(KINDS), k=max(0, 22 - len(kinds)))
    with stage() as on:
        struck = survive(on, seed, kinds + extra, count=EVENTS, rate=40)
    assert len(struck) >= 20
