from __future__ import annotations

import json

import pytest

from rlm_async.core.messages import Completion
from rlm_async.core.usage import ModelInfo, Price
from rlm_async.errors import BudgetExceeded, ContextOverflow, Unanswered
from rlm_async.strategies.direct import Direct
from tests.strategies.fake_frame import out_of

pytestmark = pytest.mark.anyio
INTEGER = json.dumps({"type": "integer"})


async def answered(frame):
    return await Direct().answer(frame)


async def test_text_stands_first_and_the_question_last(frame):
    shown = frame("42", prompt="How many?", context="There are 42.")
    assert (await answered(shown)).value == "42"
    prompt = shown.prompt()
    assert prompt.startswith("There are 42.")
    assert prompt.endswith("How many?")


async def test_a_question_without_a_text_is_sent_as_it_is(frame):
    for context in ("", "How many?"):
        shown = frame("42", prompt="How many?", context=context)
        await answered(shown)
        assert shown.prompt() == "How many?"


async def test_documents_carry_their_names(frame):
    shown = frame("42", context={"a.txt": "one", "b.txt": "two"})
    await answered(shown)
    assert "=== a.txt ===\none" in shown.prompt()


async def test_a_sessions_second_question_begins_like_the_first(frame):
    first = frame("1", prompt="First?", context="text")
    await answered(first)
    second = frame("2", prompt="Second?", context="text", history=(("First?", "1"),))
    await answered(second)
    messages = second.asked[0][0].messages
    assert messages[0] == first.asked[0][0].messages[0]
    assert [message.role for message in messages] == ["user", "assistant", "user"]
    assert messages[-1].text == "Second?"


async def test_reasoning_is_not_part_of_the_answer(frame):
    assert (await answered(frame("<think>hm</think>\n42"))).value == "42"


async def test_what_does_not_fit_the_window_is_refused_before_anything_is_spent(frame):
    shown = frame(context="word " * 20_000, infos={"root": ModelInfo(name="root", window=8_192)})
    with pytest.raises(ContextOverflow, match="--strategy repl"):
        await answered(shown)
    assert not shown.asked


async def test_a_sub_query_that_does_not_fit_is_told_how_much_would(frame):
    shown = frame(prompt="word " * 20_000, infos={"root": ModelInfo(name="root", window=8_192)}, depth=1)
    with pytest.raises(ContextOverflow, match="at most 24,192 characters"):
        await answered(shown)


async def test_a_reply_cut_by_the_model_is_flagged(frame):
    result = await answered(frame(Completion(text="It is", finish="length")))
    assert (result.value, result.limit) == ("It is", "max_output")


@pytest.mark.parametrize(("remaining", "limit"), [({"tokens": 100}, "tokens"), ({"usd": 0.0001}, "usd")])
async def test_a_reply_cut_by_the_budget_names_it(frame, remaining, limit):
    infos = {"root": ModelInfo(name="root", price=Price(prompt=1, completion=4))}
    result = await answered(frame(Completion(text="It is", finish="length"), remaining=remaining, infos=infos))
    assert result.limit == limit


async def test_an_empty_reply_is_an_error_that_says_so(frame):
    with pytest.raises(Unanswered, match="empty reply"):
        await answered(frame("<think>so long", prompt="q"))


async def test_a_text_that_cannot_be_paid_is_cut_and_the_answer_flagged(frame):
    shown = frame(out_of("tokens"), out_of("tokens"), "Roughly 7.", context="begin " + "x " * 40_000 + "end")
    result = await answered(shown)
    assert (result.value, result.limit) == ("Roughly 7.", "tokens")
    assert [last for _, last in shown.asked] == [False, True, True]
    assert len(shown.prompt()) < 8_500
    assert "cut in the middle" in shown.prompt()
    assert "begin" in shown.prompt()


async def test_with_nothing_left_the_refusal_is_raised(frame):
    with pytest.raises(BudgetExceeded):
        await answered(frame(out_of("calls"), out_of("calls")))


async def test_below_the_root_a_refusal_goes_to_the_code_that_asked(frame):
    shown = frame(out_of("tokens"), depth=1)
    with pytest.raises(BudgetExceeded):
        await answered(shown)
    assert len(shown.asked) == 1


async def test_data_is_asked_for_by_schema_checked_and_mended(frame):
    shown = frame("many", "7", schema=INTEGER)
    assert (await answered(shown)).value == 7
    assert all(request.schema == INTEGER for request, _ in shown.asked)
    assert "does not fit: it holds no JSON" in shown.prompt()


async def test_data_that_never_fits_is_never_handed_out(frame):
    with pytest.raises(Unanswered, match="fits the schema"):
        await answered(frame("many", "some", "few", schema=INTEGER))


async def test_a_small_model_is_asked_for_little_at_temperature_zero(frame):
    shown = frame("7", infos={"root": ModelInfo(name="root", weak=True, window=8_192)})
    await answered(shown)
    assert (shown.asked[0][0].max_tokens, shown.asked[0][0].temperature) == (1_024, 0.0)
