"""How right an answer is, from 0 to 1: the official scores of OOLONG and RULER's tasks, never by substring."""

from __future__ import annotations

import re
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Literal

Kind = Literal["exact", "number", "set", "pairs"]

BASE = 0.75
"""OOLONG gives 0.75 to the power of the distance for numbers (Bertsch et al., OOLONG, section 3)."""

RESAMPLES = 1_000
CONFIDENCE = 0.95

_MARK = re.compile(r"(?is)\b(?:answer|label|user|number)\s*:\s*")
_NUMBER = re.compile(r"[-+]?\d[\d,]*(?:\.\d+)?")
_PAIR = re.compile(r"\(\s*(\w+)\s*,\s*(\w+)\s*\)")


def scored(kind: Kind, said: str, gold: str) -> float:
    """The score of what was said against the gold answer; a set or pairs are written one to a line."""
    final = final_of(said)
    if kind == "number":
        return _number(final, gold)
    if kind == "pairs":
        return f1(_pairs(final), _pairs(gold))
    if kind == "set":
        return f1(_members(final), _members(gold))
    return float(_plain(final) == _plain(gold))


def final_of(said: str) -> str:
    """What stands behind the last `Answer:`; without one the first paragraph: `guided` goes on with its source."""
    marks = list(_MARK.finditer(said))
    return said[marks[-1].end() :].strip() if marks else said.strip().split("\n\n", 1)[0].strip()


def f1(said: frozenset[str], gold: frozenset[str]) -> float:
    """The harmonic mean of precision and recall; two empty sets agree."""
    if not said and not gold:
        return 1.0
    common = len(said & gold)
    return 2 * common / (len(said) + len(gold))


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean, and the 95 % interval in which it lies; `n` is how many values, `windows` how many were drawn from."""

    mean: float
    low: float
    high: float
    n: int
    windows: int

    def __str__(self) -> str:
        """`61.3 [52.0, 70.1] n=40/8` in percent."""
        low, high = 100 * self.low, 100 * self.high
        return f"{100 * self.mean:.1f} [{low:.1f}, {high:.1f}] n={self.n}/{self.windows}"


def interval(windows: Sequence[Sequence[float]], seed: int = 0) -> Interval:
    """The percentile bootstrap over windows: questions of one window are not independent of each other.

    Each inner sequence holds the scores of one window's questions. With a single window no interval can be
    told: it is 0 to 1. (Efron and Tibshirani, An Introduction to the Bootstrap, chapter 13.)
    """
    drawn_from = [list(scores) for scores in windows if scores]
    values = [score for scores in drawn_from for score in scores]
    if not values:
        raise ValueError("no scores: there is nothing to take a mean of")
    mean = statistics.fmean(values)
    if len(drawn_from) == 1:
        return Interval(mean, 0.0, 1.0, len(values), 1)
    chance = Random(seed)
    sums = [(sum(scores), len(scores)) for scores in drawn_from]
    means = []
    for _ in range(RESAMPLES):
        drawn = chance.choices(sums, k=len(sums))
        means.append(sum(total for total, _ in drawn) / sum(count for _, count in drawn))
    means.sort()
    tail = (1 - CONFIDENCE) / 2
    return Interval(mean, quantile(means, tail), quantile(means, 1 - tail), len(values), len(drawn_from))


def quantile(ordered: Sequence[float], share: float) -> float:
    """The value below which `share` of a sorted sequence lies, by linear interpolation."""
    position = share * (len(ordered) - 1)
    low = int(position)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (position - low)


def _number(final: str, gold: str) -> float:
    found = _NUMBER.search(final)
    if found is None:
        return 0.0
    return float(BASE ** abs(float(found[0].replace(",", "")) - float(gold)))


def _plain(text: str) -> str:
    return " ".join(text.strip().strip(".\"'`*").lower().split())


def _members(text: str) -> frozenset[str]:
    parts = re.split(r"[\n;]|,\s", text)
    return frozenset(plain for part in parts if (plain := _plain(re.sub(r"^\s*[-*]\s+", "", part))))


def _pairs(text: str) -> frozenset[str]:
    return frozenset("|".join(sorted(pair)) for pair in _PAIR.findall(text))
