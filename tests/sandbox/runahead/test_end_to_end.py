"""Run-ahead through the whole stack: RLM, rings, a server of a set latency, jailed workers."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from rlm_async import RLM, Limits
from rlm_async.core.events import CellEnded
from rlm_async.core.usage import Rates
from rlm_async.testing.loopback import LoopbackServer, Served
from rlm_async.testing.scripted import ScriptedModel

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

LONG = 0.03
PATIENCE = 5.0


def crowded(count):
    """A server that answers nobody before `count` calls are in flight at once, or patience has run out."""
    gathered = asyncio.Event()

    async def reply(asked):
        if server.in_flight >= count:
            gathered.set()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(gathered.wait(), PATIENCE)
        return Served(text=f"yes {asked.prompt}", latency=LONG)

    server = LoopbackServer(reply)
    return server


HELPER = """
def ask(c):
    return llm_query(f"Q {c}").strip()
out = []
for i in range(12):
    try:
        out.append(ask(i))
    except Exception as e:
        out.append(type(e).__name__)
        BREAK
print(out)
answer["content"] = out
answer["ready"] = True
"""


def program(code, *, on_failure="pass"):
    return f"```repl\n{code.replace('BREAK', on_failure)}\n```"


async def told(code, *, ahead, server=None, question="Run it.", **settings):
    """The answer, and how many requests the server had; a session of two questions where `question` is a tuple."""
    usual = {"limits": Limits(calls=500), **settings}
    async with (
        server or LoopbackServer(lambda asked: Served(text=f"yes {asked.prompt}", latency=LONG)) as served,
        RLM(
            ScriptedModel(code if callable(code) else lambda _: code),
            sub_model="openai/sub",
            api_base=served.url,
            api_key="none",
            strategy="repl",
            run_ahead=ahead,
            **usual,
        ) as rlm,
    ):
        answer = await rlm.ask(question, "the text")
        return answer, len(served.requests), served.peak_in_flight


def printed(answer):
    return "".join(event.output.stdout for event in answer.trace if isinstance(event, CellEnded))


async def test_a_cap_of_one_is_kept():
    answer, requests, peak = await told(program(HELPER), ahead=True, rates=Rates(concurrency=1))
    assert answer.data == [f"yes Q {i}" for i in range(12)]
    assert requests == 12
    assert peak == 1


async def test_a_low_rate_is_spared_for_calls_that_are_waited_for():
    answer, requests, _ = await told(program(HELPER), ahead=True, rates=Rates(requests_per_minute=600))
    assert answer.data == [f"yes Q {i}" for i in range(12)]
    assert requests == 12
    assert answer.usage.speculative.calls == 0


@pytest.mark.parametrize("calls", [4, 9, 14])
async def test_a_limit_of_calls_strikes_where_it_strikes_without(calls):
    found = {}
    for ahead in (True, False):
        code = program(HELPER, on_failure="break")
        answer, _, _ = await told(code, ahead=ahead, limits=Limits(calls=calls, turns=1))
        found[ahead] = printed(answer)
        assert answer.usage.calls <= calls
        assert answer.usage.speculative.calls == 0
    assert found[True] == found[False]
    assert "BudgetExceeded" in found[True] or calls == 14


async def test_failing_calls_fail_where_they_fail_without():
    def reply(asked):
        if asked.prompt in {"Q 3", "Q 7"}:
            return Served(status=400, text="no", latency=LONG)
        return Served(text=f"yes {asked.prompt}", latency=LONG)

    found = {}
    for ahead in (True, False):
        answer, _, _ = await told(program(HELPER), ahead=ahead, server=LoopbackServer(reply))
        found[ahead] = answer.data, printed(answer)
    assert found[True] == found[False]
    assert found[True][0][3] == found[True][0][7] == "ModelRejected"


async def test_the_total_is_the_sum_of_what_the_server_has_seen():
    code = HELPER.replace("out.append(ask(i))", "r = ask(i)\n        out.append(r)\n        if r.endswith(' 5'): break")
    answer, requests, _ = await told(program(code), ahead=True, server=crowded(5))
    assert answer.data == [f"yes Q {i}" for i in range(6)]
    assert answer.usage.calls == requests + 1
    assert answer.usage.speculative.calls == requests - 6 > 0
    assert sum(usage.calls for usage in answer.usage.by_depth.values()) == answer.usage.calls
    assert len(answer.graph.nodes) == 7


async def test_a_session_runs_ahead_for_the_question_at_hand():
    async with (
        crowded(12) as served,
        RLM(
            ScriptedModel(lambda _: program(HELPER)), sub_model="openai/sub", api_base=served.url, api_key="none",
            strategy="repl",
        ) as rlm,
        rlm.session("the text") as session,
    ):  # fmt: skip
        for _ in range(2):
            answer = await session.ask("Run it.")
            assert len(answer.data) == 12
        assert len(served.requests) == 24
        assert served.peak_in_flight == 12
