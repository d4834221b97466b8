"""What the simulated root heeds: rules and examples change what it does by habit, for better and for worse."""

from __future__ import annotations

import asyncio
import statistics

import pytest

from rlm_async.bench.arms import Endpoint, rlm_for
from rlm_async.bench.points import Point
from rlm_async.bench.sim.habits import ALL, BLUNDERS, Habits, heard
from rlm_async.bench.sim.programs import Policy
from rlm_async.bench.windows import window
from rlm_async.core.events import CellStarted
from rlm_async.core.profile import PLAIN, Demonstration, Profile
from rlm_async.testing import VirtualLoop

CAREFUL = Profile(name="careful", about="lines", rules=("Put at most 20 records into one prompt.",))
CARELESS = Profile(name="careless", about="lines", rules=("Put 1,000 records into one prompt.",))
SHOWN = Profile(
    name="shown", about="lines", demonstrations=(Demonstration(question="How many?", cells=("SIZE = 20\nFINAL(1)",)),)
)
OTHER = Profile(
    name="other", about="lines", demonstrations=(Demonstration(question="Who?", cells=("FINAL(peek(3))",)),)
)


def system(advice: str = "", examples: str = "") -> str:
    return f"You answer.\n\n## This input: lines\n{advice}\n\n## How to reply\nSIZE = 7\n\n## Examples\n{examples}"


@pytest.mark.parametrize(
    ("advice", "told"),
    [
        ("- Put at most 20 records into one prompt.", 20),
        ("- Put at most about 2,800 characters into the prompt of one sub-query: 74, others 48.", 40),
        ("- There are 20 records in a folder.", None),
        ("- Ask at least 20 sub-queries.", None),
    ],
)
def test_a_sentence_about_prompts_is_understood(advice, told):
    assert heard(system(advice)).told == told


def test_an_examples_code_is_copied_and_the_rest_of_the_prompt_is_not():
    assert heard(system(examples="Question: x\n```repl\nSIZE = 30\nFINAL(1)\n```")).shown == 30
    assert heard(system()).shown is None


def test_what_a_line_forbids_between_backticks_is_barred():
    assert heard(system("- Do not write `import pandas as pd`: it failed.")).barred == ("import pandas as pd",)
    assert heard(system("- Use `grep`.")).barred == ()


def test_who_heeds_nothing_has_habits_as_before():
    told = heard(system("- Put at most 20 records into one prompt."))
    sizes = {Habits(told, 0.0, str(luck)).settled(Policy()).chunk for luck in range(40)}
    assert sizes == {40, ALL}
    assert {Habits(told, 1.0, str(luck)).settled(Policy()).chunk for luck in range(40)} == {20}
    wrong = heard(system("- Put at least 1,000 records into one prompt."))
    assert {Habits(wrong, 1.0, str(luck)).settled(Policy()).chunk for luck in range(40)} == {1_000}


def test_a_blunder_is_given_up_where_it_is_forbidden():
    def blunders(barred):
        told = heard(system("\n".join(f"- Never write `{line}`." for line in barred)))
        return sum(Habits(told, 1.0, str(luck)).blunder(0) is not None for luck in range(60))

    firsts = [code.splitlines()[0] for code in BLUNDERS]
    assert blunders([]) > 5
    assert blunders(firsts) == 0
    assert 0 < blunders(firsts[:1]) < blunders([])


@pytest.fixture(scope="module")
def answered(everything):
    """Answers to three questions about a window with a profile, by a root with habits."""
    tasks, knowledge = everything
    made = window(tasks["oolong_trec"], 4_096, 1)

    def run(profile, policy="hasty"):
        point = Point(
            task="", size=0, seed=0, arm="depth 1", model="sim-oracle", sub_model="sim-weak", policy=policy,
            clock="virtual",
        )  # fmt: skip

        async def work():
            async with rlm_for(point, knowledge, Endpoint(), profile=profile) as rlm:
                return [await rlm.ask(one.text, made.context) for one in made.questions[:3]]

        with asyncio.Runner(loop_factory=VirtualLoop) as loop:
            return loop.run(work())

    return run


def calls(answers):
    return statistics.fmean(answer.usage.calls for answer in answers)


def test_rules_and_examples_are_followed_whether_they_help_or_hurt(answered):
    plain = answered(PLAIN)
    assert calls(answered(CAREFUL)) > calls(plain) >= calls(answered(CARELESS))
    assert calls(answered(SHOWN)) > calls(plain)


def test_what_says_nothing_of_its_habits_changes_nothing(answered):
    assert [a.text for a in answered(OTHER)] == [a.text for a in answered(PLAIN)]


def test_without_habits_advice_changes_nothing(answered):
    plain, careful = answered(PLAIN, "map-reduce"), answered(CARELESS, "map-reduce")
    assert [a.text for a in plain] == [a.text for a in careful]
    assert not any("pandas" in e.code for a in plain for e in a.trace if isinstance(e, CellStarted))
