"""Whether a profile beats the one it was made from, on items neither has seen: the difference with its interval."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from rlm_async.bench.score import Interval, interval
from rlm_async.learning.rolling import Rolled

Verdict = Literal["better", "worse", "not shown to be better"]


@dataclass(frozen=True, slots=True)
class Side:
    """One profile on the held-out items: its score with its interval, and tokens and calls of a run, the means."""

    score: Interval
    tokens: float
    calls: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two profiles on the same items."""

    default: Side
    learned: Side
    difference: Interval
    """Of the scores, learned minus default, item by item; the paired bootstrap over contexts."""

    @property
    def verdict(self) -> Verdict:
        """What the interval says. With a single context it says nothing."""
        if self.difference.windows > 1 and self.difference.low > 0:
            return "better"
        if self.difference.windows > 1 and self.difference.high < 0:
            return "worse"
        return "not shown to be better"


def compared(default: Sequence[Rolled], learned: Sequence[Rolled], seed: int) -> Comparison:
    """The comparison of the runs of the same items in the same order."""
    pairs = list(zip(default, learned, strict=True))
    if any(one.item.key != other.item.key for one, other in pairs):
        raise ValueError("the runs are of different items: nothing can be paired")
    differences = [(one.item.context.digest, other.score - one.score) for one, other in pairs]
    return Comparison(_side(default, seed), _side(learned, seed), _interval(differences, seed))


def _side(rolled: Sequence[Rolled], seed: int) -> Side:
    scores = [(one.item.context.digest, one.score) for one in rolled]
    tokens, calls = (
        statistics.fmean(figures) for figures in zip(*((one.tokens, one.calls) for one in rolled), strict=True)
    )
    return Side(_interval(scores, seed), tokens, calls)


def _interval(values: Sequence[tuple[str, float]], seed: int) -> Interval:
    """The mean with its interval; what belongs to one context is drawn together."""
    groups: dict[str, list[float]] = {}
    for digest, value in values:
        groups.setdefault(digest, []).append(value)
    return interval(list(groups.values()), seed)
