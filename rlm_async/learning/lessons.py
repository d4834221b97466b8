"""What scored runs teach: cells that led to right answers, and rules written from what went wrong.

Rules are sentences made of facts of the runs themselves (an error's text, the line that made it, a limit that was hit,
a measure by which right runs differ from wrong ones). Which of them help is for the search to find out: nothing here
knows how the model that reads them decides.
"""

from __future__ import annotations

import math
import re
import statistics
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from rlm_async.core import events
from rlm_async.core.profile import Demonstration
from rlm_async.learning.rolling import Rolled

RIGHT = 0.99
"""From this score on a run shows how it is done."""
DEMONSTRATIONS, RULES = 6, 10
"""Kept at the most, the most promising ones first."""
CELLS_CHARACTERS = 12_000
QUESTION_CHARACTERS = 2_000
LINE_CHARACTERS = 120
FEW = 3
"""Runs that each side of a comparison needs at the least."""
TELLING = 0.03
"""A difference in the mean score that is worth a rule."""

_BLANK = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class Lessons:
    """Ingredients of profiles, the most promising first."""

    rules: tuple[str, ...]
    demonstrations: tuple[Demonstration, ...]


def lessons(rolled: Sequence[Rolled]) -> Lessons:
    """What runs teach."""
    bounds = bounds_of(rolled)
    found: list[tuple[float, str]] = [*_mistakes(rolled), *((bound.gain, bound.sentence) for bound in bounds)]
    found.sort(key=lambda pair: -pair[0])
    rules = dict.fromkeys([*(sentence for _, sentence in found), *_limits(rolled)])
    return Lessons(tuple(rules)[:RULES], tuple(demonstrations(rolled, bounds)[:DEMONSTRATIONS]))


def demonstrations(rolled: Sequence[Rolled], bounds: Sequence[Bound] = ()) -> list[Demonstration]:
    """The cells of the root in each run that was right; those that failed are left out.

    First come runs that do what right runs have in common, of these the cheapest: a run may be right by luck.
    """
    right = [one for one in rolled if one.score >= RIGHT and one.answer.status == "complete"]
    found: dict[tuple[str, ...], Demonstration] = {}
    for one in sorted(
        right, key=lambda one: (-sum(b.gain for b in bounds if b.kept_by(one)), one.tokens, one.item.key)
    ):
        cells = tuple(cell for cell in _sound_cells(one) if cell)
        if cells and sum(map(len, cells)) <= CELLS_CHARACTERS and len(one.item.question) <= QUESTION_CHARACTERS:
            found.setdefault(cells, Demonstration(question=one.item.question.strip("\n"), cells=cells))
    return list(found.values())


@dataclass(frozen=True, slots=True)
class Mistake:
    """A line of a root's code that failed, and how."""

    line: str
    error: str


def mistakes(rolled: Sequence[Rolled]) -> list[tuple[Mistake, int]]:
    """The mistakes of all roots, and in how many runs each was made; the most common first."""
    made: Counter[Mistake] = Counter()
    for one in rolled:
        made.update({mistake for event in one.answer.trace if (mistake := _mistake(event)) is not None})
    return sorted(made.items(), key=lambda pair: (-pair[1], pair[0].line, pair[0].error))


def _mistake(event: events.Event) -> Mistake | None:
    error = event.output.error if isinstance(event, events.CellEnded) else None
    if error is None or not error.source.strip():
        return None
    return Mistake(_clipped(error.source), _clipped(f"{error.type}: {error.message}"))


def _mistakes(rolled: Sequence[Rolled]) -> Iterator[tuple[float, str]]:
    """What each mistake costs in the mean score, and the rule against it."""
    for mistake, runs in mistakes(rolled):
        if "`" not in mistake.line:
            made = [one.score for one in rolled if any(_mistake(event) == mistake for event in one.answer.trace)]
            others = [one.score for one in rolled if all(_mistake(event) != mistake for event in one.answer.trace)]
            gain = statistics.fmean(others) - statistics.fmean(made) if others and len(made) >= FEW else 0.0
            error = mistake.error.rstrip(".")
            yield max(gain, 0.0), f"Do not write `{mistake.line}`: it failed in {_of(runs, rolled)} ({error})."


def _limits(rolled: Sequence[Rolled]) -> Iterator[str]:
    hit: Counter[str] = Counter(one.answer.limit for one in rolled if one.answer.limit)
    for resource, runs in sorted(hit.items(), key=lambda pair: (-pair[1], pair[0])):
        words = resource.replace("_", " ")
        yield f"Answer as soon as the result is checked: {_of(runs, rolled)} ran out of {words}."


