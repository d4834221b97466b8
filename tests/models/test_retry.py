"""Retries: what is tried again, how often, how long; and what is charged for it."""

from itertools import pairwise
from random import Random

import anyio
import pytest

from rlm_async.core.budget import Budget
from rlm_async.core.messages import Message, Request
from rlm_async.core.usage import Limits, ModelInfo, Price, Rates
from rlm_async.errors import BudgetExceeded, ContextOverflow, ModelRejected, ModelUnavailable, RateLimited
from rlm_async.models.retry import Patience, Retry
from rlm_async.models.stack import Rings, stack
from rlm_async.testing import ScriptedModel

pytestmark = pytest.mark.anyio
REQUEST = Request(model="m", messages=(Message("user", "hello"),), max_tokens=10)
FREE = ModelInfo(name="m", price=Price(prompt=0, completion=0))


def retrying(model, **patience):
    return Retry(model, Patience(**patience), Random(7))


def ringed(model, info=FREE, **patience):
    return stack(model, info, Rings(patience=Patience(**patience), chance=Random(7))).model


@pytest.mark.parametrize("error", [ModelUnavailable("down"), RateLimited("slow down"), RateLimited("slow down", 3.0)])
async def test_what_may_go_through_later_is_tried_again(error):
    model = ScriptedModel([error, error, "yes"])
    completion = await retrying(model)(REQUEST, Budget("run", Limits()))
    assert (completion.text, completion.attempts, model.calls) == ("yes", 3, 3)
    assert [retried.error for retried in completion.retries] == [type(error).__name__] * 2
    assert all(retried.pause > 0 for retried in completion.retries)


@pytest.mark.parametrize("error", [ModelRejected("bad key"), ContextOverflow("too long")])
async def test_what_will_never_go_through_surfaces_at_once_as_what_it_is(error):
    model = ScriptedModel([error, "yes"])
    with pytest.raises(type(error)) as caught:
        await retrying(model)(REQUEST, Budget("run", Limits()))
    assert caught.value is error
    assert model.calls == 1


async def test_the_number_of_attempts_is_bounded_and_told():
    model = ScriptedModel(lambda asked: ModelUnavailable("the server is down"))
    with pytest.raises(ModelUnavailable, match=r"^the server is down \(tried 3 times\)$") as caught:
        await retrying(model, attempts=3)(REQUEST, Budget("run", Limits()))
    assert model.calls == 3
    assert len(caught.value.retries) == 2


async def test_waits_double_with_jitter_and_are_the_same_for_the_same_seed():
    async def waits():
        times = []

        def fail(asked):
            times.append(anyio.current_time())
            return ModelUnavailable("down")

        with pytest.raises(ModelUnavailable):
            await retrying(ScriptedModel(fail), attempts=6, shortest=1.0, longest=4.0)(REQUEST, Budget("run", Limits()))
        return [later - earlier for earlier, later in pairwise(times)]

    first, second = await waits(), await waits()
    assert first == pytest.approx(second)
    for wait, mean in zip(first, [1, 2, 4, 4, 4], strict=True):
        assert 0.5 * mean <= wait <= 1.5 * mean
    assert len({round(wait, 3) for wait in first}) == 5


async def test_the_provider_s_wait_is_honoured():
    model = ScriptedModel([RateLimited("slow down", 30.0), "yes"])
    began = anyio.current_time()
    completion = await retrying(model)(REQUEST, Budget("run", Limits()))
    assert 30.0 <= anyio.current_time() - began <= 31.0
    assert completion.waited >= 30.0


async def test_a_wait_that_would_outlast_patience_is_not_begun():
    model = ScriptedModel([RateLimited("come back tomorrow", 86_400.0), "yes"])
    began = anyio.current_time()
    with pytest.raises(RateLimited) as caught:
        await retrying(model, seconds=60.0)(REQUEST, Budget("run", Limits()))
    assert caught.value.retry_after == 86_400.0
    assert anyio.current_time() == began


async def test_time_in_the_queue_before_the_first_failure_does_not_count_against_patience():
    model = ScriptedModel([ModelUnavailable("down"), "yes"], latency=1_000.0)
    completion = await retrying(model, seconds=10.0)(REQUEST, Budget("run", Limits()))
    assert completion.text == "yes"


async def test_giving_up_between_attempts_ends_the_call_at_once():
    model = ScriptedModel([RateLimited("slow down", 50.0), "yes"])
    with anyio.move_on_after(5) as scope:
        await retrying(model)(REQUEST, Budget("run", Limits()))
    assert scope.cancelled_caught
    assert model.calls == 1


async def test_every_attempt_is_a_call_and_the_last_of_the_limit_is_not_overdrawn():
    model = ScriptedModel([ModelUnavailable("down"), ModelUnavailable("down"), "yes"])
    budget = Budget("run", Limits(calls=3))
    completion = await ringed(model)(REQUEST, budget)
    assert completion.usage.calls == budget.usage.calls == budget.spent.calls == 3


async def test_where_no_further_attempt_can_be_paid_the_providers_error_stands():
    model = ScriptedModel(lambda asked: ModelUnavailable("the server is down"))
    budget = Budget("run", Limits(calls=2))
    with pytest.raises(ModelUnavailable, match="the server is down"):
        await ringed(model)(REQUEST, budget)
    assert (model.calls, budget.spent.calls, budget.held.calls) == (2, 2, 0)
    with pytest.raises(BudgetExceeded):
        await ringed(model)(REQUEST, budget)


async def test_a_reply_that_broke_off_is_paid_and_a_refused_connection_is_not():
    info = ModelInfo(name="m", price=Price(prompt=1.0, completion=1.0))
    broke = ModelUnavailable("cut in the middle", received=7)
    refused = ModelUnavailable("no connection")
    one, other = Budget("one", Limits()), Budget("other", Limits())
    with pytest.raises(ModelUnavailable):
        await ringed(ScriptedModel([broke]), info, attempts=1)(REQUEST, one)
    with pytest.raises(ModelUnavailable):
        await ringed(ScriptedModel([refused]), info, attempts=1)(REQUEST, other)
    assert one.usage.completion_tokens == 7
    assert one.usage.prompt_tokens > 0
    assert one.spent.usd == one.usage.tokens * 1000
    assert (other.usage.calls, other.usage.tokens, other.usage.nanos) == (1, 0, 0)


async def test_a_retry_waits_its_turn_at_the_gate_again():
    order = []

    def answer(asked):
        order.append(asked.messages[0].text)
        return ModelUnavailable("down") if order.count("a") == 1 and asked.messages[0].text == "a" else "yes"

    made = stack(ScriptedModel(answer, latency=5.0), FREE, Rings(rates=Rates(concurrency=1), chance=Random(7)))
    budget = Budget("run", Limits())
    async with anyio.create_task_group() as group:
        for text in "abc":
            group.start_soon(made.model, Request(model="m", messages=(Message("user", text),)), budget)
            await anyio.wait_all_tasks_blocked()
    assert order in (["a", "b", "a", "c"], ["a", "b", "c", "a"])
    assert made.gate.statistics().peak == 1
