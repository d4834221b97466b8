"""`RLM.batch`: results as they come, one gate, one ledger, equal calls once, poison stays alone."""

from __future__ import annotations

from functools import partial

import anyio
import pytest

from rlm_async import RLM, Context, Limits, ModelInfo, Price, Rates
from rlm_async.api.batching import Fitting
from rlm_async.core.messages import Completion
from rlm_async.core.profile import PLAIN
from rlm_async.core.usage import Usage
from rlm_async.errors import ConfigError, ModelError, ModelRejected, Refused
from rlm_async.sandbox.factory import inline
from rlm_async.testing import ScriptedModel

pytestmark = pytest.mark.anyio


def rlm(model, **settings):
    settings.setdefault("strategy", "direct")
    return RLM(model, sandbox=inline(), **settings)


async def gathered(results):
    return {result.id: result async for result in results}


async def test_every_item_gets_its_own_result():
    model = ScriptedModel(lambda request: request.messages[-1].text.rpartition("\n")[2].upper())
    items = ["what is a?", {"id": "b", "question": "what is b?"}, {"question": "what is c?", "context": "c is here"}]
    found = await gathered(rlm(model).batch(items))
    assert {name: result.text for name, result in found.items()} == {
        "1": "WHAT IS A?",
        "b": "WHAT IS B?",
        "3": "WHAT IS C?",
    }
    assert found["b"].answer.usage.calls == 1
    assert found["b"].record["key"]


async def test_items_in_hand_grow_until_the_gate_is_full_and_no_further():
    full = anyio.Event()

    async def script(_):
        if model.calls > 40:  # those of the first round end at once
            if model.in_flight == 48:
                full.set()
            await full.wait()
        return "yes"

    model = ScriptedModel(script)
    with anyio.fail_after(60):
        found = await gathered(rlm(model, rates=Rates(concurrency=48)).batch(f"question {i}?" for i in range(200)))
    assert len(found) == 200
    assert model.peak == 48


async def test_a_slow_consumer_holds_the_batch_back():
    model = ScriptedModel("yes")
    asked = 0

    def questions():
        nonlocal asked
        for i in range(1_000):
            asked += 1
            yield f"question {i}?"

    results = rlm(model, rates=Rates(concurrency=4)).batch(questions())
    async for _ in results:
        await anyio.wait_all_tasks_blocked()
        break
    await results.aclose()
    assert asked < 40


async def test_ordered_gives_results_as_their_items_came():
    def latency(request):
        return 0.02 if "question 0?" in request.messages[-1].text else 0.0

    model = ScriptedModel("yes", latency=latency)
    names = [result.id async for result in rlm(model).batch((f"question {i}?" for i in range(40)), ordered=True)]
    assert names == [str(i) for i in range(1, 41)]


async def test_a_shared_context_is_read_once(tmp_path):
    (tmp_path / "a.txt").write_text("blue")
    seen = []

    def script(request):
        seen.append("blue" in request.messages[-1].text)
        return "yes"

    async with rlm(ScriptedModel(script)) as asking:
        async with asking.asker(tmp_path / "a.txt") as asker:
            (tmp_path / "a.txt").unlink()
            assert asker.corpora.loads == 0
        (tmp_path / "b.txt").write_text("blue")
        items = [{"question": f"q{i}?", "paths": [str(tmp_path / "b.txt")]} for i in range(20)]
        async with asking.asker() as asker:
            from rlm_async.batch.sources import Form, given_items

            async with anyio.create_task_group() as tasks:
                for item in given_items(items, Form()):
                    tasks.start_soon(asker, item)
            assert asker.corpora.loads == 1
    assert seen == [True] * 20


async def test_equal_calls_of_all_items_are_made_once():
    async def script(_):
        await anyio.lowlevel.checkpoint()
        return "yes"

    model = ScriptedModel(script)
    items = [{"id": str(i), "question": "the same question?"} for i in range(30)]
    found = await gathered(rlm(model).batch(items, "one corpus"))
    assert model.calls == 1
    assert {result.text for result in found.values()} == {"yes"}
    assert sum(result.answer.usage.calls for result in found.values()) == 1


