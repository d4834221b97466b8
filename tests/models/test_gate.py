"""The gate among tasks, in virtual time."""

import anyio
import pytest

from rlm_async.core.budget import Budget
from rlm_async.core.messages import Completion, Message, Place, Request
from rlm_async.core.usage import Limits, ModelInfo, Rates, Usage
from rlm_async.errors import ModelUnavailable, RateLimited
from rlm_async.models.gate import Gate, Gated
from rlm_async.models.tariff import Tariff
from rlm_async.testing import ScriptedModel

pytestmark = pytest.mark.anyio
BUDGET = Budget("run", Limits())


def request(prompt="?", run="run", node=0, depth=0, max_tokens=10):
    return Request(model="m", messages=(Message("user", prompt),), max_tokens=max_tokens, place=Place(run, node, depth))


def gated(model, rates, **options):
    gate = Gate(rates, **options)
    return Gated(model, gate, Tariff(ModelInfo(name="m"))), gate


async def ask_all(model, requests):
    async with anyio.create_task_group() as group:
        for each in requests:
            group.start_soon(model, each, BUDGET)


async def test_no_more_are_in_flight_than_the_cap_and_all_get_through():
    fake = ScriptedModel("yes", latency=1.0)
    model, gate = gated(fake, Rates(concurrency=3))
    await ask_all(model, [request(node=node) for node in range(20)])
    assert fake.calls == 20
    assert fake.peak == 3
    assert gate.statistics().in_flight == gate.statistics().waiting == 0


async def test_waiting_and_calling_are_told_apart():
    model, _ = gated(ScriptedModel("yes", latency=2.0), Rates(concurrency=1))
    completions = []

    async def ask(node):
        completions.append(await model(request(node=node), BUDGET))

    async with anyio.create_task_group() as group:
        for node in range(3):
            group.start_soon(ask, node)
    assert [round(completion.waited) for completion in completions] == [0, 2, 4]
    assert [round(completion.seconds) for completion in completions] == [2, 2, 2]


async def test_deepest_first_then_oldest_and_runs_in_turn():
    fake = ScriptedModel("yes", latency=100.0)
    model, _ = gated(fake, Rates(concurrency=1))
    asked = [("a", 0, 0), ("a", 1, 1), ("a", 2, 2), ("a", 3, 2), ("b", 9, 0), ("b", 8, 0)]
    async with anyio.create_task_group() as group:
        group.start_soon(model, request("first", "z"), BUDGET)
        await anyio.wait_all_tasks_blocked()
        for run, node, depth in asked:
            group.start_soon(model, request(f"{run}{node}", run, node, depth), BUDGET)
            await anyio.wait_all_tasks_blocked()
    assert fake.prompts == ["first", "a2", "b8", "a3", "b9", "a1", "a0"]


async def test_a_rate_of_requests_is_kept_over_minutes():
    times = []

    def note(asked):
        times.append(anyio.current_time())
        return "yes"

    model, _ = gated(ScriptedModel(note), Rates(requests_per_minute=10))
    await ask_all(model, [request(node=node) for node in range(35)])
    began = times[0]
    assert [sum(1 for at in times if minute <= (at - began) / 60 < minute + 1) for minute in range(4)] == [
        10,
        10,
        10,
        5,
    ]


async def test_unused_tokens_are_given_back_at_once():
    used = Completion(text="x", usage=Usage(calls=1, prompt_tokens=20, completion_tokens=5))
    model, _ = gated(ScriptedModel(lambda asked: used, latency=1.0), Rates(concurrency=8, tokens_per_minute=1_200))
    began = anyio.current_time()
    await ask_all(model, [request(node=node, max_tokens=1_000) for node in range(4)])
    assert anyio.current_time() - began == pytest.approx(4.0, abs=0.2)  # one after the other, none waits a minute


async def test_a_refund_brings_the_next_turn_forward():
    gate = Gate(Rates(tokens_per_minute=100))
    began = anyio.current_time()
    gone = []

    async def take(start, tokens, used, seconds):
        await anyio.sleep(start)
        async with gate.turn(Place(), tokens) as ticket:
            gone.append(round(anyio.current_time() - began))
            ticket.used = used
            await anyio.sleep(seconds)

    async with anyio.create_task_group() as group:
        group.start_soon(take, 0, 50, 50, 1)
        group.start_soon(take, 30, 50, 0, 10)
        group.start_soon(take, 35, 100, 100, 1)  # must wait for both, until 90; but the second used nothing
    assert gone == [0, 30, 60]


