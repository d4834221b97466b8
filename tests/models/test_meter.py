"""The meter and the till: money is never overdrawn, waiting ends, order is kept."""

import os
import random

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rlm_async.core.budget import NANO, RESOURCES, Budget
from rlm_async.core.messages import Completion, Message, Request
from rlm_async.core.usage import Limits, ModelInfo, Price, Rates, Usage
from rlm_async.errors import BudgetExceeded, ConfigError, ModelError, ModelRejected, ModelUnavailable, RateLimited
from rlm_async.models.retry import Patience
from rlm_async.models.stack import Rings, stack
from rlm_async.models.tariff import ENOUGH_OUTPUT, LEAST_OUTPUT, LONGEST_OUTPUT, UNKNOWN_OUTPUT, Tariff, check_prices
from rlm_async.testing import ScriptedModel, VirtualLoop

pytestmark = pytest.mark.anyio
INFO = ModelInfo(name="m", price=Price(prompt=1.0, completion=10.0))
EXAMPLES = int(os.environ.get("RLM_ASYNC_EXAMPLES", "100"))
PROMPT = 41
"""Tokens at most of the prompt "?"."""


def request(prompt="?", **more):
    return Request(model="m", messages=(Message("user", prompt),), **more)


def metered(script, info=INFO, latency=0.0, rings=None):
    fake = ScriptedModel(script, latency=latency)
    return stack(fake, info, rings or Rings()).model, fake


def spent(prompt, completion):
    return Completion(text="ok", usage=Usage(calls=1, prompt_tokens=prompt, completion_tokens=completion))


async def gathered(model, requests, budgets):
    outcomes = {}

    async def ask(number, each, budget):
        try:
            outcomes[number] = (await model(each, budget)).text
        except BudgetExceeded as refusal:
            outcomes[number] = refusal.resource

    async with anyio.create_task_group() as group:
        for number, (each, budget) in enumerate(zip(requests, budgets, strict=True)):
            group.start_soon(ask, number, each, budget)
            await anyio.wait_all_tasks_blocked()
    return [outcomes[number] for number in sorted(outcomes)]


async def test_the_upper_bound_is_held_while_the_call_is_in_flight_and_the_truth_charged_after():
    budget = Budget("run", Limits(usd=1.0))
    held = []

    def look(asked):
        held.append((budget.held.calls, budget.held.tokens, budget.held.usd))
        return spent(10, 5)

    model, _ = metered(look)
    await model(request(max_tokens=1_000), budget)
    assert held == [(1, PROMPT + 1_000, PROMPT * 1_000 + 1_000 * 10_000)]
    assert (budget.spent.calls, budget.spent.tokens, budget.spent.usd) == (1, 15, 60_000)
    assert (budget.held.calls, budget.held.tokens, budget.held.usd) == (0, 0, 0)


@pytest.mark.parametrize(
    ("info", "asked", "sent"),
    [
        (ModelInfo(name="m"), None, UNKNOWN_OUTPUT),
        (ModelInfo(name="m", max_output=2_000), None, 2_000),
        (ModelInfo(name="m", max_output=128_000), None, LONGEST_OUTPUT),
        (ModelInfo(name="m", max_output=128_000), 50_000, 50_000),
        (ModelInfo(name="m", max_output=2_000), 50_000, 2_000),
        (ModelInfo(name="m", window=1_000), None, 1_000 - 23),
    ],
)
async def test_the_completion_bound_is_always_told_to_the_provider(info, asked, sent):
    model, fake = metered("yes", info)
    await model(request(max_tokens=asked), Budget("run", Limits()))
    assert fake.requests[0].max_tokens == sent


async def test_a_call_that_only_calls_in_flight_keep_from_being_paid_waits_for_them():
    model, fake = metered(spent(10, 5), latency=1.0)
    budget = Budget("run", Limits(tokens=1_500))
    texts = await gathered(model, [request(max_tokens=1_000)] * 5, [budget] * 5)
    assert texts == ["ok"] * 5
    assert fake.peak == 1  # each hold takes nearly all: they go one after the other
    assert budget.spent.tokens == 75


