"""How many hook calls a worker's processes have made: in shared memory, and no lock that a kill could leave held."""

import mmap
from typing import Final

from billiard.process import current_process

RESULTS: Final = ("done", "failed", "timed_out", "dropped")
_KINDS: Final = ("on_completed", "on_failed")
_CELLS: Final = [(kind, result) for kind in _KINDS for result in RESULTS]
_ROWS: Final = 1024
"""Processes of one worker: the parent has the first row, each pool process the one of its place in the pool."""


class HookCounts:
    """Counters that survive the process that counted; made before the worker forks, and shared from then on.

    Each process adds to a row of its own, and its successor in the pool goes on where it stopped.
    """

    def __init__(self) -> None:
        self._cells = memoryview(mmap.mmap(-1, _ROWS * len(_CELLS) * 8)).cast("Q")

    def add(self, kind: str, result: str, number: int = 1) -> None:
        """Count calls of this process; only one of its threads may do so at a time."""
        row = (getattr(current_process(), "index", -1) + 1) % _ROWS
        self._cells[row * len(_CELLS) + _CELLS.index((kind, result))] += number

    def read(self) -> dict[tuple[str, str], int]:
        """Return the sums over all processes by kind and result."""
        return {cell: sum(self._cells[place :: len(_CELLS)]) for place, cell in enumerate(_CELLS)}
