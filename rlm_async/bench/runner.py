"""Runs the cells of a sweep, one question after the other, and keeps a row for each; goes on where it stopped."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace

import anyio

from rlm_async.api import RLM
from rlm_async.bench.arms import Endpoint, model_usage, rlm_for
from rlm_async.bench.cells import Cell, Row, Source
from rlm_async.bench.measuring import costs, course, coverage
from rlm_async.bench.score import scored
from rlm_async.bench.sim.knowledge import Knowledge
from rlm_async.bench.sim.profile import simulated
from rlm_async.bench.store import Rows
from rlm_async.bench.windows import Question, Task, Window, window
from rlm_async.core.answer import Answer
from rlm_async.errors import ConfigError, RLMError
from rlm_async.models.local.choice import is_local
from rlm_async.testing import VirtualLoop

SAID = 300
"""Characters of an answer that a row keeps."""

Told = Callable[[Row], None]


@dataclass(slots=True)
class Bench:
    """What all cells of a sweep share. `told` hears of each new row."""

    tasks: Mapping[str, Task]
    knowledge: Knowledge
    rows: Rows
    endpoint: Endpoint = field(default_factory=Endpoint)
    questions: int | None = None
    """Of each window at most; None is all."""
    told: Told = lambda _: None
    _windows: dict[tuple[str, int, int], Window] = field(default_factory=dict)

    def run(self, cells: Iterable[Cell]) -> None:
        """Run every cell whose rows are not there yet. Raises ConfigError; a failed question is a row."""
        for cell in cells:
            if cell.budget is not None:
                self._cell(replace(cell, budget=None))
            self._cell(cell)

    def window(self, cell: Cell) -> Window:
        """The window of a cell; the last one made is kept, since cells of one window follow each other."""
        name = (cell.task, cell.size, cell.seed)
        if name not in self._windows:
            self._windows.clear()
            self._windows[name] = window(self.tasks[cell.task], cell.size, cell.seed)
        return self._windows[name]

    def asked(self, made: Window) -> tuple[Question, ...]:
        """The questions of a window that are asked."""
        return made.questions[: self.questions]

    def _cell(self, cell: Cell) -> None:
        made = self.window(cell)
        open_ = [number for number in range(len(self.asked(made))) if cell.key(number) not in self.rows]
        if not open_:
            return

        async def work() -> None:
            async with AsyncExitStack() as stack:
                rlm = None
                for number in open_:
                    if rlm is None or cell.budget is not None:  # a budget is each question's own
                        usd = self._usd(cell, number)
                        rlm = await stack.enter_async_context(rlm_for(cell, self.knowledge, self.endpoint, usd))
                    row = await _row(rlm, cell, made, number)
                    self.rows.add(row)
                    self.told(row)

        if cell.clock == "virtual":
            with asyncio.Runner(loop_factory=VirtualLoop) as loop:
                loop.run(work())
        else:
            anyio.run(work, backend="asyncio")

    def _usd(self, cell: Cell, number: int) -> float | None:
        """The part that a budget leaves of what the cell used without one. Raises ConfigError without a price."""
        if cell.budget is None:
            return None
        used = self.rows[replace(cell, budget=None).key(number)].usd
        if not used:
            raise ConfigError(f"--budget: the price of {cell.model} is unknown, so no part of it can be set as a limit")
        return used * cell.budget


async def _row(rlm: RLM, cell: Cell, made: Window, number: int) -> Row:
    try:
        answer = await rlm.ask(made.questions[number].text, made.context)
    except ConfigError:
        raise
    except RLMError as error:
        answer = _failed(error)
    return row(cell, made, number, answer)


def row(cell: Cell, made: Window, number: int, answer: Answer) -> Row:
    """The row of an answer."""
    question = made.questions[number]
    usage = model_usage(answer.usage.by_model)
    went = course(answer)
    return Row(
        key=cell.key(number),
        cell=cell,
        source=source_of(cell.model, cell.sub_model),
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
    )


def source_of(*models: str) -> Source:
    """Whether models are simulated, run on this machine, or are somebody's; of several, the last of these counts."""
    kinds = {"simulated" if simulated(model) else "local" if is_local(model) else "real" for model in models}
    return "real" if "real" in kinds else "local" if "local" in kinds else "simulated"


def _failed(error: RLMError) -> Answer:
    """The failed answer that an error carries, with its usage and trace; an empty one where no run had begun."""
    answer = error.answer
    return answer if isinstance(answer, Answer) else Answer(text="", status="failed", error=error)
