"""Runs of items with a profile, each scored, with its trace; what was run once is not run again."""

from __future__ import annotations

import asyncio
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import anyio

from rlm_async.api import RLM
from rlm_async.bench.score import scored
from rlm_async.core.answer import Answer
from rlm_async.core.profile import Profile
from rlm_async.errors import ConfigError, RLMError
from rlm_async.learning.items import Scored
from rlm_async.testing import VirtualLoop

AT_ONCE = 8
"""Items of one profile that are asked at the same time."""

Version = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Rolled:
    """One run: its item, its score from 0 to 1, and its answer with the trace."""

    item: Scored
    score: float
    answer: Answer = field(repr=False)

    @property
    def tokens(self) -> int:
        """Prompt and completion tokens of the whole run."""
        return self.answer.usage.tokens

    @property
    def calls(self) -> int:
        """Model calls of the whole run."""
        return self.answer.usage.calls


@dataclass(slots=True)
class Roller:
    """Runs items. `make` gives the RLM for a profile; `virtual` runs it in virtual time; `told` hears of each run."""

    make: Callable[[Profile], RLM]
    virtual: bool = False
    told: Callable[[Rolled], None] = lambda _: None
    runs: int = 0
    """How many were made."""
    _known: dict[tuple[Version, str], Rolled] = field(default_factory=dict)

    def roll(self, profile: Profile, items: Sequence[Scored]) -> list[Rolled]:
        """The runs of the items, in order. Raises ConfigError; any other failure is a run that scores 0."""
        version = version_of(profile)
        missing = [item for item in items if (version, item.key) not in self._known]
        if missing:
            for rolled in self._rolled(profile, missing):
                self._known[version, rolled.item.key] = rolled
        return [self._known[version, item.key] for item in items]

    def _rolled(self, profile: Profile, items: Sequence[Scored]) -> list[Rolled]:
        found: dict[str, Rolled] = {}

        async def one(rlm: RLM, item: Scored, limiter: anyio.CapacityLimiter) -> None:
            async with limiter:
                found[item.key] = await _run(rlm, item)
            self.runs += 1
            self.told(found[item.key])

        async def work() -> None:
            limiter = anyio.CapacityLimiter(1 if self.virtual else AT_ONCE)
            async with self.make(profile) as rlm:
                for part in (items,) if not self.virtual else [[item] for item in items]:
                    async with anyio.create_task_group() as tasks:
                        for item in part:
                            tasks.start_soon(one, rlm, item, limiter)

        try:
            if self.virtual:
                with asyncio.Runner(loop_factory=VirtualLoop) as loop:
                    loop.run(work())
            else:
                anyio.run(work)
        except* ConfigError as group:
            raise _first(group) from None
        return [found[item.key] for item in items]


def mean_score(rolled: Sequence[Rolled]) -> float:
    """The mean of their scores."""
    return statistics.fmean(one.score for one in rolled)


def version_of(profile: Profile) -> Version:
    """What a root is shown of a profile."""
    return (profile.name.partition("#")[0], profile.advice, profile.rules, profile.demonstrations)


async def _run(rlm: RLM, item: Scored) -> Rolled:
    try:
        answer = await rlm.ask(item.question, item.context)
    except ConfigError:
        raise
    except RLMError as error:
        failed = error.answer
        return Rolled(
            item, 0.0, failed if isinstance(failed, Answer) else Answer(text="", status="failed", error=error)
        )
    return Rolled(item, 0.0 if answer.status == "failed" else scored(item.kind, answer.text, item.gold), answer)


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The first plain error of a group."""
    found: BaseException = group
    while isinstance(found, BaseExceptionGroup):
        found = found.exceptions[0]
    return found
