"""A long run of one node, through RLM, engine and sandbox: folded where its model's window is small."""

from __future__ import annotations

import pytest

from rlm_async import RLM, Limits, ModelInfo
from rlm_async.core.events import Folded
from rlm_async.errors import ConfigError
from rlm_async.testing import ScriptedModel

pytestmark = pytest.mark.anyio
TURNS = 60


def turn(number: int) -> str:
    if number == TURNS:
        return "```repl\nprint(len(history))\nFINAL(f'{total} {history[10][\"output\"][:7]}')\n```"
    start = "total = 0" if number == 1 else f"total += {number}"
    return f"```repl\n{start}\nprint('look {number:02d} ' * 100)\n```"


def rlm(**more):
    model = ScriptedModel([turn(n) for n in range(1, TURNS + 1)] + ["So far nothing."])
    model.info = ModelInfo(name="scripted", window=8_000)
    return RLM(model, strategy="repl", limits=Limits(turns=TURNS), **more)


async def test_sixty_turns_end_right_and_the_trace_tells_what_was_folded():
    answer = await rlm().ask("How much is it?", "a text")
    assert answer.status == "complete", answer.error
    assert answer.text == f"{sum(range(2, TURNS))} look 11", "code reads back what the model is no longer shown"
    folds = [event for event in answer.trace if isinstance(event, Folded)]
    assert folds
    assert all(event.policy == "elide" and event.turns and event.after < event.before for event in folds)


async def test_without_folding_the_same_run_overflows():
    answer = await rlm(folding="none").ask("How much is it?", "a text")
    assert (answer.status, answer.limit) == ("partial", "window")


async def test_an_unknown_folding_is_refused_before_anything_runs():
    with pytest.raises(ConfigError, match="no folding 'shrink'"):
        rlm(folding="shrink")
