"""Money over random trees: through the real scheduler, frames and rings, no scope is ever past its limit."""

from __future__ import annotations

import os
import random
from contextlib import asynccontextmanager
from dataclasses import dataclass

import anyio
from hypothesis import given, settings
from hypothesis import strategies as st

from rlm_async.core.answer import Result
from rlm_async.core.budget import RESOURCES, Amount, Budget, Tally
from rlm_async.core.messages import Completion, Message, Request
from rlm_async.core.query import Query, SubQuery
from rlm_async.core.transcript import Output, Submission
from rlm_async.core.usage import Limits, ModelInfo, Price, Rates, Usage
from rlm_async.engine import run as engine
from rlm_async.engine.equipment import Equipment
from rlm_async.errors import BudgetExceeded, ModelError, ModelRejected, ModelUnavailable, RateLimited
from rlm_async.models.retry import Patience
from rlm_async.models.stack import Rings
from rlm_async.models.table import ModelTable, Sources
from rlm_async.testing import ScriptedModel, VirtualLoop

EXAMPLES = int(os.environ.get("RLM_ASYNC_EXAMPLES", "40"))
INFO = ModelInfo(name="m", price=Price(prompt=1.0, completion=10.0))
PROMPT = 30
"""Tokens at most of a prompt of a few words."""
FOREVER = 1_000_000.0
"""Virtual seconds after which a run that has not ended never will."""


class WatchedAmount(Amount):
    """A column of a ledger that looks at its scope after every change."""

    __slots__ = ("scope",)

    def add(self, usage, sign=1):
        super().add(usage, sign)
        self.scope.look()


class WatchedTally(Tally):
    """The column of what was spent, looked at as the others are."""

    __slots__ = ("scope",)

    def add(self, usage):
        super().add(usage)
        self.scope.look()


class WatchedBudget(Budget):
    """A scope that is looked at whenever anything in it changes, and so are all below it."""

    every: list[WatchedBudget]

    def __init__(self, name, limits, parent=None):
        super().__init__(name, limits, parent)
        self.every = parent.every if isinstance(parent, WatchedBudget) else []
        self.every.append(self)
        self.spent, self.held, self.kept = WatchedTally(), WatchedAmount(), WatchedAmount()
        for column in (self.spent, self.held, self.kept):
            column.scope = self

    def child(self, name, **grant):
        plain = super().child(name, **grant)
        return WatchedBudget(name, plain.limits, self)

    def look(self):
        for resource in RESOURCES:
            left = self.remaining(resource)
            assert left is None or left >= 0, f"{self.name} has overdrawn {resource} by {-left}"
            assert getattr(self.held, resource) >= 0
            assert getattr(self.kept, resource) >= 0


@dataclass(frozen=True)
class Branch:
    """One node of a tree to be asked: its children, its grant, when its code loses patience with them."""

    children: tuple[Branch, ...] = ()
    grant: tuple[tuple[str, float], ...] = ()
    patience: float | None = None
    shared: bool = False
    """Asks what another branch may ask too."""


grants = st.sampled_from([(), (), (), (("calls", 3),), (("tokens", 4_000),), (("usd", 0.01),), (("seconds", 4.0),)])
leaves = st.builds(Branch, grant=grants, shared=st.booleans())
trees = st.recursive(
    leaves,
    lambda below: st.builds(
        Branch,
        children=st.lists(below, min_size=1, max_size=5).map(tuple),
        grant=grants,
        patience=st.none() | st.none() | st.floats(0.1, 6.0),
    ),
    max_leaves=20,
)
limits = st.builds(
    Limits,
    depth=st.integers(1, 5),
    calls=st.none() | st.integers(1, 60),
    tokens=st.none() | st.integers(300, 60_000),
    usd=st.none() | st.floats(0.0005, 0.5),
    seconds=st.none() | st.floats(1.0, 60.0),
)


class Shaky(ScriptedModel):
    """Answers, is down, is busy, refuses; uses at most what it was given."""

    def __init__(self, seed):
        super().__init__(self.answer, latency=lambda asked: self.chance.random() * 3)
        self.chance = random.Random(seed)

    def answer(self, asked):
        chance = self.chance.random()
        if chance < 0.1:
            return ModelUnavailable("down", received=self.chance.choice([None, asked.max_tokens]))
        if chance < 0.15:
            return RateLimited("slow down", self.chance.choice([None, 1.0]))
        if chance < 0.2:
            return ModelRejected("no")
        tokens = self.chance.randint(0, asked.max_tokens)
        return Completion(
            text="ok", usage=Usage(calls=1, prompt_tokens=self.chance.randint(1, PROMPT), completion_tokens=tokens)
        )