async def test_they_go_in_the_order_in_which_they_came():
    model, fake = metered(spent(10, 5), latency=1.0)
    budget = Budget("run", Limits(tokens=1_500))
    await gathered(model, [request(str(number), max_tokens=1_000) for number in range(6)], [budget] * 6)
    assert fake.prompts == list("012345")


async def test_a_newcomer_does_not_pass_a_larger_call_that_waits_for_the_same():
    model, fake = metered(spent(10, 5), latency=1.0)
    budget = Budget("run", Limits(tokens=2_000))
    sizes = {"first": 1_000, "large": 1_900, "small": 100}
    await gathered(model, [request(name, max_tokens=size) for name, size in sizes.items()], [budget] * 3)
    assert fake.prompts == ["first", "large", "small"]


async def test_a_call_does_not_wait_for_what_another_branch_lacks():
    model, fake = metered(spent(10, 5), latency=1.0)
    run = Budget("run", Limits(tokens=100_000))
    narrow, wide = run.child("narrow", tokens=1_500), run.child("wide")
    requests = [request(name, max_tokens=1_000) for name in ("n1", "n2", "w1", "w2")]
    await gathered(model, requests, [narrow, narrow, wide, wide])
    assert fake.prompts == ["n1", "w1", "w2", "n2"]


async def test_when_nothing_in_flight_can_help_it_is_refused_at_once_and_the_outermost_is_blamed():
    model, fake = metered("yes", latency=1.0)
    run = Budget("run", Limits(tokens=300))
    with pytest.raises(BudgetExceeded) as caught:
        await model(request("x" * 1_000, max_tokens=1_000), run.child("node", tokens=100))
    assert (caught.value.scope, caught.value.resource) == ("run", "tokens")
    assert fake.calls == 0


async def test_what_is_kept_back_for_last_turns_is_not_waited_for():
    model, _ = metered(spent(10, 5), latency=1.0)
    budget = Budget("run", Limits(tokens=2_000))
    keep = budget.keep(Usage(prompt_tokens=1_000))
    sizes = [800, 1_500]
    texts = await gathered(model, [request(max_tokens=size) for size in sizes], [budget] * 2)
    assert texts == ["ok", "ok"]  # the second is shrunk to what is left once the first has settled
    keep.release()


async def test_a_last_turn_waits_behind_nobody():
    model, fake = metered(spent(10, 5), latency=1.0)
    budget = Budget("run", Limits(tokens=3_000))
    keep = budget.keep(Usage(prompt_tokens=1_000))

    async def last():
        keep.release()
        await model(request("last", max_tokens=900, last=True), budget)

    async with anyio.create_task_group() as group:
        for name in ("first", "second"):
            group.start_soon(model, request(name, max_tokens=1_500), budget)
            await anyio.wait_all_tasks_blocked()
        group.start_soon(last)
    assert fake.prompts == ["first", "last", "second"]
    assert fake.peak == 2


async def test_giving_up_at_the_till_lets_the_others_go_on():
    model, fake = metered(spent(10, 5), latency=1.0)
    budget = Budget("run", Limits(tokens=1_500))
    async with anyio.create_task_group() as group:
        group.start_soon(model, request("first", max_tokens=1_000), budget)
        await anyio.wait_all_tasks_blocked()
        with anyio.move_on_after(0.5):
            await model(request("impatient", max_tokens=1_000), budget)
        group.start_soon(model, request("third", max_tokens=1_000), budget)
    assert fake.prompts == ["first", "third"]
    assert (budget.held.tokens, budget.spent.calls) == (0, 2)


