from __future__ import annotations

import json

import pytest

from rlm_async.core.transcript import CodeError, Output, Submission
from rlm_async.core.usage import Limits, ModelInfo
from rlm_async.errors import (
    BudgetExceeded,
    ConfigError,
    ContextOverflow,
    ModelRejected,
    ModelUnavailable,
    SandboxCrashed,
    SandboxUnavailable,
    Unanswered,
)
from rlm_async.strategies.folding import policy
from rlm_async.strategies.repl import Repl
from tests.strategies.fake_frame import code, out_of

pytestmark = pytest.mark.anyio
INTEGERS = json.dumps({"type": "array", "items": {"type": "integer"}})


async def answered(frame):
    return await Repl().answer(frame)


# How an answer is given


@pytest.mark.parametrize(
    "reply",
    [
        code('answer["content"] = 6 * 7', 'answer["ready"] = True'),
        code("FINAL(6 * 7)"),
        code("n = 6 * 7", 'FINAL_VAR("n")'),
        code("SUBMIT(6 * 7)"),
    ],
)
async def test_code_answers_by_every_protocol(frame, reply):
    result = await answered(frame(reply))
    assert (result.value, result.limit) == (42, None)


async def test_an_answer_in_prose_is_taken_where_there_is_no_code(frame):
    assert (await answered(frame("FINAL(It is 42.)"))).value == "It is 42."


async def test_a_variable_named_in_prose_is_looked_up(frame):
    assert (await answered(frame(code("n = 42"), "FINAL_VAR(n)"))).value == 42
    assert (await answered(frame(code("n = 42"), "FINAL(n)"))).value == 42


async def test_a_word_in_prose_that_is_no_variable_is_the_word(frame):
    assert (await answered(frame("FINAL(Paris)"))).value == "Paris"
    assert (await answered(frame("FINAL(max)"))).value == "max"


async def test_a_missing_variable_is_an_error_that_the_model_sees(frame):
    shown = frame("FINAL_VAR(n)", code("FINAL(1)"))
    assert (await answered(shown)).value == 1
    assert "KeyError: 'n'" in shown.prompt()


async def test_beside_code_an_answer_in_prose_is_ignored(frame):
    shown = frame(code("n = 1", "print(n)") + "\nOutput: 17\nFINAL(17)", code("FINAL(n)"))
    assert (await answered(shown)).value == 1
    assert "It was ignored" in shown.prompt()


async def test_blocks_after_the_one_that_answers_are_not_run(frame):
    shown = frame(code("FINAL(1)") + code("FINAL(2)"))
    assert (await answered(shown)).value == 1
    assert len(shown.ran) == 1


# What the model sees


async def test_blocks_run_in_order_and_their_outputs_come_back(frame):
    shown = frame(code("n = 1") + "\n" + code("print(n + 1)"), code("FINAL(n)"))
    await answered(shown)
    assert shown.ran[:2] == ["n = 1", "print(n + 1)"]
    assert "Output of block 1:\n(nothing was printed)\n\nOutput of block 2:\n2" in shown.prompt()


async def test_an_error_is_shown_with_type_message_and_line_and_what_came_before_stays(frame):
    shown = frame(code("n = 1\nn / 0"), code("FINAL(n)"))
    assert (await answered(shown)).value == 1
    assert "ZeroDivisionError: division by zero (line 1: n = 1)" in shown.prompt()


async def test_a_long_output_is_cut_in_the_middle_with_its_true_length(frame):
    shown = frame(code("print('a' * 3000 + 'b' * 3000)"), code("FINAL(1)"), limits=Limits(output_characters=1000))
    await answered(shown)
    message = shown.asked[1][0].messages[-1].text
    assert "Output (6,001 characters, cut):" in message
    assert "aaa\n… [5,000 characters left out] …\nbbb" in message
    assert len(message) < 1400


async def test_the_allowance_is_shared_by_all_blocks_of_a_turn(frame):
    many = "\n".join(code(f"print('{letter}' * 5000)") for letter in "abcd") + code("print('short')")
    shown = frame(many, code("FINAL(1)"), limits=Limits(output_characters=2000))
    await answered(shown)
    message = shown.asked[1][0].messages[-1].text
    assert "short" in message
    assert len(message) < 3000


async def test_an_errors_text_is_cut_like_output(frame):
    shown = frame("x", code("FINAL(1)"), outputs=[Output(answer=Submission(1))])
    error = CodeError("FileNotFoundError", "x" * 50_000, 1, "open(context)")
    shown.replies[0] = code("open(context)")
    shown.outputs = [Output(error=error, outcome="error"), Output(answer=Submission(1))]
    await answered(shown)
    message = shown.asked[1][0].messages[-1].text
    assert message.startswith("Output:\nFileNotFoundError: xxx")
    assert "(line 1: open(context))" in message
    assert len(message) < 1500