class Asking:
    """A strategy: ask, run the branch's code, and where a limit says no, answer from the last turn."""

    async def answer(self, frame):
        request = Request(
            model="m", messages=(Message("user", "?"),), max_tokens=random.Random(frame.depth).choice([None, 50])
        )
        try:
            if frame.query.strategy == "direct":
                return Result((await frame.ask(request)).text)
            await frame.ask(request)
            await frame.run(frame.query.prompt)
            return Result((await frame.ask(request)).text)
        except BudgetExceeded as refusal:
            if frame.query.strategy == "direct":
                raise
            return Result((await frame.ask(request, last=True)).text, refusal.resource)


@dataclass
class Forest:
    """The tree as sandboxes: the code of a branch asks its children, and may lose patience."""

    branches: dict[str, Branch]

    @asynccontextmanager
    async def open(self, context, host):
        yield Grown(self, host)


@dataclass
class Grown:
    forest: Forest
    host: object
    layers: tuple[str, ...] = ()

    async def run(self, code):
        queries = []
        for number, child in enumerate(self.forest.branches[code].children):
            name = "the same" if child.shared and not child.children else f"{code}.{number}"
            self.forest.branches[name] = child
            kind = "rlm" if child.children else "llm"
            queries.append(SubQuery(kind=kind, prompt=name, grant=dict(child.grant)))
        with anyio.move_on_after(self.forest.branches[code].patience):
            await self.host.spawn(queries)
        return Output(answer=Submission("done"))

    async def variables(self):
        return {}


async def grown(tree, limit, seed, cap, gone_after):
    """Run a tree in virtual time; the ledger, the model, the answer (None where the caller gave up), who is left at gates."""
    model = Shaky(seed)
    rings = Rings(rates=Rates(concurrency=cap), patience=Patience(attempts=3), chance=random.Random(seed))
    table = ModelTable(Sources(given={"m": model}, infos={"m": INFO}), rings)
    above = WatchedBudget("all", Limits(calls=None, tokens=None))
    equipment = Equipment(
        model=table,
        info=lambda name: INFO,
        sandboxes=Forest({"root": tree}),
        strategies={"direct": Asking(), "repl": Asking()},
        sub_model="m",
        models=frozenset({"m"}),
        clock=anyio.current_time,
        limits=limit,
        above=above,
    )
    answer = None
    with anyio.fail_after(FOREVER), anyio.move_on_after(gone_after):
        answer = await engine.run(
            Query(prompt="root", model="m", strategy="repl"), equipment, engine.Naming("run", 0.0)
        )
    left = [gate.in_flight + gate.waiting for gate in table.statistics().values()]
    return above, model, answer, left


@given(
    tree=trees,
    limit=limits,
    seed=st.integers(0, 2**32),
    cap=st.integers(1, 6),
    gone_after=st.none() | st.none() | st.floats(0.1, 20.0),
)
@settings(max_examples=EXAMPLES, deadline=None)
def test_no_scope_is_past_its_limit_at_any_instant_of_a_random_run(tree, limit, seed, cap, gone_after):
    """Grants, failures, retries, cancellations from inside, outside and by the clock, with any number in flight."""
    engine_budget = engine.Budget
    engine.Budget = WatchedBudget
    try:
        above, model, answer, left = anyio.run(
            grown, tree, limit, seed, cap, gone_after, backend_options={"loop_factory": VirtualLoop}
        )
    finally:
        engine.Budget = engine_budget
    assert len(above.every) > 2, "the scopes of the run were watched"
    for scope in above.every:
        scope.look()
        assert all(getattr(column, name) == 0 for column in (scope.held, scope.kept) for name in RESOURCES)
    assert model.peak <= cap
    assert model.in_flight == 0
    assert not any(left), "nobody is left at a gate"
    assert above.usage.calls == model.calls, "every attempt that went out is counted, and nothing else"
    if answer is None:
        return
    assert answer.usage.calls == model.calls
    assert answer.error is None or isinstance(answer.error, (BudgetExceeded, ModelError))
