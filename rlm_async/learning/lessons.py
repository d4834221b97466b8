"""What scored runs teach: cells that led to right answers, and rules written from what went wrong.

Rules are sentences made of facts of the runs themselves (an error's text, the line that made it, a limit that was hit,
a measure by which right runs differ from wrong ones). Which of them help is for the search to find out: nothing here
knows how the model that reads them decides.
"""

from __future__ import annotations

import re
import statistics
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
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
LINE_CHARACTERS = 160
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
    rules = list(dict.fromkeys([*_mistakes(rolled), *_contrasts(rolled), *_limits(rolled)]))
    return Lessons(tuple(rules[:RULES]), tuple(demonstrations(rolled)[:DEMONSTRATIONS]))


def demonstrations(rolled: Sequence[Rolled]) -> list[Demonstration]:
    """The cells of the root in each run that was right, cheapest runs first; those that failed are left out."""
    right = [one for one in rolled if one.score >= RIGHT and one.answer.status == "complete"]
    found: dict[tuple[str, ...], Demonstration] = {}
    for one in sorted(right, key=lambda one: (one.tokens, one.item.key)):
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
    if not isinstance(event, events.CellEnded) or event.output.error is None or event.output.error.source == "":
        return None
    error = event.output.error
    return Mistake(_clipped(error.source), _clipped(f"{error.type}: {error.message}"))


def _mistakes(rolled: Sequence[Rolled]) -> Iterator[str]:
    for mistake, runs in mistakes(rolled):
        if "`" not in mistake.line:
            yield f"Do not write `{mistake.line}`: it failed in {_of(runs, rolled)} ({mistake.error.rstrip('.')})."


def _limits(rolled: Sequence[Rolled]) -> Iterator[str]:
    hit: Counter[str] = Counter(one.answer.limit for one in rolled if one.answer.limit)
    for resource, runs in sorted(hit.items(), key=lambda pair: (-pair[1], pair[0])):
        words = resource.replace("_", " ")
        yield f"Answer as soon as the result is checked: {_of(runs, rolled)} ran out of {words}."


Measure = Callable[[Rolled], float | None]


def _contrasts(rolled: Sequence[Rolled]) -> Iterator[str]:
    """A sentence for each measure by which runs that score well differ from those that do not."""
    sentences: tuple[tuple[Measure, str, str], ...] = (
        (
            longest_prompt,
            "Put at most about {bound:,} characters into the prompt of one sub-query",
            "Fill the prompt of each sub-query with at least about {bound:,} characters",
        ),
        (sub_queries, "Ask at most about {bound:,} sub-queries", "Ask at least about {bound:,} sub-queries"),
        (turns, "Answer within {bound:,} turns", "Take at least {bound:,} turns before you answer"),
    )
    found = []
    for measure, less, more in sentences:
        best = _bound(rolled, measure)
        if best is not None:
            told = (less if best.below else more).format(bound=best.bound)
            why = f"runs that did scored {100 * best.kept:.0f}, others {100 * best.others:.0f}"
            found.append((best.kept - best.others, f"{told}: {why}."))
    yield from (sentence for _, sentence in sorted(found, reverse=True))


@dataclass(frozen=True, slots=True)
class _Bound:
    """A bound that divides runs, and the mean scores of those that keep it and of the others."""

    bound: int
    below: bool
    kept: float
    others: float


def _bound(rolled: Sequence[Rolled], measure: Measure) -> _Bound | None:
    """The bound that tells the scores of runs apart best; None where none does."""
    pairs = sorted((value, one.score) for one in rolled if (value := measure(one)) is not None)
    found: list[_Bound] = []
    for cut in range(FEW, len(pairs) - FEW + 1):
        if pairs[cut - 1][0] == pairs[cut][0]:
            continue
        low = statistics.fmean(score for _, score in pairs[:cut])
        high = statistics.fmean(score for _, score in pairs[cut:])
        if low - high >= TELLING:
            found.append(_Bound(_round(pairs[cut - 1][0]), below=True, kept=low, others=high))
        elif high - low >= TELLING:
            found.append(_Bound(_round(pairs[cut][0]), below=False, kept=high, others=low))
    return max(found, key=lambda one: one.kept - one.others, default=None)


def longest_prompt(one: Rolled) -> float | None:
    """Characters of the longest prompt of a plain sub-query; None where there was none."""
    sizes = [
        len(event.query.prompt) + event.query.context.characters
        for event in one.answer.trace
        if isinstance(event, events.NodeAdded) and event.parent is not None and event.query.strategy == "direct"
    ]
    return max(sizes, default=None)


def sub_queries(one: Rolled) -> float | None:
    """How many sub-queries were asked."""
    return sum(isinstance(event, events.NodeAdded) and event.parent is not None for event in one.answer.trace)


def turns(one: Rolled) -> float | None:
    """How many replies the root gave."""
    return sum(isinstance(event, events.ModelReplied) and event.node == 0 for event in one.answer.trace)


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


def _round(value: float) -> int:
    """In two significant digits."""
    return int(float(f"{value:.2g}"))