async def test_what_a_stopped_cell_lost_is_told_and_nothing_is_built_on_it(frame):
    lost = Output(outcome="killed", lost="The session was restarted; gone: n.")
    shown = frame(code("a") + code("b"), code("c"), outputs=[lost, Output(answer=Submission(1))])
    await answered(shown)
    assert shown.ran == ["a", "c"]
    assert "gone: n." in shown.prompt()


async def test_a_draft_that_is_not_ready_is_mentioned(frame):
    shown = frame(code('answer["content"] = 5'), code('answer["ready"] = True'))
    assert (await answered(shown)).value == 5
    assert 'answer["ready"] = True' in shown.asked[1][0].messages[-1].text


async def test_the_budget_is_in_every_message_and_the_beginning_never_changes(frame):
    shown = frame(code("1"), code("2"), code("FINAL(3)"), limits=Limits(turns=5), remaining={"calls": 97})
    await answered(shown)
    for turn, (request, _) in enumerate(shown.asked):
        assert f"Left: {5 - turn} turns, 97 model calls" in request.messages[-1].text
    first, second, third = (request.messages for request, _ in shown.asked)
    assert second[: len(first)] == first
    assert third[: len(second)] == second


async def test_reasoning_is_not_kept_in_the_conversation(frame):
    shown = frame("<think>secret plan</think>" + code("1"), code("FINAL(3)"))
    await answered(shown)
    assert "secret plan" not in shown.prompt()


async def test_a_session_is_told_what_was_said_and_what_is_still_there(frame):
    shown = frame(code("FINAL(2)"), history=(("What is n?", "It is 1."),))
    await answered(shown)
    assert "Q: What is n?\nA: It is 1." in shown.prompt()
    assert "kept: int = 1" in shown.prompt()


# Running out


async def test_the_last_turn_of_a_node_is_answered_in_prose_and_flagged(frame):
    shown = frame(code("print('clue')"), code("print('more')"), "About 7.", limits=Limits(turns=2))
    result = await answered(shown)
    assert (result.value, result.limit, result.status) == ("About 7.", "turns", "partial")
    assert [last for _, last in shown.asked] == [False, False, True]
    assert "clue" in shown.prompt()
    assert "How many?" in shown.prompt()
    assert "Answer now" in shown.prompt(1)


@pytest.mark.parametrize("resource", ["calls", "tokens", "usd", "seconds"])
async def test_every_limit_hit_while_asking_leads_to_a_partial_answer(frame, resource):
    result = await answered(frame(code("print(1)"), out_of(resource), "So: 1."))
    assert (result.value, result.limit) == ("So: 1.", resource)


async def test_a_limit_hit_while_code_runs_leads_to_a_partial_answer(frame):
    shown = frame(code("a"), "So far.", outputs=[out_of("seconds")])
    assert (await answered(shown)).limit == "seconds"


async def test_without_a_last_reply_the_draft_is_the_answer(frame):
    shown = frame(code('answer["content"] = "draft"'), out_of("usd"), *[out_of("usd")] * 3)
    result = await answered(shown)
    assert (result.value, result.limit) == ("draft", "usd")


async def test_without_draft_or_reply_the_last_output_is_the_answer(frame):
    shown = frame(code("print('seen')"), out_of("calls"), out_of("calls"))
    result = await answered(shown)
    assert (result.value, result.limit) == ("seen", "calls")


async def test_with_nothing_at_all_the_refusal_is_raised(frame):
    with pytest.raises(BudgetExceeded):
        await answered(frame(out_of("calls"), out_of("calls")))


async def test_with_nothing_at_all_after_all_turns_the_transcript_is_kept(frame):
    with pytest.raises(Unanswered) as caught:
        await answered(frame(code("n = 1"), ModelUnavailable("down"), limits=Limits(turns=1)))
    assert caught.value.transcript[0].cells[0][0] == "n = 1"


async def test_a_small_budget_gets_a_smaller_last_prompt(frame):
    shown = frame(code("print('x' * 9000)"), out_of("tokens"), out_of("tokens"), out_of("tokens"), "Fine.")
    assert (await answered(shown)).value == "Fine."
    lasts = [request for request, last in shown.asked if last]
    lengths = [sum(len(message.text) for message in request.messages) for request in lasts]
    assert lengths[0] <= 24_000
    assert lengths[2] <= 1_800
    assert [request.max_tokens for request in lasts] == [1024, 512, 256]


async def test_a_last_prompt_is_cut_to_what_was_kept_back(frame):
    shown = frame(code("print('x' * 9000)"), out_of("tokens"), "Fine.", last_tokens=2_600)
    assert (await answered(shown)).value == "Fine."
    request, last = shown.asked[-1]
    assert last
    assert request.max_tokens == 256
    assert 1_600 < sum(len(message.text) for message in request.messages) <= 3_600


