"""Requests made ahead of a node's code: bounded, shared with the node that asks, paid for in the open."""

from __future__ import annotations

from dataclasses import dataclass, replace

import anyio
import anyio.lowlevel
import pytest

from rlm_async.core.events import ModelReplied, Speculated
from rlm_async.core.query import SubQuery
from rlm_async.core.usage import NANO, Price
from rlm_async.engine.speculation import NARROW
from rlm_async.errors import ModelUnavailable
from tests.engine.conftest import COST, CountingModel

pytestmark = pytest.mark.anyio


@dataclass
class GatedModel(CountingModel):
    """As the real rings do, it says of a request made ahead that it has gone out."""

    async def __call__(self, request, budget):
        if request.guess is not None:
            request.guess.sent = True
        return await super().__call__(request, budget)


def query(prompt, **options):
    return SubQuery(kind="llm", prompt=prompt, **options)


def foresee(host, *prompts, sure=True, told=None):
    for prompt in prompts:
        host.foresee(query(prompt), (told if told is not None else []).append, sure=sure)


async def reach(model, count):
    while len(model.requests) < count:
        await anyio.lowlevel.checkpoint()


async def rest():
    for _ in range(30):
        await anyio.lowlevel.checkpoint()


async def test_a_hint_becomes_a_node_only_when_the_code_asks(bench):
    told = []

    async def cell(host):
        foresee(host, "a", "b", "c", told=told)
        await rest()
        assert sorted(request.messages[-1].text for request in bench.model.requests) == ["a", "b", "c"]
        replies = await host.spawn([query("b")])
        host.forgo()
        return replies[0].value

    bench.model = GatedModel()
    bench.cells["root"] = cell
    answer = await bench.ask()
    assert answer.data == "b"
    assert len(answer.graph.nodes) == 2
    assert len(bench.model.requests) == 3
    assert sorted(told) == ["a", "b", "c"]
    assert answer.usage.calls == 3
    assert answer.usage.speculative.calls == 2
    replied = [event for event in answer.trace if isinstance(event, ModelReplied)]
    assert [event.usage for event in replied] == [COST]
    assert len([event for event in answer.trace if isinstance(event, Speculated)]) == 2
    assert sum(usage.calls for usage in answer.usage.by_depth.values()) == 3


async def test_what_nobody_asked_for_is_cancelled_at_the_end_of_the_cell_and_counted(bench):
    async def cell(host):
        foresee(host, *"abcd")
        await reach(bench.model, 4)
        host.forgo()
        await rest()
        assert bench.model.in_flight == 0
        return "done"

    bench.model = GatedModel(hold=anyio.Event())
    bench.cells["root"] = cell
    answer = await bench.ask()
    assert bench.model.cancelled == 4
    assert answer.usage.speculative.calls == answer.usage.calls == 4


async def test_a_request_in_flight_is_taken_over_by_the_query_that_asks_for_it(bench):
    async def cell(host):
        foresee(host, "a")
        await reach(bench.model, 1)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(host.spawn, [query("a")])
            await rest()
            bench.model.hold.set()
        host.forgo()
        return len(bench.model.requests)

    bench.model = GatedModel(hold=anyio.Event())
    bench.cells["root"] = cell
    answer = await bench.ask()
    assert answer.data == 1
    assert answer.usage.speculative.calls == 0


async def test_speculation_takes_a_tenth_of_what_is_left_and_more_only_as_the_code_catches_up(bench):
    async def cell(host):
        foresee(host, *"abcdefghij")
        await rest()
        assert len(bench.model.requests) == 3  # of 31
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(host.spawn, [query("a")])
            await rest()
            assert len(bench.model.requests) == 4
            bench.model.hold.set()
        host.forgo()

    bench.model = GatedModel(hold=anyio.Event())
    bench.cells["root"] = cell
    answer = await bench.ask(calls=32)  # one is kept back for the last turn
    assert answer.error is None
    assert answer.usage.calls == 4


async def test_all_nodes_of_a_run_share_one_allowance(bench):
    children = 4

    async def root(host):
        await host.spawn([SubQuery(kind="rlm", prompt=f"child {i}") for i in range(children)])

    async def child(host):
        foresee(host, *[f"{id(host)} {i}" for i in range(10)])
        await rest()
        seen.append(len(bench.model.requests))
        while len(seen) < children:
            await anyio.lowlevel.checkpoint()
        host.forgo()

    seen = []
    bench.model = GatedModel(hold=anyio.Event())
    bench.cells.update({"root": root, "*": child})
    await bench.ask(calls=60, depth=3)
    assert max(seen) <= 5  # a tenth of what the last turns leave of 60


@pytest.mark.parametrize(("limit", "most"), [({"tokens": 45_000}, 270), ({"usd": 60_000 / NANO}, 180)])
async def test_the_share_holds_for_tokens_and_money_too(bench, limit, most):
    async def cell(host):
        foresee(host, *[str(i) for i in range(400)])
        await rest()
        assert 0 < len(bench.model.requests) <= min(most, 64)
        host.forgo()

    bench.model = GatedModel()
    bench.price = Price(prompt=0.001, completion=0.002)
    bench.cells["root"] = cell
    await bench.ask(**limit)


