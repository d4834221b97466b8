"""RLM as callers use it: real sandbox, real rings, a scripted model."""

from __future__ import annotations

import asyncio
import dataclasses

import anyio
import pytest

from rlm_async import RLM, ConfigError, Context, Limits, ModelInfo, Price, Rates
from rlm_async.core import events
from rlm_async.core.usage import Usage
from rlm_async.errors import BudgetExceeded, ModelRejected
from rlm_async.testing import ScriptedModel

pytestmark = pytest.mark.anyio

LONG = "nothing to see here. " * 20_000 + "The password is swordfish. " + "nothing more. " * 20_000


def code(*lines: str) -> str:
    return "```repl\n" + "\n".join(lines) + "\n```"


def is_root(request) -> bool:
    return request.messages[0].role == "system"


def program(*lines: str, leaf: str = "leaf"):
    """A model that writes `lines` where it has a REPL, and answers `leaf` where it has not."""
    return ScriptedModel(lambda request: code(*lines) if is_root(request) else leaf)


async def test_a_short_input_goes_straight_to_the_model():
    model = ScriptedModel("four")
    answer = await RLM(model).ask("How many?", "a b c d")
    assert (answer.text, answer.status, answer.usage.calls) == ("four", "complete", 1)
    assert "a b c d" in model.prompts[0]
    assert [event.strategy for event in answer.trace if isinstance(event, events.StrategyChosen)] == ["direct"]


async def test_a_long_input_is_read_by_code_and_never_pasted():
    model = program(
        "at = context.index('password')",
        "answer['content'] = llm_query(context[at:at + 40])",
        "answer['ready'] = True",
        leaf="swordfish",
    )
    answer = await RLM(model).ask("What is the password?", LONG)
    assert (answer.text, answer.status, answer.usage.calls) == ("swordfish", "complete", 2)
    assert max(len(m.text) for request in model.requests for m in request.messages) < 20_000
    assert {type(event) for event in answer.trace} >= {events.SandboxOpened, events.CellEnded, events.NodeAnswered}


async def test_a_tree_of_depth_3_adds_up_and_so_does_its_usage():
    def play(request):
        if not is_root(request):
            return "1"
        (path,) = {word for word in request.messages[-1].text.split() if word.startswith("@")}
        ask = "rlm_query_batched" if path.count(".") < 2 else "llm_query_batched"
        return code(
            f"rs = {ask}([f'{path}.{{i}}' for i in range(4)])",
            "answer['content'] = str(sum(int(r) for r in rs)); answer['ready'] = True",
        )

    model = ScriptedModel(play)
    rlm = RLM(model, strategy="repl", limits=Limits(depth=3), rates=Rates(concurrency=1))
    answer = await rlm.ask("@r", "the root's own context")
    assert answer.text == "64"
    assert model.peak == 1
    assert len(answer.graph.nodes) == 1 + 4 + 16 + 64
    assert answer.usage.calls == model.calls == 85
    assert answer.usage.total == sum(answer.usage.by_depth.values(), Usage())
    assert {depth: usage.calls for depth, usage in answer.usage.by_depth.items()} == {0: 1, 1: 4, 2: 16, 3: 64}


async def test_streamed_events_are_the_trace():
    model = program("x = 1", "FINAL('done')")
    seen = [event async for event in RLM(model, strategy="repl").stream("q", "context")]
    assert isinstance(seen[0], events.RunStarted)
    assert isinstance(seen[-1], events.RunEnded)
    assert seen[-1].text == "done"


async def test_a_consumer_that_stops_ends_the_run():
    model = ScriptedModel("never", latency=3600)
    stream = RLM(model).stream("q", "context")
    async for event in stream:
        if isinstance(event, events.ModelAsked):
            break
    await stream.aclose()
    assert model.in_flight == 0


async def test_a_stream_raises_what_ask_raises():
    with pytest.raises(ModelRejected, match="no such model"):
        async for _ in RLM(ScriptedModel([ModelRejected("no such model")])).stream("q", "c"):
            pass


async def test_in_a_session_variables_and_history_last():
    model = ScriptedModel(
        [
            code("kept = context.split()", "FINAL(str(len(kept)))"),
            code("FINAL(kept[0] + answer['content'])"),
        ]
    )
    async with RLM(model, strategy="repl").session("alpha beta gamma") as chat:
        first = await chat.ask("How many words?")
        second = await chat.ask("And the first?")
    assert (first.text, second.text) == ("3", "alpha")
    prompt = "\n".join(message.text for message in model.requests[1].messages)
    assert "How many words?" in prompt
    assert "kept" in prompt


async def test_tools_run_on_the_host():
    seen = []

    async def price(item: str, *, currency: str = "EUR") -> dict:
        """Look a price up."""
        seen.append(item)
        return {"item": item, "price": 7, "currency": currency}

    def double(number: int) -> int:
        return number * 2

    model = program("p = price('tea', currency='USD')", "FINAL(f\"{double(p['price'])} {p['currency']}\")")
    answer = await RLM(model, tools=[price, double], strategy="repl").ask("q", "c")
    assert answer.text == "14 USD"
    assert seen == ["tea"]
    assert "price(item: str, *, currency: str = 'EUR') -> dict: Look a price up." in model.requests[0].messages[0].text