Measure = Callable[["Rolled"], float]


@dataclass(frozen=True, slots=True)
class Bound:
    """A bound that tells good runs from others, and the mean scores of the runs that keep it and of the others."""

    measure: Measure
    bound: int
    below: bool
    kept: float
    others: float
    weight: float
    """The difference of the scores in units of the accuracy with which so many runs tell it."""

    @property
    def gain(self) -> float:
        """By how much runs that keep it score better."""
        return self.kept - self.others

    @property
    def sentence(self) -> str:
        """It as a rule."""
        less, more = SENTENCES[self.measure]
        told = (less if self.below else more).format(bound=self.bound)
        return f"{told}: runs that did scored {100 * self.kept:.0f}, others {100 * self.others:.0f}."

    def kept_by(self, one: Rolled) -> bool:
        """Whether a run keeps it."""
        value = self.measure(one)
        return value <= self.bound if self.below else value >= self.bound


def bounds_of(rolled: Sequence[Rolled]) -> list[Bound]:
    """For each measure the bound that tells the scores of runs apart best, if any does."""
    found = (_bound(rolled, measure) for measure in SENTENCES)
    return [bound for bound in found if bound is not None]


def _bound(rolled: Sequence[Rolled], measure: Measure) -> Bound | None:
    pairs = sorted((measure(one), one.score) for one in rolled)
    found: list[Bound] = []
    for cut in range(FEW, len(pairs) - FEW + 1):
        if pairs[cut - 1][0] == pairs[cut][0]:
            continue
        low = statistics.fmean(score for _, score in pairs[:cut])
        high = statistics.fmean(score for _, score in pairs[cut:])
        weight = abs(low - high) * math.sqrt(cut * (len(pairs) - cut) / len(pairs))
        if low - high >= TELLING:
            found.append(Bound(measure, _up(pairs[cut - 1][0]), below=True, kept=low, others=high, weight=weight))
        elif high - low >= TELLING:
            found.append(Bound(measure, _down(pairs[cut][0]), below=False, kept=high, others=low, weight=weight))
    return max(found, key=lambda one: one.weight, default=None)


def longest_prompt(one: Rolled) -> float:
    """Characters of the longest prompt of a plain sub-query; 0 where there was none."""
    sizes = [
        len(event.query.prompt) + event.query.context.characters
        for event in one.answer.trace
        if isinstance(event, events.NodeAdded) and event.parent is not None and event.query.strategy == "direct"
    ]
    return max(sizes, default=0)


def sub_queries(one: Rolled) -> float:
    """How many sub-queries were asked."""
    return sum(isinstance(event, events.NodeAdded) and event.parent is not None for event in one.answer.trace)


def turns(one: Rolled) -> float:
    """How many replies the root gave."""
    return sum(isinstance(event, events.ModelReplied) and event.node == 0 for event in one.answer.trace)


SENTENCES: Mapping[Measure, tuple[str, str]] = {
    longest_prompt: (
        "Put at most about {bound:,} characters into the prompt of one sub-query",
        "Put at least about {bound:,} characters into the prompt of one sub-query",
    ),
    sub_queries: ("Ask at most about {bound:,} sub-queries", "Ask at least about {bound:,} sub-queries"),
    turns: ("Answer within {bound:,} turns", "Take at least {bound:,} turns before you answer"),
}
"""What is measured of a run, and the rules where less of it went with better scores, and where more did."""


def _sound_cells(one: Rolled) -> Iterator[str]:
    """The root's cells that ran without an error, in order."""
    code: dict[int, str] = {}
    for event in one.answer.trace:
        if isinstance(event, events.CellStarted) and event.node == 0:
            code[event.cell] = event.code.strip("\n")
        elif isinstance(event, events.CellEnded) and event.node == 0 and event.output.outcome == "ok":
            yield code.get(event.cell, "")


def _of(runs: int, rolled: Sequence[Rolled]) -> str:
    return f"{runs} of {len(rolled)} runs"


def _clipped(text: str) -> str:
    plain = _BLANK.sub(" ", text).strip()
    return plain if len(plain) <= LINE_CHARACTERS else plain[: LINE_CHARACTERS - 1].rstrip() + "…"


def _up(value: float) -> int:
    """In two significant digits, not below."""
    unit = int(10 ** max(0, len(str(int(value))) - 2))
    return -int(-value // unit) * unit


def _down(value: float) -> int:
    """In two significant digits, not above."""
    unit = int(10 ** max(0, len(str(int(value))) - 2))
    return int(value // unit) * unit
