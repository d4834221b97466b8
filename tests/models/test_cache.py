"""The cache ring: who pays, who shares, what is never kept."""

import anyio
import pytest

from rlm_async.core.budget import Budget
from rlm_async.core.messages import Completion, Message, Place, Request
from rlm_async.core.usage import Limits, ModelInfo, Usage
from rlm_async.errors import BudgetExceeded, ModelRejected
from rlm_async.models.cache import Cache, MemoryMemo, request_key
from rlm_async.models.stack import Rings, stack
from rlm_async.testing import ScriptedModel

pytestmark = pytest.mark.anyio


def request(prompt="hello", **more):
    return Request(model="m", messages=(Message("user", prompt),), **more)


def budget():
    return Budget("run", Limits())


async def test_a_hit_costs_nothing_and_says_so():
    fake = ScriptedModel("yes")
    model = stack(fake, ModelInfo(name="m"), Rings(memo=MemoryMemo())).model
    await model(request(), budget())
    second = budget()
    completion = await model(request(place=Place("another", 7, 2)), second)
    assert (completion.text, completion.cached, completion.usage, completion.attempts) == ("yes", True, Usage(), 0)
    assert second.usage == Usage()
    assert fake.calls == 1


async def test_equal_requests_in_flight_share_one_call():
    fake = ScriptedModel("yes", latency=1.0)
    model = Cache(fake, MemoryMemo())
    texts = []

    async def ask():
        texts.append((await model(request(), budget())).text)

    async with anyio.create_task_group() as group:
        for _ in range(10):
            group.start_soon(ask)
    assert texts == ["yes"] * 10
    assert fake.calls == 1


@pytest.mark.parametrize(
    "other",
    [{"sample": 1}, {"temperature": 1.0}, {"max_tokens": 5}, {"schema": "{}"}, {"prompt": "other"}],
)
async def test_what_decides_the_reply_decides_the_key(other):
    fake = ScriptedModel(["one", "two"])
    model = Cache(fake, MemoryMemo())
    await model(request(), budget())
    assert (await model(request(**other), budget())).text == "two"


def test_the_place_does_not_decide_the_key():
    assert request_key(request(place=Place("a", 1, 2))) == request_key(request())


async def test_a_fresh_request_is_neither_answered_from_memory_nor_kept():
    fake = ScriptedModel(["one", "two", "three"])
    model = Cache(fake, MemoryMemo())
    texts = [(await model(request(fresh=fresh), budget())).text for fresh in (True, False, True, False)]
    assert texts == ["one", "two", "three", "two"]


async def test_when_the_first_asker_gives_up_the_next_one_asks():
    fake = ScriptedModel("yes", latency=1.0)
    model = Cache(fake, MemoryMemo())
    async with anyio.create_task_group() as group:
        with anyio.CancelScope() as first:

            async def second():
                completion = await model(request(), budget())
                assert completion.text == "yes"

            async def give_up():
                await anyio.sleep(0.5)
                first.cancel()

            group.start_soon(give_up)
            group.start_soon(second)
            await model(request(), budget())
    assert first.cancelled_caught
    assert fake.calls == 2


async def test_a_provider_s_error_is_shared_and_not_kept():
    fake = ScriptedModel([ModelRejected("no"), "yes"], latency=1.0)
    model = Cache(fake, MemoryMemo())
    errors = []

    async def ask():
        try:
            await model(request(), budget())
        except ModelRejected as error:
            errors.append(error)

    async with anyio.create_task_group() as group:
        group.start_soon(ask)
        group.start_soon(ask)
    assert len(errors) == 2
    assert (await model(request(), budget())).text == "yes"


class SlowMemo(MemoryMemo):
    async def recall(self, key):
        await anyio.sleep(1.0)
        return await super().recall(key)


async def test_a_budget_s_refusal_is_not_shared():
    fake = ScriptedModel("yes")
    model = Cache(stack(fake, ModelInfo(name="m"), Rings()).model, SlowMemo())
    outcomes = []

    async def ask(scope):
        try:
            outcomes.append((await model(request(), scope)).text)
        except BudgetExceeded:
            outcomes.append("refused")

    async with anyio.create_task_group() as group:
        group.start_soon(ask, Budget("poor", Limits(calls=0)))
        await anyio.wait_all_tasks_blocked()
        group.start_soon(ask, budget())
    assert outcomes == ["refused", "yes"]
    assert fake.calls == 1


async def test_a_reply_cut_at_its_length_is_not_kept():
    cut = Completion(text="half", finish="length")
    fake = ScriptedModel([cut, "whole"])
    model = Cache(fake, MemoryMemo())
    await model(request(), budget())
    assert (await model(request(), budget())).text == "whole"


async def test_memory_is_bounded():
    memo = MemoryMemo(capacity=2)
    for key in "abc":
        await memo.keep(key, Completion(text=key))
    assert [await memo.recall(key) is not None for key in "abc"] == [False, True, True]