async def test_where_a_loop_may_stop_only_a_few_go_ahead(bench):
    async def cell(host):
        foresee(host, *"abcdefghij", sure=False)
        await rest()
        assert len(bench.model.requests) == NARROW
        host.forgo()

    bench.model = GatedModel(hold=anyio.Event())
    bench.cells["root"] = cell
    assert (await bench.ask()).error is None


async def test_a_request_that_failed_ahead_is_made_again_by_its_own_node(bench):
    failures = [ModelUnavailable("down for a moment")]

    class Flaky(GatedModel):
        async def __call__(self, request, budget):
            completion = await super().__call__(request, budget)
            if failures:
                raise failures.pop()
            return completion

    async def cell(host):
        foresee(host, "a")
        await rest()
        reply = (await host.spawn([query("a")]))[0]
        host.forgo()
        return [reply.value, reply.error]

    bench.model = Flaky()
    bench.cells["root"] = cell
    answer = await bench.ask()
    assert answer.data == ["a", None]
    assert answer.usage.calls == 2
    assert answer.usage.speculative.calls == 1


async def test_a_reply_that_was_cut_short_ahead_is_not_taken(bench):
    class Short(GatedModel):
        async def __call__(self, request, budget):
            completion = await super().__call__(request, budget)
            return replace(completion, finish="length", text="cut") if request.guess else completion

    async def cell(host):
        foresee(host, "a")
        await rest()
        reply = (await host.spawn([query("a")]))[0]
        host.forgo()
        return reply.value

    bench.model = Short()
    bench.cells["root"] = cell
    answer = await bench.ask()
    assert answer.data == "a"
    assert answer.usage.speculative.calls == 1


async def test_one_that_still_waits_for_its_turn_is_made_anew_by_the_code_that_asks(bench):
    async def cell(host):
        foresee(host, "a")
        await reach(bench.model, 1)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(host.spawn, [query("a")])
            await rest()
            assert bench.model.cancelled == 1
            assert [request.guess is None for request in bench.model.requests] == [False, True]
            bench.model.hold.set()
        host.forgo()

    class Queueing(CountingModel):
        async def __call__(self, request, budget):
            if request.guess is not None:
                request.guess.queued = True
            return await super().__call__(request, budget)

    bench.model = Queueing(hold=anyio.Event())
    bench.cells["root"] = cell
    assert (await bench.ask()).error is None


async def test_code_that_asks_for_its_budget_does_not_see_what_was_spent_ahead(bench):
    async def cell(host):
        before = dict(host.budget())
        foresee(host, "a", "b")
        await rest()
        ahead = dict(host.budget())
        await host.spawn([query("a")])
        after = dict(host.budget())
        host.forgo()
        return [before["calls"], ahead["calls"], after["calls"], before["tokens"] - after["tokens"]]

    bench.model = GatedModel()
    bench.cells["root"] = cell
    answer = await bench.ask(calls=101)
    assert answer.data == [100, 100, 99, COST.tokens]


async def test_what_may_not_be_asked_ahead_is_not(bench):
    async def cell(host):
        for hint in (
            query("a", cached=False),
            query("b", grant={"calls": 1}),
            query("c", model="a stranger"),
            SubQuery(kind="rlm", prompt="d"),
        ):
            host.foresee(hint, [].append, sure=True)
        await host.spawn([query("e")])
        foresee(host, "e")
        await rest()
        host.forgo()
        return len(bench.model.requests)

    bench.model = GatedModel()
    bench.cells["root"] = cell
    answer = await bench.ask(depth=2)
    assert answer.data == 1


async def test_at_every_instant_spent_and_held_stay_under_the_limit(bench):
    class Watching(GatedModel):
        async def __call__(self, request, budget):
            for scope, resource, ceiling in budget.bounds:
                assert scope.taken(resource) <= ceiling
            return await super().__call__(request, budget)

    async def cell(host):
        errors = []
        for i in range(40):
            foresee(host, *[f"{j}" for j in range(i, i + 12)])
            await rest()
            errors.append((await host.spawn([query(f"{i}")]))[0].error)
        host.forgo()
        return errors

    bench.model = Watching()
    bench.cells["root"] = cell
    answer = await bench.ask(calls=31)
    assert answer.usage.calls <= 31
    assert answer.data == [None] * 30 + ["BudgetExceeded"] * 10


async def test_a_run_that_ends_leaves_nothing_ahead_of_it(bench):
    async def cell(host):
        foresee(host, "a", "b")
        await reach(bench.model, 2)
        return "left them"

    bench.model = GatedModel(hold=anyio.Event())
    bench.cells["root"] = cell
    answer = await bench.ask()
    assert bench.model.in_flight == 0
    assert answer.usage.calls == answer.usage.speculative.calls == 2