async def test_running_out_is_an_answer_and_strict_makes_it_an_error():
    def play(request):
        return code("print(llm_query('what?' + str(budget()['calls'])))") if is_root(request) else "so far: 41"

    limits = Limits(calls=6)
    answer = await RLM(ScriptedModel(play), strategy="repl", limits=limits).ask("q", "c")
    assert (answer.status, answer.limit) == ("partial", "calls")
    assert answer.usage.calls <= 6
    with pytest.raises(BudgetExceeded) as refused:
        await RLM(ScriptedModel(play), strategy="repl", limits=limits, strict=True).ask("q", "c")
    assert refused.value.resource == "calls"
    assert refused.value.answer.usage.calls <= 6


async def test_an_answer_can_be_data():
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    answer = await RLM(ScriptedModel('{"n": 3}')).ask("q", "a b c", schema=schema)
    assert answer.data == {"n": 3}


async def test_an_error_carries_the_failed_answer_with_its_trace():
    with pytest.raises(ModelRejected) as refused:
        await RLM(ScriptedModel([ModelRejected("no such model")])).ask("q", "c")
    assert refused.value.answer.status == "failed"
    assert refused.value.answer.usage.calls == 1
    assert refused.value.answer.trace


async def test_many_questions_share_one_rlm():
    rlm = RLM(ScriptedModel(lambda request: request.messages[-1].text[-1]))
    answers = {}

    async def ask(number):
        answers[number] = (await rlm.ask(f"say {number}", "c")).text

    async with rlm, anyio.create_task_group() as tasks:
        for number in range(9):
            tasks.start_soon(ask, number)
    assert answers == {number: str(number) for number in range(9)}


async def test_a_path_is_read_and_a_str_is_the_text(tmp_path):
    (tmp_path / "a.txt").write_text("from the file")
    model = ScriptedModel("ok")
    rlm = RLM(model)
    await rlm.ask("q", tmp_path / "a.txt")
    await rlm.ask("q", str(tmp_path / "a.txt"))
    await rlm.ask("q", Context.of({"k": "v"}))
    await rlm.ask("q")
    assert "from the file" in model.prompts[0]
    assert "from the file" not in model.prompts[1]


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: RLM(ScriptedModel("x"), limits=Limits(depth=-1)), "depth=-1"),
        (lambda: RLM(ScriptedModel("x"), limits=Limits(usd=0)), "usd=0"),
        (lambda: RLM(ScriptedModel("x"), rates=Rates(concurrency=0)), "concurrency=0"),
        (lambda: RLM(ScriptedModel("x"), profile="nobodys"), "no profile 'nobodys'"),
        (lambda: RLM(ScriptedModel("x"), tools=[lambda x: x]), "not a lambda"),
        (lambda: RLM(ScriptedModel("x"), tools=[len, len]), "two tools are named 'len'"),
    ],
)
async def test_bad_settings_are_named_before_anything_runs(make, words):
    with pytest.raises(ConfigError, match=words):
        make()


@pytest.mark.parametrize(
    ("question", "context", "options", "words"),
    [
        ("  ", "c", {}, "question is empty"),
        ("q", 7, {}, "a context is"),
        ("q", "c", {"schema": 3}, "a schema is"),
    ],
)
async def test_bad_questions_are_named_before_anything_runs(question, context, options, words):
    model = ScriptedModel("x")
    with pytest.raises(ConfigError, match=words):
        await RLM(model).ask(question, context, **options)
    assert model.calls == 0


async def test_an_unknown_strategy_is_named():
    with pytest.raises(ConfigError, match="no strategy 'magic'"):
        await RLM(ScriptedModel("x"), strategy="magic").ask("q", "c")


async def test_a_price_that_is_not_known_is_an_error_where_money_is_limited():
    model = ScriptedModel("x")
    with pytest.raises(ConfigError, match="price"):
        await RLM(model, limits=Limits(usd=1.0)).ask("q", "c")
    assert model.calls == 0


async def test_a_price_that_the_caller_knows_is_counted():
    model = ScriptedModel("four words of answer")
    model.info = ModelInfo(name="mine", price=Price(prompt=1.0, completion=2.0))
    answer = await RLM(model, limits=Limits(usd=1.0)).ask("q", "a b c")
    assert answer.usage.usd > 0


def test_without_a_loop_and_inside_one_ask_sync_works():
    rlm = RLM(program("FINAL(7)"), strategy="repl")
    assert rlm.ask_sync("q", "c").data == 7

    async def notebook():
        return rlm.ask_sync("q", "c")

    assert asyncio.run(notebook()).data == 7
    assert anyio.run(notebook, backend="trio").data == 7
    with pytest.raises(ConfigError):
        rlm.ask_sync("", "c")


def test_events_are_plain_values():
    for event in events.Event.__args__:
        assert dataclasses.is_dataclass(event)
        assert event.__dataclass_params__.frozen