async def test_a_call_within_a_call_never_waits_for_itself():
    inner, _ = metered(spent(10, 5))
    rings = Rings()
    refused = []

    class Nested:
        async def __call__(self, asked, budget):
            try:
                await inner_stack(request(max_tokens=5_000), budget)
            except BudgetExceeded as refusal:
                refused.append(refusal.resource)
            return spent(10, 5)

    inner_stack = stack(inner, INFO, rings).model
    outer = stack(Nested(), INFO, rings).model
    with anyio.fail_after(10):
        await outer(request(max_tokens=1_000), Budget("run", Limits(tokens=1_200, calls=1)))
    assert refused == ["calls"]


async def test_a_bound_of_our_own_shrinks_rather_than_waits_where_money_is_tight():
    info = ModelInfo(name="m", max_output=128_000)
    model, fake = metered(spent(10, 5), info, latency=1.0)
    budget = Budget("run", Limits(tokens=3 * LONGEST_OUTPUT))
    await gathered(model, [request()] * 5, [budget] * 5)
    assert fake.peak == 5
    assert min(asked.max_tokens for asked in fake.requests) >= ENOUGH_OUTPUT


async def test_a_bound_that_can_never_be_paid_shrinks_to_what_is_left_but_not_below_the_floor():
    model, fake = metered(spent(10, 5))
    assert await gathered(model, [request(max_tokens=5_000)], [Budget("run", Limits(tokens=1_000))]) == ["ok"]
    assert fake.requests[0].max_tokens == 1_000 - PROMPT
    floor = Budget("run", Limits(tokens=PROMPT + LEAST_OUTPUT - 1))
    assert await gathered(model, [request(max_tokens=5_000)], [floor]) == ["tokens"]


async def test_money_shrinks_it_too():
    model, fake = metered(spent(10, 5))
    budget = Budget("run", Limits(usd=0.005))
    await model(request(max_tokens=5_000), budget)
    bound = fake.requests[0].max_tokens
    assert PROMPT * 1_000 + bound * 10_000 <= 0.005 * NANO < PROMPT * 1_000 + (bound + 1) * 10_000


async def test_a_call_given_up_in_flight_is_charged_its_prompt():
    model, _ = metered("yes", latency=10.0)
    budget = Budget("run", Limits())
    with anyio.move_on_after(1.0):
        await model(request(), budget)
    assert budget.spent.calls == 1
    assert 0 < budget.spent.tokens <= PROMPT
    assert budget.held.tokens == 0


async def test_a_call_given_up_before_it_was_sent_costs_nothing():
    rings = Rings(rates=Rates(concurrency=1))
    model, _ = metered("yes", latency=10.0, rings=rings)
    budget, other = Budget("run", Limits()), Budget("other", Limits())
    async with anyio.create_task_group() as group:
        group.start_soon(model, request(), other)
        await anyio.wait_all_tasks_blocked()
        with anyio.move_on_after(1.0):
            await model(request(), budget)
    assert (budget.usage, budget.held.calls) == (Usage(), 0)


async def test_what_failed_attempts_have_cost_is_held_while_a_call_waits_for_the_next():
    model, fake = metered(lambda asked: ModelUnavailable("down"), rings=Rings(patience=Patience(attempts=3)))
    budget = Budget("node", Limits(calls=2))
    looks = []

    async def ask():
        with pytest.raises(ModelUnavailable, match="tried 2 times"):
            await model(request(), budget)

    async with anyio.create_task_group() as group:
        group.start_soon(ask)
        while fake.calls < 2:
            await anyio.sleep(0.001)
        while budget.held.calls:  # between the second failure and the third attempt, which is one too many
            looks.append(budget.remaining("calls"))
            await anyio.sleep(0.001)
    assert set(looks) == {0}
    assert (budget.usage.calls, budget.held.calls) == (2, 0)