async def test_the_last_prompt_is_bounded_whatever_was_seen(frame):
    long = code("# " + "c" * 9000, "print('x' * 20_000)")
    shown = frame(*[long] * 19, "ok", prompt="q" * 50_000, limits=Limits(turns=19))
    await answered(shown)
    assert len(shown.prompt()) <= 24_000


async def test_code_in_a_last_reply_is_not_taken_for_an_answer_but_its_literal_is(frame):
    shown = frame(code("print(1)"), code('FINAL("Paris")'), limits=Limits(turns=1))
    assert (await answered(shown)).value == "Paris"


async def test_a_model_that_never_writes_code_answers_in_prose_partially(frame):
    shown = frame(*["It is 42."] * 3, "It really is 42.", limits=Limits(consecutive_errors=3))
    result = await answered(shown)
    assert (result.value, result.limit) == ("It really is 42.", "consecutive_errors")
    assert "held no code" in shown.prompt(1)


async def test_what_it_said_stands_where_the_last_turn_fails(frame):
    shown = frame(*["It is 42."] * 3, out_of("calls"), limits=Limits(consecutive_errors=3))
    assert (await answered(shown)).value == "It is 42."


async def test_a_model_that_writes_only_broken_code_is_stopped(frame):
    shown = frame(*[code("1 / 0")] * 3, "I cannot say.", limits=Limits(consecutive_errors=3))
    result = await answered(shown)
    assert (result.value, result.limit) == ("I cannot say.", "consecutive_errors")


async def test_errors_with_success_between_them_stop_nobody(frame):
    replies = [code("1 / 0"), code("1 / 0"), code("1")] * 3 + [code("FINAL(1)")]
    assert (await answered(frame(*replies, limits=Limits(consecutive_errors=3)))).limit is None


async def test_a_lost_sandbox_leads_to_a_partial_answer(frame):
    shown = frame(code("a"), "Unsure.", outputs=[SandboxCrashed("gone")])
    assert (await answered(shown)).limit == "sandbox"


async def test_a_sandbox_that_cannot_start_is_the_operators_to_know(frame):
    with pytest.raises(SandboxUnavailable):
        await answered(frame(code("a"), outputs=[SandboxUnavailable("no seccomp")]))


async def test_a_full_window_leads_to_a_partial_answer(frame):
    shown = frame(code("print(1)"), ContextOverflow("too long"), "So: 1.")
    assert (await answered(shown)).limit == "window"


async def test_a_window_is_not_overrun_when_its_size_is_known(frame):
    asked = []

    def reply(request):
        asked.append(request)
        return code("print('word ' * 600)")

    small = {"root": ModelInfo(name="root", window=4_000)}
    shown = frame(*[reply] * 21, infos=small, limits=Limits(turns=20))
    assert (await Repl(policy("none")).answer(shown)).limit == "window"
    assert len(asked) < 10


@pytest.mark.parametrize("error", [ModelRejected("wrong key"), ModelUnavailable("down")])
async def test_a_providers_error_is_not_masked(frame, error):
    with pytest.raises(type(error), match=str(error)):
        await answered(frame(code("print(1)"), error))


async def test_a_first_prompt_that_overflows_is_said_so(frame):
    with pytest.raises(ContextOverflow):
        await answered(frame(ContextOverflow("too long")))


# Answers that are data


async def test_an_answer_must_fit_the_schema_and_may_be_mended(frame):
    shown = frame(code("FINAL('two')"), code("FINAL([1, 2])"), schema=INTEGERS)
    assert (await answered(shown)).value == [1, 2]
    assert "not accepted: it holds no JSON" in shown.prompt(1)
    assert INTEGERS in shown.prompt(0)


async def test_json_text_is_read_as_data(frame):
    assert (await answered(frame(code("FINAL('[1, 2]')"), schema=INTEGERS))).value == [1, 2]


async def test_after_two_repairs_the_last_turn_decides(frame):
    wrong = code("FINAL('x')")
    shown = frame(wrong, wrong, wrong, "[3]", schema=INTEGERS)
    result = await answered(shown)
    assert (result.value, result.limit) == ([3], "consecutive_errors")
    assert shown.asked[-1][0].schema == INTEGERS


async def test_data_that_does_not_fit_is_never_handed_out(frame):
    wrong = code("FINAL('x')")
    with pytest.raises(Unanswered, match="fits the schema"):
        await answered(frame(wrong, wrong, wrong, "sorry", schema=INTEGERS))


async def test_a_schema_that_is_none_costs_nothing(frame):
    shown = frame(schema='{"type": 1}')
    with pytest.raises(ConfigError):
        await answered(shown)
    assert not shown.asked


async def test_the_wanted_sample_is_asked_for(frame):
    shown = frame(code("FINAL(1)"), sample=3)
    await answered(shown)
    assert shown.asked[0][0].sample == 3
