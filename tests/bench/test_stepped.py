"""The sandbox of virtual time: code and loop take turns, and only waiting takes time."""

from __future__ import annotations

import asyncio
import threading

import anyio
import pytest

from rlm_async.bench.stepped import Stepped
from rlm_async.core.context import Context
from rlm_async.core.query import Reply
from rlm_async.testing import VirtualLoop

SECONDS = 10.0


class Host:
    tools = {}  # noqa: RUF012 - nobody changes it

    def __init__(self):
        self.asked = []

    async def spawn(self, queries):
        self.asked += [query.prompt for query in queries]
        await anyio.sleep(SECONDS)
        return [Reply(query.prompt.upper()) for query in queries]

    async def tool(self, *_):
        return Reply("used")

    def budget(self):
        return {"calls": 7}


def ran(code, *, within=None, shape="text"):
    """The output, the virtual seconds and the host of one cell."""

    async def work():
        host = Host()
        async with Stepped().open(Context.of("a\nb" if shape == "text" else {"x": "y"}), host) as sandbox:
            with anyio.move_on_after(within):
                return await sandbox.run(code), anyio.current_time(), host
        return None, anyio.current_time(), host

    with asyncio.Runner(loop_factory=VirtualLoop) as loop:
        return loop.run(work())


def test_siblings_wait_at_the_same_time_and_computing_takes_none():
    output, now, host = ran("FINAL(llm_query_batched([f'q{i}' for i in range(200)])[199] + str(sum(range(200_000))))")
    assert output.answer.value == "Q19919999900000"
    assert (now, len(host.asked)) == (SECONDS, 200)


def test_what_depends_waits_in_turn():
    output, now, _ = ran("r = 'a'\nfor i in range(3):\n    r = llm_query(r + 'x')\nFINAL(r)")
    assert output.answer.value == "AXXX".replace("XXX", "xXx").upper()
    assert now == 3 * SECONDS


def test_the_budget_costs_no_time_and_errors_are_outputs():
    output, now, _ = ran("print(budget()['calls'])\n1 / 0")
    assert (output.stdout.strip(), output.error.type, now) == ("7", "ZeroDivisionError", 0.0)


def test_documents_are_a_dict():
    assert ran("FINAL(context['x'])", shape="dict")[0].answer.value == "y"


def test_a_cancelled_cell_leaves_no_thread_and_no_query(monkeypatch):
    output, now, host = ran(
        "try:\n    llm_query('a').strip()\nexcept Exception:\n    llm_query('b').strip()", within=3.0
    )
    assert (output, now, host.asked) == (None, 3.0, ["a"])
    assert not [thread for thread in threading.enumerate() if "stepped" in thread.name]


@pytest.mark.parametrize("times", [1, 2])
def test_every_run_is_the_same(times):
    code = "FINAL(', '.join(llm_query_batched(['x', 'y'])) + llm_query('z'))"
    assert [ran(code)[0].answer.value for _ in range(times)] == ["X, YZ"] * times
