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
    async def recall(self, request, key):
        await anyio.sleep(1.0)
        return await super().recall(request, key)


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
        await memo.keep(request(), key, Completion(text=key))
    assert [await memo.recall(request(), key) is not None for key in "abc"] == [False, True, True]


class PaidMemo:
    """Knows every request, and has what it had cost charged again; notes how the others ended."""

    usage = Usage(calls=1, prompt_tokens=10, completion_tokens=5, nanos=7)

    def __init__(self, *known):
        self.known, self.ended = set(known), []

    async def recall(self, asked, key):
        known = asked.messages[-1].text in self.known
        return Completion(text="kept", usage=self.usage, attempts=3) if known else None

    async def keep(self, asked, key, outcome):
        self.ended.append(outcome if outcome is None or isinstance(outcome, Completion) else type(outcome).__name__)


async def test_what_a_memo_charges_is_charged_to_the_ledger_and_nothing_is_asked():
    fake, ledger = ScriptedModel("new"), budget()
    completion = await Cache(fake, PaidMemo("hello"))(request(), ledger)
    assert (completion.text, completion.cached, completion.attempts, fake.calls) == ("kept", True, 0, 0)
    assert ledger.usage == completion.usage == Usage(calls=1, prompt_tokens=10, completion_tokens=5, nanos=7)
    assert (ledger.held.calls, ledger.spent.calls) == (0, 1)


async def test_what_a_memo_charges_has_to_fit_the_budget():
    with pytest.raises(BudgetExceeded):
        await Cache(ScriptedModel("new"), PaidMemo("hello"))(request(), Budget("poor", Limits(calls=0)))


async def test_what_is_recalled_for_a_last_turn_takes_the_part_kept_back_before_anybody_else_can():
    ledger = Budget("run", Limits(calls=2))
    keep = ledger.keep(Usage(calls=1))
    model = Cache(stack(ScriptedModel("new", latency=1.0), ModelInfo(name="m"), Rings()).model, PaidMemo("hello"))
    outcomes = []

    async def ask(prompt, *, last=False):
        if last:
            keep.release()
        try:
            outcomes.append((prompt, (await model(request(prompt, last=last), ledger)).text))
        except BudgetExceeded:
            outcomes.append((prompt, "refused"))

    async with anyio.create_task_group() as group:
        group.start_soon(ask, "first")
        await anyio.wait_all_tasks_blocked()
        group.start_soon(ask, "second")
        await ask("hello", last=True)
    assert ("hello", "kept") in outcomes
    assert ledger.usage.calls == 2


async def test_a_memo_is_told_of_every_end_but_not_of_what_it_knew():
    memo = PaidMemo("hello")
    model = Cache(ScriptedModel(["fine", ModelRejected("no")]), memo)
    await model(request(), budget())
    await model(request("one"), budget())
    with pytest.raises(ModelRejected):
        await model(request("two"), budget())
    with anyio.CancelScope() as scope:
        model = Cache(ScriptedModel("late", latency=1.0), memo)
        scope.cancel()
        await model(request("three"), budget())
    assert [end.text if isinstance(end, Completion) else end for end in memo.ended] == ["fine", "ModelRejected", None]


def test_what_a_prompt_tells_of_the_moment_does_not_decide_the_key():
    told = [
        f"3 files\n\nLeft: {line} Begin with code." for line in ("20 turns, 12 model calls, $1.2, 590 s.", "1 turn.")
    ]
    assert request_key(request(told[0])) == request_key(request(told[1]))
    assert request_key(request(told[0])) != request_key(request(told[0].replace("3 files", "4 files")))
    assert request_key(request("what is Left: 3 turns.")) != request_key(request("what is Left: 4 turns."))
