"""A small world for engine tests: a model, a sandbox and strategies that do what a test writes down."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import anyio
import anyio.lowlevel
import pytest

from rlm_async.core.answer import Result
from rlm_async.core.messages import Completion, Message, Request
from rlm_async.core.query import Query, SubQuery
from rlm_async.core.transcript import Output, Submission
from rlm_async.core.usage import Limits, ModelInfo, Price, Usage
from rlm_async.engine.equipment import Equipment
from rlm_async.engine.run import Naming, run

COST = Usage(calls=1, prompt_tokens=10, completion_tokens=5, nanos=20)


@dataclass
class CountingModel:
    """Echoes the last message, spends COST, and never has more than `cap` requests in flight."""

    cap: int = 64
    reply: Callable[[Request], str] = lambda request: request.messages[-1].text
    requests: list[Request] = field(default_factory=list)
    in_flight: int = 0
    peak: int = 0
    cancelled: int = 0
    hold: anyio.Event | None = None

    def __post_init__(self):
        self.slots = None

    async def __call__(self, request, budget):
        self.slots = self.slots or anyio.Semaphore(self.cap)
        with budget.reserve(COST) as reservation:
            async with self.slots:
                self.requests.append(request)
                self.in_flight += 1
                self.peak = max(self.peak, self.in_flight)
                try:
                    await anyio.lowlevel.checkpoint()
                    if self.hold is not None:
                        await self.hold.wait()
                    text = self.reply(request)
                except anyio.get_cancelled_exc_class():
                    self.cancelled += 1
                    raise
                finally:
                    self.in_flight -= 1
                    reservation.settle(COST)
        return Completion(text=text, usage=COST, model=request.model)


class DirectStrategy:
    async def answer(self, frame):
        completion = await frame.ask(Request(model=frame.query.model, messages=(Message("user", frame.query.prompt),)))
        return Result(completion.text)


@dataclass
class CodeStrategy:
    """Runs the cell that is named like the query's prompt; its answer is the node's."""

    async def answer(self, frame):
        output = await frame.run(frame.query.prompt)
        return Result(output.answer.value if output.answer else None)


Cell = Callable[[object], Awaitable[object]]


@dataclass
class CellSandboxes:
    """Sandboxes in which "code" is the name of an async function of the host; the answer is what it returns."""

    cells: dict[str, Cell]
    opened: int = 0
    closed: int = 0

    @asynccontextmanager
    async def open(self, context, host):
        self.opened += 1
        try:
            yield CellSandbox(self.cells, host)
        finally:
            self.closed += 1


@dataclass
class CellSandbox:
    cells: dict[str, Cell]
    host: object
    layers: tuple[str, ...] = ("none",)

    async def run(self, code):
        cell = self.cells.get(code) or self.cells["*"]
        return Output(answer=Submission(await cell(self.host)))

    async def variables(self):
        return {}


@dataclass
class Bench:
    """Everything a test changes, and `ask` to run it."""

    model: CountingModel = field(default_factory=CountingModel)
    cells: dict[str, Cell] = field(default_factory=dict)
    strategies: dict[str, object] = field(default_factory=dict)
    tools: dict[str, object] = field(default_factory=dict)
    sinks: list = field(default_factory=list)
    price: Price | None = None
    sandboxes: CellSandboxes | None = None

    async def ask(self, prompt="root", strategy="repl", *, clock=None, run_name="run-1", patience=30, **limits):
        self.sandboxes = CellSandboxes(self.cells)
        equipment = Equipment(
            model=self.model,
            info=lambda name: ModelInfo(name=name, price=self.price),
            sandboxes=self.sandboxes,
            strategies={"direct": DirectStrategy(), "repl": CodeStrategy(), **self.strategies},
            sub_model="small",
            models=frozenset({"big", "small"}),
            clock=clock or anyio.current_time,
            limits=Limits(**limits),
            tools=self.tools,
            sinks=self.sinks,
        )
        with anyio.fail_after(patience):
            return await run(Query(prompt=prompt, model="big", strategy=strategy), equipment, Naming(run_name, 0.0))


@pytest.fixture
def bench():
    return Bench()


def llm(prompt, **more):
    return SubQuery(kind="llm", prompt=prompt, **more)


def rlm(prompt, **more):
    return SubQuery(kind="rlm", prompt=prompt, **more)
