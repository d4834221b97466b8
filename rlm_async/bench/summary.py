"""Rows put together: what may be compared stands in one table, and nothing else does."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from rlm_async.bench.points import Point, Row, Source
from rlm_async.bench.score import Interval, interval, quantile


@dataclass(frozen=True, slots=True, order=True)
class Section:
    """Rows of one kind of model, one model, one task, one data set, one clock: the most that is ever compared."""

    source: Source
    model: str
    task: str
    data: str
    clock: str


@dataclass(frozen=True, slots=True)
class Group:
    """The rows of one point of a sweep, over its windows. Dollars and tokens are means a question."""

    point: Point
    """Of any of the rows; its seed means nothing."""
    rows: tuple[Row, ...]

    @property
    def score(self) -> Interval:
        """The mean score with its bootstrap interval over windows."""
        return self.over_windows(lambda row: row.score)

    def over_windows(self, value: Callable[[Row], float]) -> Interval:
        """The mean of a figure with its interval."""
        windows: dict[int, list[float]] = {}
        for row in self.rows:
            windows.setdefault(row.point.seed, []).append(value(row))
        return interval(list(windows.values()))

    def mean(self, value: Callable[[Row], float]) -> float:
        """The mean of a figure."""
        return statistics.fmean(value(row) for row in self.rows)

    def walls(self, share: float) -> float:
        """The wall time below which that part of the questions was answered, in seconds."""
        return quantile(sorted(row.wall for row in self.rows), share)

    @property
    def usd(self) -> Interval | None:
        """Dollars a question; None where a price is unknown."""
        if any(row.usd is None for row in self.rows):
            return None
        return self.over_windows(lambda row: row.usd or 0.0)

    @property
    def tokens(self) -> int:
        """Of a window, as measured: the mean."""
        return round(self.mean(lambda row: float(row.tokens)))

    @property
    def ideal(self) -> float:
        """The wall time that nothing could be better than, in seconds: `ideal_wall` of each question, the mean."""
        return self.mean(ideal_wall)

    @property
    def label(self) -> str:
        """What tells the point from others of its section."""
        point = self.point
        parts: list[str] = [point.arm]
        if point.policy != "map-reduce":
            parts.append(point.policy)
        if point.syntax_errors:
            parts.append(f"{point.syntax_errors:.0%} syntax errors")
        if point.budget is not None:
            parts.append(f"{point.budget:.0%} budget")
        if not point.shared:
            parts.append("nothing shared")
        if point.sub_model != point.model:
            parts.append(f"sub-queries: {point.sub_model}")
        return ", ".join(parts)


def ideal_wall(row: Row) -> float:
    """No schedule of these calls ends sooner than the longest chain, nor than the root and its share of the work."""
    below = max(row.work - row.serial, 0.0)
    return max(row.critical, row.serial + below / max(row.point.concurrency, 1))


def sections(rows: Iterable[Row]) -> dict[Section, list[Group]]:
    """The groups of each section, in a fixed order."""
    found: dict[Section, dict[Point, list[Row]]] = {}
    for row in rows:
        point = row.point
        section = Section(row.source, point.model, point.task, point.data, point.clock)
        found.setdefault(section, {}).setdefault(replace(point, seed=0), []).append(row)
    return {section: _ordered(found[section]) for section in sorted(found)}


def _ordered(groups: dict[Point, list[Row]]) -> list[Group]:
    made = [Group(point, tuple(rows)) for point, rows in groups.items()]
    return sorted(made, key=lambda group: (group.point.size, _rank(group.point), group.point.concurrency, group.label))


def _rank(point: Point) -> int:
    order = ("direct", "depth 0", "depth 1", "depth 2", "depth 3", "map-reduce", "auto")
    return order.index(point.arm)


def front(points: Sequence[tuple[float, float]]) -> list[int]:
    """The Pareto front: indexes of the points (cost, score) that no other one beats at no higher cost."""
    kept: list[int] = []
    best = float("-inf")
    for index in sorted(range(len(points)), key=lambda i: (points[i][0], -points[i][1])):
        if points[index][1] > best:
            best = points[index][1]
            kept.append(index)
    return kept
