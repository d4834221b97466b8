"""Learns a profile: runs, lessons, candidates, a choice among them, and a judgement on items that were kept apart."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random

from rlm_async import __version__
from rlm_async.core.profile import PLAIN, Profile
from rlm_async.errors import ConfigError
from rlm_async.learning.comparison import Comparison, compared
from rlm_async.learning.items import Scored, Split
from rlm_async.learning.lessons import Lessons, lessons
from rlm_async.learning.rolling import Rolled, Roller, mean_score
from rlm_async.learning.search import Candidate, Rung, candidates, halved
from rlm_async.profiles.file import Fact, ProfileFile

CANDIDATES = 12

Reflect = Callable[[Sequence[Rolled]], tuple[str, ...]]
"""Rules that a model writes when it is shown runs."""


def none(rolled: Sequence[Rolled]) -> tuple[str, ...]:
    """No rules: for learning without a model that reflects."""
    del rolled
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesson:
    """What was learned: the file, how it was chosen, what it is worth."""

    file: ProfileFile
    comparison: Comparison
    lessons: Lessons
    rungs: tuple[Rung, ...]
    source_score: float
    """Of the default, on the items that were learned from."""
    runs: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Learner:
    """Learns over `base`, a profile that is installed, or the plain one. `facts` go into the file as they are."""

    roller: Roller
    name: str
    about: str
    base: Profile = PLAIN
    count: int = CANDIDATES
    seed: int = 0
    reflect: Reflect = none
    facts: Mapping[str, Fact] = field(default_factory=dict)

    def learn(self, parts: Split) -> Lesson:
        """Learn from two parts of the items, and judge on the third. Raises ConfigError where runs teach nothing."""
        first = self.roller.roll(self.base, parts.source)
        learned = lessons(first)
        learned = Lessons((*self.reflect(first), *learned.rules), learned.demonstrations)
        among = candidates(learned, self.count, Random(f"{self.seed}/candidates"))  # noqa: S311 - seeded on purpose
        if not among:
            raise ConfigError(
                f"nothing can be learned from {len(first)} runs: none was right, and none made a mistake that can be "
                "named; take easier questions, more of them, or a model that reflects (--reflect)"
            )
        items = _mixed(parts.selection, self.seed)
        rungs = halved(among, items, lambda candidate, some: self.roller.roll(self.profile(candidate), some))
        return self.judged(rungs[-1].best, parts, learned, rungs)

    def judged(self, best: Candidate, parts: Split, learned: Lessons, rungs: Sequence[Rung] = ()) -> Lesson:
        """What a candidate is worth on the items that were kept apart."""
        default = self.roller.roll(self.base, parts.held_out)
        found = compared(default, self.roller.roll(self.profile(best), parts.held_out), self.seed)
        return Lesson(
            file=self.file(best, {**self.facts, **_facts(found, parts, self.seed)}),
            comparison=found,
            lessons=learned,
            rungs=tuple(rungs),
            source_score=mean_score(self.roller.roll(self.base, parts.source)),
            runs=self.roller.runs,
        )

    def file(self, candidate: Candidate, facts: Mapping[str, Fact] | None = None) -> ProfileFile:
        """The file of a candidate."""
        return ProfileFile(
            name=self.name,
            about=self.about,
            base="" if self.base is PLAIN else self.base.name,
            advice=candidate.advice,
            rules=candidate.rules,
            demonstrations=candidate.demonstrations,
            learned=facts or {},
        )

    def profile(self, candidate: Candidate) -> Profile:
        """The profile that a candidate's file gives."""
        return self.file(candidate).over(self.base, self.name)


def _mixed(items: Sequence[Scored], seed: int) -> list[Scored]:
    """The items in an order in which the first few are about different contexts."""
    chance = Random(f"{seed}/order")  # noqa: S311 - seeded on purpose
    return sorted(items, key=lambda _: chance.random())


def _facts(found: Comparison, parts: Split, seed: int) -> dict[str, Fact]:
    return {
        "verdict": found.verdict,
        "difference": f"{found.difference}",
        "default": f"{found.default.score}",
        "profile": f"{found.learned.score}",
        "tokens": f"{found.learned.tokens:,.0f} a question; default {found.default.tokens:,.0f}",
        "items": f"{len(parts.source)} learned from, {len(parts.selection)} chosen by, {len(parts.held_out)} judged on",
        "seed": seed,
        "version": __version__,
    }