async def test_a_provider_that_counts_nothing_is_counted_by_us():
    model, _ = metered(Completion(text="seven words are in this short reply", usage=Usage(calls=1)))
    budget = Budget("run", Limits())
    completion = await model(request("a question of a few words"), budget)
    assert completion.usage.prompt_tokens > 0
    assert completion.usage.completion_tokens > 0
    assert budget.spent.usd > 0


def test_an_unknown_price_is_unknown_and_not_zero():
    assert Tariff(ModelInfo(name="m")).bound(10, 10).nanos is None
    with pytest.raises(ConfigError, match="price of 'm' is unknown"):
        check_prices(Limits(usd=1), ["m"], lambda name: ModelInfo(name=name))
    check_prices(Limits(), ["m"], lambda name: ModelInfo(name=name))
    check_prices(Limits(usd=1), ["m"], lambda name: INFO)


class Watched(ScriptedModel):
    """Looks at every scope of the ledger whenever it is asked and whenever it answers."""

    def __init__(self, seed, scopes):
        super().__init__(self.answer, latency=lambda asked: self.chance.random() * 3)
        self.chance = random.Random(seed)
        self.scopes = scopes

    def answer(self, asked):
        self.look()
        chance = self.chance.random()
        if chance < 0.1:
            return ModelUnavailable(
                "down", received=self.chance.choice([None, self.chance.randint(0, asked.max_tokens)])
            )
        if chance < 0.15:
            return RateLimited("slow down", self.chance.choice([None, 1.0]))
        if chance < 0.2:
            return ModelRejected("no")
        return spent(self.chance.randint(1, PROMPT), self.chance.randint(0, asked.max_tokens))

    async def __call__(self, asked, budget):
        try:
            return await super().__call__(asked, budget)
        finally:
            self.look()

    def look(self):
        for scope in self.scopes:
            for resource in RESOURCES:
                left = scope.remaining(resource)
                assert left is None or left >= 0, f"{scope.name} has overdrawn {resource} by {-left}"


limits = st.builds(
    Limits,
    calls=st.none() | st.integers(1, 60),
    tokens=st.none() | st.integers(200, 40_000),
    usd=st.none() | st.floats(0.0005, 0.4),
)


@given(seed=st.integers(0, 2**32), limit=limits, nodes=st.integers(1, 25), patience=st.integers(1, 4))
@settings(max_examples=EXAMPLES, deadline=None)
def test_nothing_is_overdrawn_at_any_instant_in_any_scope_of_random_trees(seed, limit, nodes, patience):
    """Random trees with grants, failures, retries and cancellations: spent + held never passes a limit."""
    chance = random.Random(seed)
    run = Budget("run", limit)
    scopes = [run]
    watched = Watched(seed, scopes)
    rings = Rings(rates=Rates(concurrency=5), patience=Patience(attempts=patience), chance=random.Random(seed))
    model = stack(watched, INFO, rings).model
    ended = []

    async def node(scope, delay, give_up):
        await anyio.sleep(delay)
        try:
            with anyio.move_on_after(give_up):
                await model(request(max_tokens=chance.choice([None, 10, 500, 3_000])), scope)
        except (ModelError, BudgetExceeded):
            watched.look()
        finally:
            ended.append(scope)

    async def tree():
        async with anyio.create_task_group() as group:
            for _ in range(nodes):
                parent = chance.choice(scopes)
                grant = chance.choice([{}, {}, {"tokens": chance.randint(100, 9_000)}, {"calls": 2}])
                scopes.append(parent.child(f"node {len(scopes)}", **grant))
                give_up = chance.choice([None, None, chance.random() * 4])
                group.start_soon(node, scopes[-1], chance.random() * 5, give_up)

    anyio.run(tree, backend_options={"loop_factory": VirtualLoop})
    watched.look()
    assert len(ended) == nodes  # nobody waits for ever
    assert all((scope.held.calls, scope.held.tokens, scope.held.usd) == (0, 0, 0) for scope in scopes)
    assert run.spent.calls == run.usage.calls == watched.calls
