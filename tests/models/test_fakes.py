"""The fakes that others rely on: the scripted model and virtual time."""

import anyio
import pytest

from rlm_async.core.budget import Budget
from rlm_async.core.messages import Completion, Message, Request
from rlm_async.core.usage import Limits
from rlm_async.errors import ModelRejected
from rlm_async.testing import ScriptedModel

pytestmark = pytest.mark.anyio


def ask(model, prompt="hello", **more):
    return model(Request(model="m", messages=(Message("user", prompt),), **more), Budget("run", Limits()))


async def test_a_list_is_read_in_order_and_its_end_is_loud():
    model = ScriptedModel(["one", Completion(text="two"), ModelRejected("three")])
    assert [(await ask(model)).text for _ in range(2)] == ["one", "two"]
    with pytest.raises(ModelRejected):
        await ask(model)
    with pytest.raises(AssertionError, match="run out"):
        await ask(model)


async def test_patterns_are_tried_in_order_on_the_last_message():
    model = ScriptedModel({"^how many": "42", ".": "yes"})
    assert (await ask(model, "how many?")).text == "42"
    assert (await ask(model, "is it?")).text == "yes"
    with pytest.raises(AssertionError, match="no pattern"):
        await ask(model, "")
    assert model.prompts == ["how many?", "is it?", ""]


async def test_a_function_answers_also_an_async_one():
    async def answer(asked):
        await anyio.sleep(1)
        return asked.messages[0].text.upper()

    assert (await ask(ScriptedModel(lambda asked: "sync"))).text == "sync"
    assert (await ask(ScriptedModel(answer))).text == "HELLO"


async def test_words_are_tokens_and_a_long_text_is_cut():
    completion = await ask(ScriptedModel("one two three four"), "a question", max_tokens=2)
    assert (completion.text, completion.finish) == ("one two", "length")
    assert (completion.usage.prompt_tokens, completion.usage.completion_tokens) == (2, 2)


async def test_latency_may_depend_on_the_request_and_peak_counts_who_waits_at_once():
    model = ScriptedModel("yes", latency=lambda asked: float(asked.messages[0].text))
    began = anyio.current_time()
    async with anyio.create_task_group() as group:
        for seconds in ("3600", "7200"):
            group.start_soon(ask, model, seconds)
    assert anyio.current_time() - began == pytest.approx(7200)  # virtual: see conftest
    assert (model.peak, model.in_flight, model.calls) == (2, 0, 2)