async def test_what_is_wrong_with_an_item_is_its_result():
    items = [
        {"question": "fine?"},
        {"question": ""},
        {},
        {"question": "x", "context": {"a": 1}},
        {"question": "x", "paths": ["/does/not/exist"]},
        {"question": "lone \ud800"},
        {"question": "x", "context": "lone \ud800"},
        7,
        {"id": "a\x1b[2Jb", "question": "x"},
        {"question": "refused?"},
        {"question": "fine too?"},
    ]
    model = ScriptedModel({"refused": ModelRejected("that is not allowed"), "": "yes"})
    found = await gathered(rlm(model).batch(items))
    assert [found[name].status for name in ("1", "11")] == ["complete"] * 2
    bad = {name: result.reason for name, result in found.items() if result.status == "failed"}
    assert set(bad) == {"2", "3", "4", "5", "6", "7", "8", "9", "10"}
    assert "no question" in bad["2"]
    assert "/does/not/exist" in bad["5"]
    assert bad["10"] == "that is not allowed"
    assert all(reason for reason in bad.values())


async def test_two_items_of_one_id_are_refused():
    with pytest.raises(ConfigError, match="the id 'a', which another has"):
        await gathered(rlm(ScriptedModel("yes")).batch([{"id": "a", "question": "x"}, {"id": "a", "question": "y"}]))


async def test_a_model_that_cannot_work_is_refused_before_anything_is_asked():
    with pytest.raises(ConfigError, match="price"):
        await gathered(rlm(ScriptedModel("yes")).batch(["x"], total=Limits(usd=1.0)))


async def stopping(results, kind):
    """The results before the batch stopped early, which it must say."""
    found = []
    try:
        async for result in results:
            found.append(result)  # noqa: PERF401 - what came before the error counts
    except kind as error:
        assert "the batch stopped early" in str(error)
        return found
    raise AssertionError("the batch did not stop")


def priced():
    usage = Usage(calls=1, prompt_tokens=2, completion_tokens=498)
    return ScriptedModel(lambda request: Completion(text="yes", usage=usage, model=request.model))


async def test_the_batch_never_spends_more_than_its_total():
    model = priced()
    info = ModelInfo(name="the given model", price=Price(prompt=2.0, completion=2.0), max_output=500)
    asking = rlm(model, model_infos=[info])
    found = await stopping(asking.batch((f"question {i}?" for i in range(500)), total=Limits(usd=0.05)), Refused)
    spent = sum(result.answer.usage.usd for result in found if result.answer)
    assert 0.03 < spent <= 0.0500001
    assert model.calls == round(spent / 0.001)
    assert len(found) < 200


async def test_an_item_that_the_batch_cut_short_is_not_settled():
    info = ModelInfo(name="the given model", price=Price(prompt=2.0, completion=2.0), max_output=500)
    asking = rlm(priced(), model_infos=[info])
    found = await stopping(asking.batch((f"question {i}?" for i in range(100)), total=Limits(usd=0.02)), Refused)
    cut = [result for result in found if not result.settled]
    assert cut
    assert all(result.record["cut"] == "batch" for result in cut)


async def test_a_provider_that_refuses_everything_stops_the_batch():
    model = ScriptedModel(ModelRejected("the key is not valid"))
    asking = rlm(model, rates=Rates(concurrency=2))
    found = await stopping(asking.batch(f"question {i}?" for i in range(500)), ModelError)
    assert 25 <= len(found) < 60


async def test_leaving_the_loop_leaves_nothing_running():
    model = ScriptedModel("yes", latency=0.005)
    results = rlm(model).batch(f"question {i}?" for i in range(10_000))
    async for _ in results:
        break
    await results.aclose()
    before = model.calls
    await anyio.sleep(0.02)
    assert (model.calls, model.in_flight) == (before, 0)


async def test_code_and_sub_queries_share_the_batch_too():
    code = '```repl\nanswer["content"] = llm_query("is it blue? " + context)\nanswer["ready"] = True\n```'

    def script(request):
        return code if request.messages[0].role == "system" else "blue it is"

    model = ScriptedModel(script)
    items = [{"id": str(i), "question": f"which colour {i}?"} for i in range(10)]
    found = await gathered(rlm(model, strategy="repl").batch(items, Context.of("the whale was blue")))
    assert {result.text for result in found.values()} == {"blue it is"}
    assert model.calls == 11


async def test_what_items_share_is_fitted_to_a_profile_once():
    fits = []

    async def fit(context):
        fits.append(context)
        await anyio.lowlevel.checkpoint()
        return PLAIN, context

    fitting = Fitting(fit)
    shared, own = Context.of("a corpus"), Context.of("a corpus")
    async with anyio.create_task_group() as tasks:
        for _ in range(10):
            tasks.start_soon(partial(fitting, shared, own=False))
    assert fits == [shared]
    await fitting(own, own=True)
    assert len(fits) == 2