async def test_retry_after_holds_for_everybody():
    times = []

    def answer(asked):
        times.append(anyio.current_time())
        return RateLimited("slow down", 30.0) if len(times) == 1 else "yes"

    model, gate = gated(ScriptedModel(answer), Rates(concurrency=1))

    async def told():
        with pytest.raises(RateLimited):
            await model(request(node=0), BUDGET)

    async with anyio.create_task_group() as group:
        group.start_soon(told)
        await anyio.wait_all_tasks_blocked()
        for node in range(1, 4):
            group.start_soon(model, request(node=node), BUDGET)
    assert [round(at - times[0]) for at in times] == [0, 30, 30, 30]
    assert gate.statistics().overloads == 1


async def test_a_pause_beyond_patience_is_refused_instead_of_waited_for():
    model, _ = gated(ScriptedModel(lambda asked: RateLimited("come back tomorrow", 86_400.0)), Rates(concurrency=1))
    errors = []

    async def ask(node):
        try:
            await model(request(node=node), BUDGET)
        except RateLimited as error:
            errors.append(error.retry_after)

    began = anyio.current_time()
    async with anyio.create_task_group() as group:
        for node in range(5):
            group.start_soon(ask, node)
    assert len(errors) == 5
    assert min(errors) > 86_000
    assert anyio.current_time() - began < 60


async def test_the_ceiling_falls_on_overload_and_the_rest_still_gets_through():
    answers = iter([RateLimited("slow down")] * 4)
    model, gate = gated(ScriptedModel(lambda asked: next(answers, "yes"), latency=1.0), Rates(concurrency=4))
    seen = []

    async def ask(node):
        try:
            await model(request(node=node), BUDGET)
        except RateLimited:
            seen.append(gate.statistics().ceiling)

    async with anyio.create_task_group() as group:
        for node in range(20):
            group.start_soon(ask, node)
    assert seen == [2, 2, 2, 2]
    assert gate.statistics().ceiling > 2
    assert gate.statistics().admitted == 20


async def test_other_failures_do_not_change_the_ceiling():
    model, gate = gated(ScriptedModel(lambda asked: ModelUnavailable("down")), Rates(concurrency=4))
    for node in range(5):
        with pytest.raises(ModelUnavailable):
            await model(request(node=node), BUDGET)
    assert gate.statistics().ceiling == 4


@pytest.mark.parametrize("rates", [Rates(concurrency=1), Rates(concurrency=5, requests_per_minute=1)])
async def test_giving_up_in_line_or_in_flight_leaves_no_hole(rates):
    fake = ScriptedModel("yes", latency=1.0)
    model, gate = gated(fake, rates)
    with anyio.move_on_after(0.5):
        await ask_all(model, [request(node=node) for node in range(10)])
    statistics = gate.statistics()
    assert (statistics.in_flight, statistics.waiting) == (0, 0)
    await ask_all(model, [request(node=node) for node in range(3)])
    assert fake.calls == 4


async def test_the_one_who_keeps_the_time_may_give_up():
    """The leader of those who wait for a rate is cancelled: another takes over."""
    fake = ScriptedModel("yes")
    model, _ = gated(fake, Rates(requests_per_minute=1))
    await model(request(), BUDGET)
    async with anyio.create_task_group() as group:
        with anyio.CancelScope() as leader:

            async def give_up():
                await anyio.sleep(5)
                leader.cancel()

            group.start_soon(give_up)
            group.start_soon(model, request(node=2), BUDGET)
            await model(request(node=1), BUDGET)
    assert leader.cancelled_caught
    assert fake.calls == 2


async def test_two_thousand_wait_without_trouble():
    fake = ScriptedModel("yes", latency=0.01)
    model, gate = gated(fake, Rates(concurrency=500))
    await ask_all(model, [request(run=f"run {node % 50}", node=node) for node in range(2_000)])
    assert (fake.calls, fake.peak) == (2_000, 500)
    assert gate.statistics().peak == 500
