"""Large runs, several runs, and what is left of them: through the real scheduler and the real rings."""

from __future__ import annotations

import threading

import anyio
import anyio.lowlevel
import pytest

from rlm_async.core.graph import State
from rlm_async.core.usage import ModelInfo, Price, Rates
from rlm_async.models.stack import Rings
from rlm_async.models.table import ModelTable, Sources
from rlm_async.testing import ScriptedModel
from tests.engine.conftest import llm, rlm

pytestmark = pytest.mark.anyio
INFO = ModelInfo(name="m", price=Price(prompt=1.0, completion=1.0))


@pytest.fixture
def fake():
    return ScriptedModel("yes")


def ringed(fake, cap):
    """The fake under both names that the bench uses, behind one gate each, with all rings."""
    infos = dict.fromkeys(("big", "small"), INFO)
    return ModelTable(Sources(given={"big": fake, "small": fake}, infos=infos), Rings(rates=Rates(concurrency=cap)))


def spread(children, leaves):
    """A root whose children each ask leaves."""

    async def cell(host):
        if host.budget()["depth"] > 1:
            replies = await host.spawn([rlm(f"{host.query.prompt}.{number}") for number in range(children)])
        else:
            replies = await host.spawn([llm(f"{host.query.prompt}.{number}") for number in range(leaves)])
        return sum(reply.value if isinstance(reply.value, int) else 1 for reply in replies)

    return {"*": cell}


@pytest.mark.slow
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_ten_thousand_nodes_in_one_run_need_no_thread_each(bench, fake):
    before = threading.active_count()
    threads = []

    def answer(asked):
        if fake.calls % 1_000 == 0:
            threads.append(threading.active_count())
        return "yes"

    fake._answer = answer
    bench.model = ringed(fake, 64)
    bench.cells = spread(100, 99)
    answer = await bench.ask(depth=2, calls=None, tokens=None, patience=100)
    assert answer.data == 9_900
    assert len(answer.graph.nodes) == 1 + 100 + 9_900
    assert all(node.state is State.DONE for node in answer.graph.nodes)
    assert (answer.usage.calls, fake.peak) == (9_900, 64)
    assert max(threads) <= before + 1


async def test_a_large_run_does_not_hold_up_a_small_one(bench):
    fake = ScriptedModel("yes", latency=0.001)
    bench.model = ringed(fake, 2)
    bench.cells = spread(1, 200)
    seen = {}

    async def large():
        seen["large"] = (await bench.ask("root large", depth=2, calls=None, tokens=None)).data

    async def small():
        while fake.calls < 10:
            await anyio.sleep(0.001)
        before = fake.calls
        bench.cells = spread(1, 5)
        seen["small"] = (await bench.ask("root small", depth=2, run_name="run-2")).data
        seen["meanwhile"] = fake.calls - before

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(large)
        tasks.start_soon(small)
    assert (seen["large"], seen["small"]) == (200, 5)
    assert seen["meanwhile"] <= 3 * 5 + 4, "turn by turn: the small run's calls are about half of those that went"


async def test_cancelling_a_run_empties_the_gate_and_the_line(bench):
    fake = ScriptedModel("yes", latency=3_600.0)
    table = bench.model = ringed(fake, 3)
    bench.cells = spread(4, 10)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(lambda: bench.ask(depth=2))
        while not any(gate.waiting == 37 for gate in table.statistics().values()):
            await anyio.sleep(0.001)
        tasks.cancel_scope.cancel()
    assert fake.in_flight == 0
    assert all(gate.in_flight == gate.waiting == 0 for gate in table.statistics().values())
    assert bench.sandboxes.opened == bench.sandboxes.closed == 5
