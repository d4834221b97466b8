from __future__ import annotations

import pytest

from rlm_async.core.answer import Result
from rlm_async.core.usage import ModelInfo
from rlm_async.errors import ContextOverflow
from rlm_async.strategies.auto import Auto
from rlm_async.strategies.auto import choose as chosen_by
from rlm_async.strategies.registry import strategies
from rlm_async.strategies.rules import shipped
from tests.strategies.fake_frame import code

pytestmark = pytest.mark.anyio


def choose(frame):
    return chosen_by(frame, shipped())


def words(tokens: int) -> str:
    return "some words here " * (tokens // 3)


@pytest.mark.parametrize(
    ("tokens", "window", "chosen"),
    [
        (100, None, "direct"),
        (7_000, None, "direct"),
        (9_000, None, "repl"),
        (14_000, 1_000_000, "direct"),
        (20_000, 1_000_000, "repl"),
        (5_000, 16_000, "repl"),
    ],
)
def test_a_short_input_goes_straight_to_the_model(frame, tokens, window, chosen):
    shown = frame(context=words(tokens), infos={"root": ModelInfo(name="root", window=window)})
    assert choose(shown).strategy == chosen


def test_a_long_question_counts_too(frame):
    assert choose(frame(prompt=words(20_000))).strategy == "repl"


def test_a_small_model_is_given_our_program_where_the_input_is_long(frame):
    weak = {"root": ModelInfo(name="root", window=8_192, weak=True)}
    assert choose(frame(context=words(5_000), infos=weak)).strategy == "guided"
    assert choose(frame(context=words(500), infos=weak)).strategy == "direct"


def test_tools_can_only_be_called_by_code(frame):
    assert choose(frame(context="short", tools={"lookup": "find"})).strategy == "repl"


async def test_the_choice_and_its_reason_go_into_the_trace(frame):
    shown = frame("42", context="There are 42.")
    assert (await strategies()["auto"].answer(shown)).value == "42"
    [(strategy, reason)] = shown.choices
    assert strategy == "direct"
    assert "fit comfortably" in reason


async def test_a_long_input_is_answered_by_code(frame):
    shown = frame(code("FINAL(len(context))"), context=words(30_000))
    assert (await strategies()["auto"].answer(shown)).value == len(words(30_000))
    assert [strategy for strategy, _ in shown.choices] == ["repl"]


async def test_an_input_that_the_model_says_is_too_long_is_answered_by_code(frame):
    shown = frame(ContextOverflow("too long"), code("FINAL(1)"), context="short")
    assert (await strategies()["auto"].answer(shown)).value == 1
    assert [strategy for strategy, _ in shown.choices] == ["direct", "repl"]


async def test_plugins_can_stand_in_for_a_strategy(frame):
    class Fixed:
        async def answer(self, frame):
            return Result("mine")

    assert (await Auto({"direct": Fixed(), "repl": Fixed(), "guided": Fixed()}).answer(frame())).value == "mine"
