"""Prompts as they are sent, kept in snapshots/. Set RLM_ASYNC_UPDATE_SNAPSHOTS=1 to write them anew."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from rlm_async.core.usage import Limits, ModelInfo, Price
from rlm_async.strategies.facts import Facts, budget_line
from rlm_async.strategies.prompts import first_message, system_prompt
from rlm_async.strategies.repl import Repl
from tests.strategies.fake_frame import code, out_of

SNAPSHOTS = Path(__file__).parent / "snapshots"
STRONG = ModelInfo(name="openai/gpt-5", window=400_000, max_output=128_000, price=Price(prompt=1.25, completion=10))
MINI = ModelInfo(name="openai/gpt-5-mini", window=400_000, price=Price(prompt=0.25, completion=2), concurrency=64)
QWEN = ModelInfo(name="openai/Qwen3-Coder-480B", window=256_000)
WEAK = ModelInfo(name="local", window=8_192, weak=True)

CASES = {
    "depth_0": {"limits": Limits(depth=0), "infos": {"root": STRONG, "sub": MINI}},
    "depth_1": {"limits": Limits(depth=1), "infos": {"root": STRONG, "sub": MINI}},
    "depth_3_child": {"limits": Limits(depth=3), "depth": 1, "infos": {"root": STRONG, "sub": MINI}},
    "tools": {"tools": {"lookup": "lookup(key: str) -> str: one record"}, "infos": {"root": STRONG, "sub": MINI}},
    "qwen": {"infos": {"root": QWEN, "sub": QWEN}},
    "weak": {"infos": {"root": WEAK, "sub": WEAK}},
    "unknown": {},
}


def same(name: str, text: str) -> None:
    path = SNAPSHOTS / f"{name}.txt"
    if os.environ.get("RLM_ASYNC_UPDATE_SNAPSHOTS") == "1":
        path.parent.mkdir(exist_ok=True)
        path.write_text(text + "\n", encoding="utf-8")
    assert path.read_text(encoding="utf-8") == text + "\n"


@pytest.mark.parametrize("name", sorted(CASES))
def test_the_system_prompt_is_as_it_was(frame, name):
    same(f"system_{name}", system_prompt(Facts.of(frame(**CASES[name]))))


def test_the_first_message_is_as_it_was(frame):
    shown = frame(prompt="Which clause?", context={"a.txt": "one " * 900, "b.txt": "two"}, schema='{"type":"string"}',
                  history=(("Who?", "Ann."),), remaining={"tokens": 4_987_654, "usd": 1.2345, "seconds": 599.2})  # fmt: skip
    same("first_message", first_message(shown.query, shown.left(), 20, "n: int = 1"))


@pytest.mark.anyio
async def test_the_last_prompt_is_as_it_was(frame):
    replies = [code("print('clue')", 'answer["content"] = "guess"'), code("1 / 0"), out_of("usd"), "So."]
    shown = frame(*replies, context="some text")
    await Repl().answer(shown)
    same("last_turn", shown.prompt())


def test_at_the_depth_limit_recursion_is_announced_to_be_a_plain_completion(frame):
    assert "the same as `llm_query`, one plain completion" in system_prompt(Facts.of(frame(limits=Limits(depth=1))))
    deep = system_prompt(Facts.of(frame(limits=Limits(depth=3))))
    assert "3 levels of sub-queries are left" in deep


def test_without_levels_no_sub_query_is_promised(frame):
    prompt = system_prompt(Facts.of(frame(limits=Limits(depth=0), infos={"root": WEAK})))
    assert "There are none in this run" in prompt
    assert "llm_query_batched" not in prompt


def test_the_sub_models_real_capacity_is_told(frame):
    prompt = system_prompt(Facts.of(frame(infos={"sub": ModelInfo(name="mini", window=32_000, concurrency=8)})))
    assert "mini: reliable up to about 48,000 characters a prompt, full at about 72,000." in prompt
    assert "Up to 8 of them run at the same time." in prompt


def test_only_small_models_are_shown_examples(frame):
    assert "## Examples" in system_prompt(Facts.of(frame(infos={"root": WEAK})))
    assert "## Examples" not in system_prompt(Facts.of(frame(infos={"root": STRONG})))


def test_the_system_prompt_holds_nothing_that_changes(frame):
    before = system_prompt(Facts.of(frame(remaining={"calls": 100, "usd": 2.0})))
    assert system_prompt(Facts.of(frame(remaining={"calls": 3, "usd": 0.01}))) == before


def test_the_input_is_described_and_never_pasted(frame):
    text = "needle " + "hay " * 50_000
    shown = frame(context=text)
    assert len(first_message(shown.query, shown.left(), 20)) < 3_000


def test_a_question_that_is_the_input_is_shown_by_its_ends(frame):
    text = "Count them: " + "a, b, " * 20_000
    message = first_message(frame(prompt=text, context=text).query, {}, 20)
    assert "the whole of it is `context`" in message
    assert len(message) < 23_000
    other = first_message(frame(prompt=text, context="else").query, {}, 20)
    assert text in other


@pytest.mark.parametrize(
    ("left", "line"),
    [
        ({}, "Left: 1 turn."),
        ({"calls": 1}, "Left: 1 turn, 1 model call."),
        ({"calls": 12_345, "tokens": 4_987_654}, "Left: 1 turn, 12,000 model calls, 4.9M tokens."),
        ({"tokens": 12_345, "usd": 0.0123}, "Left: 1 turn, 12K tokens, $0.012."),
        ({"usd": 0.0, "seconds": 61.7}, "Left: 1 turn, $0, 61 s."),
    ],
)
def test_what_is_left_is_told_in_round_figures(left, line):
    assert budget_line(left, 1) == line
