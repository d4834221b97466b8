"""Which rules and demonstrations make the best profile: random candidates, and fewer of them on ever more items.

Successive halving (Jamieson and Talwalkar, Non-stochastic Best Arm Identification, 2016) over random sets of what runs
taught. Demonstrations bootstrapped from a program's own right runs: Khattab et al., DSPy, 2023, section 4.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import TypeVar

from rlm_async.core.profile import Demonstration
from rlm_async.learning.items import Scored
from rlm_async.learning.lessons import Lessons
from rlm_async.learning.rolling import Rolled, mean_score

MOST_RULES, MOST_DEMONSTRATIONS = 3, 2
"""In one candidate: a prompt that says everything says nothing."""
TRIES = 50

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Candidate:
    """Rules and demonstrations that a profile would have."""

    rules: tuple[str, ...] = ()
    demonstrations: tuple[Demonstration, ...] = ()
    advice: str = ""


@dataclass(frozen=True, slots=True)
class Rung:
    """One round: on how many items, and each candidate's mean score and mean tokens a run, the best first."""

    items: int
    standings: tuple[tuple[Candidate, float, float], ...]

    @property
    def best(self) -> Candidate:
        """The candidate that leads."""
        return self.standings[0][0]


def candidates(learned: Lessons, count: int, chance: Random) -> list[Candidate]:
    """Different sets of what was learned: the first rule alone, the first demonstration alone, then random ones."""
    found: dict[Candidate, None] = {}
    for first in (Candidate(rules=learned.rules[:1]), Candidate(demonstrations=learned.demonstrations[:1])):
        if first != Candidate():
            found[first] = None
    for _ in range(count * TRIES):
        if len(found) >= count:
            break
        made = Candidate(
            rules=_drawn(learned.rules, MOST_RULES, chance),
            demonstrations=_drawn(learned.demonstrations, MOST_DEMONSTRATIONS, chance),
        )
        if made != Candidate():
            found[made] = None
    return list(found)[:count]


def halved(
    among: Sequence[Candidate], items: Sequence[Scored], roll: Callable[[Candidate, Sequence[Scored]], list[Rolled]]
) -> list[Rung]:
    """The rounds of successive halving; the last one is over all items and has the winner first.

    Of two that score the same the one with fewer tokens is better.
    """
    rungs: list[Rung] = []
    left = list(among)
    rounds = max(1, len(left).bit_length() - 1)
    for number in range(rounds):
        last = number == rounds - 1
        share = len(items) if last else max(1, len(items) >> (rounds - 1 - number))
        rung = _rung(left, items[:share], roll)
        rungs.append(rung)
        left = [candidate for candidate, _, _ in rung.standings[: max(2, (len(left) + 1) // 2)]]
    return rungs


def _rung(
    among: Sequence[Candidate], items: Sequence[Scored], roll: Callable[[Candidate, Sequence[Scored]], list[Rolled]]
) -> Rung:
    standings = []
    for candidate in among:
        rolled = roll(candidate, items)
        tokens = statistics.fmean(one.tokens for one in rolled)
        standings.append((candidate, mean_score(rolled), tokens))
    standings.sort(key=lambda standing: (-standing[1], standing[2]))
    return Rung(len(items), tuple(standings))


def _drawn(among: Sequence[T], most: int, chance: Random) -> tuple[T, ...]:
    """Up to so many, in the order in which they stand."""
    count = chance.randint(0, min(most, len(among)))
    numbers = sorted(chance.sample(range(len(among)), count))
    return tuple(among[number] for number in numbers)
