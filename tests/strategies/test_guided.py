"""What `guided` makes of its program's findings and failures; the program itself: test_in_sandbox."""

from __future__ import annotations

import json

import pytest

from rlm_async.core.transcript import CodeError, Output, Submission
from rlm_async.core.usage import Limits
from rlm_async.errors import BudgetExceeded, SandboxCrashed, Unanswered
from rlm_async.strategies.guided import Guided
from tests.strategies.fake_frame import out_of

pytestmark = pytest.mark.anyio
AT = {"doc": "a.txt", "line": 3, "quote": "port\n= 7"}
FOUND = {"shape": "lookup", "read": 3, "failed": [], "passages": [{"doc": "a.txt", "text": "port = 7"}], "answer": "7"}


def draft(**changes) -> Output:
    return Output(draft=Submission({**FOUND, "at": AT, "sure": True, **changes}))


async def answered(frame):
    return await Guided().answer(frame)


async def test_what_was_found_before_a_limit_is_the_answer(frame):
    shown = frame(outputs=[Output(), draft(), out_of("seconds")])
    result = await answered(shown)
    assert (result.text, result.limit) == ('7\n\nSource: a.txt, line 3: "port = 7"', "seconds")


async def test_a_lost_sandbox_keeps_what_was_found(frame):
    shown = frame(outputs=[Output(), draft(), SandboxCrashed("gone")])
    assert (await answered(shown)).limit == "sandbox"


async def test_a_finding_with_little_support_says_so(frame):
    shown = frame(outputs=[Output(), Output(answer=draft(sure=False).draft)])
    assert "\nNot certain: " in (await answered(shown)).text


@pytest.mark.parametrize(
    ("failed", "limit"),
    [
        ("Error: BudgetExceeded: usd limit of the run: 1 asked, 0 left", "usd"),
        ("Error: FanoutExceeded: a node may ask 3", "fanout"),
        ("Error: ModelUnavailable: down", None),
    ],
)
async def test_a_sub_query_refused_for_a_limit_makes_the_answer_partial(frame, failed, limit):
    shown = frame(outputs=[Output(), Output(answer=draft(failed=[failed]).draft)])
    assert (await answered(shown)).limit == limit


async def test_before_anything_was_found_a_limit_is_an_error(frame):
    with pytest.raises(Unanswered, match="seconds"):
        await answered(frame(outputs=[out_of("seconds")]))


async def test_a_program_that_fails_says_with_what(frame):
    broken = Output(error=CodeError("MemoryError", "too much", 3, "x"), outcome="contained")
    with pytest.raises(Unanswered, match="MemoryError: too much") as caught:
        await answered(frame(outputs=[broken]))
    assert caught.value.transcript[0].cells


async def test_an_answer_that_cannot_be_put_into_its_schema_for_want_of_budget_is_an_error(frame):
    schema = json.dumps({"type": "object"})
    refusals = [BudgetExceeded("the run", "calls", 1, 0)] * 4
    shown = frame(*refusals, outputs=[Output(), Output(answer=draft().draft)], schema=schema, limits=Limits(calls=3))
    with pytest.raises(Unanswered):
        await answered(shown)
