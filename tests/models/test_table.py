"""The table: which client a name gets, fallbacks, and what is found out before anything runs."""

import pytest

from rlm_async.core.budget import Budget
from rlm_async.core.messages import Message, Request
from rlm_async.core.usage import Limits, ModelInfo, Price, Rates, Usage
from rlm_async.errors import ConfigError, ModelRejected, ModelUnavailable
from rlm_async.models.retry import Patience
from rlm_async.models.stack import Rings
from rlm_async.models.table import ModelTable, Sources
from rlm_async.testing import ScriptedModel

pytestmark = pytest.mark.anyio


def request(model="m", prompt="hello", **more):
    return Request(model=model, messages=(Message("user", prompt),), **more)


async def test_a_given_object_answers_with_all_rings_around_it():
    model = ScriptedModel([ModelUnavailable("down"), "yes"])
    budget = Budget("run", Limits())
    async with ModelTable(Sources(given={"m": model})) as table:
        completion = await table(request(), budget)
    assert completion.text == "yes"
    assert completion.attempts == 2
    assert budget.usage.calls == completion.usage.calls == 2
    assert completion.usage.nanos is None  # no price is known
    assert model.requests[0].max_tokens == 4096  # the bound that was held is the one that was sent


async def test_a_request_for_an_unknown_name_without_endpoint_goes_to_litellm_by_name():
    table = ModelTable(Sources(catalogue=lambda name: ModelInfo(name=name, window=1)))
    assert table.info("openai/gpt-5").window == 1


async def test_an_endpoint_has_no_price_and_no_window_by_name_alone():
    table = ModelTable(Sources(api_base="http://127.0.0.1:1/v1"))
    assert table.info("openai/gpt-5") == ModelInfo(name="openai/gpt-5", concurrency=64)


async def test_infos_given_by_the_caller_win():
    info = ModelInfo(name="m", price=Price(prompt=1, completion=2), concurrency=3)
    table = ModelTable(Sources(given={"m": ScriptedModel("x")}, infos={"m": info}), Rings(rates=Rates(concurrency=8)))
    assert table.info("m") == info


async def test_the_local_model_is_asked_by_names_that_are_local():
    local = ScriptedModel("from here")
    sources = Sources(local=lambda name: local, is_local=lambda name: name.startswith("local"), api_base="http://x/v1")
    async with ModelTable(sources) as table:
        completion = await table(request("local:0.5b"), Budget("run", Limits()))
    assert completion.text == "from here"


async def test_a_price_that_is_unknown_is_an_error_before_anything_runs_where_dollars_are_limited():
    model = ScriptedModel("x")
    async with ModelTable(Sources(given={"m": model})) as table:
        await table.prepare(["m"], Limits())
        with pytest.raises(ConfigError, match="price of 'm' is unknown"):
            await table.prepare(["m"], Limits(usd=1.0))
    assert model.calls == 0


async def test_a_model_that_is_down_is_replaced_by_its_fallback_and_left_alone_for_a_while():
    down = ScriptedModel(lambda asked: ModelUnavailable("down"))
    spare = ScriptedModel("spare")
    sources = Sources(given={"m": down, "n": spare})
    budget = Budget("run", Limits())
    async with ModelTable(sources, Rings(haste=Patience(attempts=2)), fallbacks=["n"]) as table:
        first = await table(request(), budget)
        second = await table(request(), budget)
    assert (first.text, second.text) == ("spare", "spare")
    assert down.calls == 2
    assert budget.usage.calls == 4


async def test_a_refusal_is_not_a_reason_to_fall_back():
    sources = Sources(given={"m": ScriptedModel([ModelRejected("no")]), "n": ScriptedModel("spare")})
    async with ModelTable(sources, fallbacks=["n"]) as table:
        with pytest.raises(ModelRejected):
            await table(request(), Budget("run", Limits()))


async def test_a_given_model_stays_open_and_its_own_are_closed():
    closed = []

    class Closing(ScriptedModel):
        async def aclose(self):
            closed.append(self)

    given, local = Closing("x"), Closing("y")
    async with ModelTable(Sources(given={"m": given}, local=lambda name: local)) as table:
        await table(request("m"), Budget("run", Limits()))
        await table(request("local"), Budget("run", Limits()))
    assert closed == [local]


async def test_usage_is_priced_by_the_record_of_the_model():
    info = ModelInfo(name="m", price=Price(prompt=1.0, completion=10.0, cached=0.1))
    model = ScriptedModel(
        lambda asked: reply(Usage(calls=1, prompt_tokens=1000, completion_tokens=10, cached_tokens=500))
    )
    budget = Budget("run", Limits(usd=1.0))
    async with ModelTable(Sources(given={"m": model}, infos={"m": info})) as table:
        completion = await table(request(), budget)
    assert completion.usage.nanos == (500 * 1000 + 500 * 100 + 10 * 10_000)
    assert budget.spent.usd == completion.usage.nanos
    assert budget.held.usd == 0


def reply(usage):
    from rlm_async.core.messages import Completion

    return Completion(text="ok", usage=usage)
