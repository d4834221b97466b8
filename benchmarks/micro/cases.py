"""How small parts are timed: as multiples of a fixed loop of plain Python, so that machines can be compared."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

STEPS = 20_000


@dataclass(frozen=True)
class Case:
    """Something small, done `operations` times by one call of `work`."""

    name: str
    work: Callable[[], object]
    operations: int
    clock: Callable[[], float] = time.process_time
    """CPU seconds of this process; `time.perf_counter` where other processes take part."""
    tolerance: float = 1.6
    """How many times the stored ratio is a regression."""


class _Point:
    __slots__ = ("x",)

    def __init__(self, x: int) -> None:
        self.x = x

    def moved(self, by: int) -> _Point:
        return _Point(self.x + by)


def calibration() -> int:
    """What Python code does all day: calls, attributes, small objects, dicts, strings."""
    table: dict[str, int] = {}
    point = _Point(0)
    for i in range(STEPS):
        point = point.moved(i & 3)
        name = f"k{i & 255}"
        table[name] = table.get(name, 0) + point.x
    return len(table)


def measured(case: Case, rounds: int) -> tuple[float, float]:
    """The median ratio of one operation to one step of the calibration, and its microseconds (median)."""
    ratios, micros = [], []
    case.work()
    for _ in range(rounds):
        gc.collect()
        step = _timed(calibration, case.clock) / STEPS
        operation = _timed(case.work, case.clock) / case.operations
        ratios.append(operation / step)
        micros.append(operation * 1e6)
    return statistics.median(ratios), statistics.median(micros)


def _timed(work: Callable[[], object], clock: Callable[[], float]) -> float:
    began = clock()
    work()
    return clock() - began
