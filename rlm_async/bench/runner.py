"""Runs the points of a sweep, one question after the other, and keeps a row for each; goes on where it stopped."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace

import anyio

from rlm_async.api import RLM
from rlm_async.bench.arms import Endpoint, model_usage, rlm_for
from rlm_async.bench.measuring import costs, course, coverage
from rlm_async.bench.points import Point, Row, Source
from rlm_async.bench.score import scored
from rlm_async.bench.sim.knowledge import Knowledge
from rlm_async.bench.sim.profile import simulated
from rlm_async.bench.store import Rows
from rlm_async.bench.windows import Task, Window, window
from rlm_async.core.answer import Answer
from rlm_async.errors import ConfigError, RLMError
from rlm_async.journal import Journal
from rlm_async.models.local.choice import is_local
from rlm_async.testing import VirtualLoop

SAID = 300
"""Characters of an answer that a row keeps."""

Told = Callable[[Row], None]


@dataclass(slots=True)
class Bench:
    """What all points of a sweep share. `told` hears of each new row."""

    tasks: Mapping[str, Task]
    knowledge: Knowledge
    rows: Rows
    endpoint: Endpoint = field(default_factory=Endpoint)
    questions: int | None = None
    """Of each window at most; None is all."""
    told: Told = lambda _: None
    journal: Journal | None = None
    """Where the runs are kept, beside their rows; the caller's to close. It must begin each run anew."""
    _windows: dict[tuple[str, int, int], Window] = field(default_factory=dict)

    def run(self, points: Iterable[Point]) -> None:
        """Run every point whose rows are not there yet. Raises ConfigError; a failed question is a row."""
        for point in points:
            if point.budget is not None:
                self._point(replace(point, budget=None))
            self._point(point)

    def window(self, point: Point) -> Window:
        """The window of a point; the last one made is kept, since points of one window follow each other."""
        name = (point.task, point.size, point.seed)
        if name not in self._windows:
            self._windows.clear()
            self._windows[name] = window(self.tasks[point.task], point.size, point.seed)
        return self._windows[name]

    def asked(self, made: Window) -> tuple[int, ...]:
        """Which questions of a window are asked; with fewer than all, others of each next window, so that all count."""
        numbers = range(len(made.questions))
        if self.questions is None or self.questions >= len(numbers):
            return tuple(numbers)
        first = made.seed * self.questions
        return tuple(sorted((first + step) % len(numbers) for step in range(self.questions)))

    def _point(self, point: Point) -> None:
        made = self.window(point)
        open_ = [number for number in self.asked(made) if point.key(number) not in self.rows]
        if not open_:
            return

        async def work() -> None:
            async with AsyncExitStack() as stack:
                rlm = None
                for number in open_:
                    if rlm is None or point.budget is not None:  # a budget is each question's own
                        usd = self._usd(point, number)
                        made_for = rlm_for(point, self.knowledge, self.endpoint, usd, self.journal)
                        rlm = await stack.enter_async_context(made_for)
                    row = await _row(rlm, point, made, number)
                    self.rows.add(row)
                    self.told(row)

        if point.clock == "virtual":
            with asyncio.Runner(loop_factory=VirtualLoop) as loop:
                loop.run(work())
        else:
            anyio.run(work, backend="asyncio")

    def _usd(self, point: Point, number: int) -> float | None:
        """The part that a budget leaves of what the point used without one. Raises ConfigError without a price."""
        if point.budget is None:
            return None
        used = self.rows[replace(point, budget=None).key(number)].usd
        if not used:
            raise ConfigError(
                f"--budget: the price of {point.model} is unknown, so no part of it can be set as a limit"
            )
        return used * point.budget


async def _row(rlm: RLM, point: Point, made: Window, number: int) -> Row:
    try:
        answer = await rlm.ask(made.questions[number].text, made.context)
    except ConfigError:
        raise
    except RLMError as error:
        answer = _failed(error)
    return row(point, made, number, answer)


def row(point: Point, made: Window, number: int, answer: Answer) -> Row:
    """The row of an answer."""
    question = made.questions[number]
    usage = model_usage(answer.usage.by_model)
    went = course(answer)
    return Row(
        key=point.key(number),
        point=point,
        source=source_of(point.model, point.sub_model),
        family=question.family,
        tokens=made.tokens,
        score=0.0 if answer.status == "failed" else scored(question.kind, answer.text, question.gold),
        status=answer.status,
        limit=answer.limit,
        error="" if answer.error is None else f"{type(answer.error).__name__}: {answer.error}"[:SAID],
        wall=answer.usage.seconds,
        critical=went.critical,
        work=went.work,
        longest=went.longest,
        serial=went.serial,
        calls=usage.calls,
        prompt_tokens=usage.prompt_tokens,
        completion_tokens=usage.completion_tokens,
        usd=usage.usd,
        peak=went.peak,
        coverage=coverage(made, answer),
        shared_nodes=went.shared,
        cached=went.cached,
        failures=went.failures,
        by_depth=costs(answer.usage.by_depth),
        by_model=costs(answer.usage.by_model),
        said=answer.text[:SAID],
        run=answer.run,
    )


def source_of(*models: str) -> Source:
    """Whether models are simulated, run on this machine, or are somebody's; of several, the last of these counts."""
    kinds = {"simulated" if simulated(model) else "local" if is_local(model) else "real" for model in models}
    return "real" if "real" in kinds else "local" if "local" in kinds else "simulated"


def _failed(error: RLMError) -> Answer:
    """The failed answer that an error carries, with its usage and trace; an empty one where no run had begun."""
    answer = error.answer
    return answer if isinstance(answer, Answer) else Answer(text="", status="failed", error=error)
