"""What a batch costs by node, by item and by worker; what that predicts for a million items; and a check of it.

*Measured* on this machine, in this process, with a scripted model: processor time of one call below a program
(the slope over items with few and with many sub-calls), of one item with a jailed worker (its intercept), of
one item that is a single call, and memory for each item in hand. With `--postgres URL` also of one item through
the database. *Predicted* is the slowest of five: calls at the cap, calls at the rate, the event loops and the processors of the
workers, and the database; plus the last item alone. *Simulated* is the same batch on a virtual clock, where
only waiting takes time: it checks the first two and the tail.

    python -m benchmarks.scale                                 measure, predict 10^6 items, simulate 4,000
    python -m benchmarks.scale --postgres postgresql://…       the database's share as well
    python -m benchmarks.scale --small                         everything once and little, to see that it works
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import math
import random
import resource
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import anyio

from rlm_async import RLM, Rates
from rlm_async.api import wiring
from rlm_async.core.answer import Answer
from rlm_async.core.items import Item, ItemResult, answered
from rlm_async.models.gates import Gates
from rlm_async.sandbox.factory import inline
from rlm_async.testing import ScriptedModel, VirtualLoop

CODE = """```repl
parts = llm_query_batched([f"part {{i}} of {{context}}" for i in range({parts})])
answer["content"] = str(len(parts))
answer["ready"] = True
```"""


@dataclass(frozen=True)
class Costs:
    """Processor seconds and bytes; `jail` is spent beside the event loop, in the jailed process of a program.

    `row` is an item's way through the database, all processes together.
    """

    call: float
    program: float
    single: float
    held: float
    jail: float = 0.0
    row: float = 0.0


@dataclass(frozen=True)
class Plan:
    """A batch, and what it runs on. `latency` in seconds, `rpm` over all workers, `cap` for each."""

    items: int
    parts: int
    latency: float
    cap: int
    workers: int = 1
    rpm: int | None = None
    cores: int = 2
    """Of each worker's machine; its event loop has one at most."""


def script(parts: int):
    def answer(request):
        return CODE.format(parts=parts) if request.messages[0].role == "system" else "yes"

    return answer


async def processor_time(parts: int | None, items: int) -> float:
    """Seconds of processor time of this process for each item; `parts` None: a single call each."""
    model = ScriptedModel("yes" if parts is None else script(parts), latency=0.02)
    strategy = "direct" if parts is None else "repl"
    async with RLM(model, strategy=strategy, rates=Rates(concurrency=64)) as rlm:
        questions = [{"question": f"q{n}?", "context": f"item-{n}"} for n in range(items)]
        async for _ in rlm.batch(questions[:8]):
            pass  # imports, warm workers
        began = time.process_time()
        async for result in rlm.batch(questions):
            assert result.status == "complete", result.record
        return (time.process_time() - began) / items


def jailed(items: int) -> float:
    """Seconds of processor time for each item in its jailed process, from fork to end."""
    spent = []
    for count in (4, 4 + items):  # the zygote's start is in both
        before = below()
        asyncio.run(processor_time(8, count))
        spent.append(below() - before)
    return (spent[1] - spent[0]) / items


def below() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


async def held(items: int) -> float:
    """Bytes of this process for each item in hand, its run, graph and trace."""
    release = anyio.Event()

    async def wait(_):
        await release.wait()
        return "yes"

    model = ScriptedModel(wait)
    async with RLM(model, strategy="direct", rates=Rates(concurrency=items)) as rlm, rlm.asker() as asker:
        gc.collect()
        before = resident()
        async with anyio.create_task_group() as tasks:
            for n in range(items):
                tasks.start_soon(asker, Item(id=str(n), question=f"q{n}?"))
            await anyio.wait_all_tasks_blocked()
            assert model.in_flight == items
            after = resident()
            release.set()
    return (after - before) / items


def resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


async def through_database(url: str, items: int) -> float:
    """Seconds on the clock for each item, with nothing to answer: what the database and its client take."""
    from rlm_async.batch.postgres.executor import PostgresExecutor  # noqa: PLC0415 - an extra
    from rlm_async.batch.postgres.worker import Worker  # noqa: PLC0415 - an extra

    class Instant:
        hungry = True

        async def __call__(self, item: Item) -> ItemResult:
            return answered(item, Answer(text="yes"))

    @asynccontextmanager
    async def opening(_) -> AsyncIterator[Instant]:
        yield Instant()

    async def given():
        for n in range(items):
            yield Item(id=str(n), question="q?")

    async def deliver(_: ItemResult) -> None:
        pass

    name = f"scale {time.time()}"
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(Worker(url, opening, batch=name).run)
        began = time.perf_counter()
        await PostgresExecutor(url, name).execute({}, given(), deliver)
        seconds = time.perf_counter() - began
        tasks.cancel_scope.cancel()
    return seconds / items


async def measured(options: argparse.Namespace) -> Costs:
    items = 12 if options.small else options.items
    few, many = await processor_time(2, items), await processor_time(18, items)
    call = (many - few) / 16
    row = await through_database(options.postgres, 40 if options.small else 2_000) if options.postgres else 0.0
    return Costs(
        call=call,
        program=few - 3 * call,
        single=await processor_time(None, 4 * items),
        held=await held(100 if options.small else 1_000),
        row=row,
    )


def bounds(plan: Plan, costs: Costs) -> dict[str, float]:
    """Seconds that each of the four takes by itself, and the tail."""
    calls = plan.items * (plan.parts + 1 if plan.parts else 1)
    item = costs.program + (plan.parts + 1) * costs.call if plan.parts else costs.single
    jail = costs.jail if plan.parts else 0.0
    return {
        "calls at the cap": calls * plan.latency / (plan.cap * plan.workers),
        "calls at the rate": 0.0 if plan.rpm is None else calls * 60 / plan.rpm,
        "the event loop of a worker": plan.items * item / plan.workers,
        "the processors of a worker": plan.items * (item + jail) / (plan.workers * plan.cores),
        "the database": plan.items * costs.row,
        "the last item": plan.latency * (2 if plan.parts else 1),
    }


def predicted(plan: Plan, costs: Costs) -> float:
    *slow, tail = bounds(plan, costs).values()
    return max(slow) + tail


def simulated(plan: Plan) -> float:
    """Virtual seconds of a batch of single calls, whose latencies are exponential around the plan's."""
    chance = random.Random(7)
    model = ScriptedModel("yes", latency=lambda _: chance.expovariate(1 / plan.latency))

    async def run() -> float:
        # the gates of a process keep the machine's time; these keep the simulation's
        wiring._GATES = Gates(asyncio.get_running_loop().time)  # noqa: SLF001 - nobody else wants another clock
        rates = Rates(concurrency=plan.cap, requests_per_minute=plan.rpm)
        async with RLM(model, strategy="direct", sandbox=inline(), rates=rates) as rlm:
            began = asyncio.get_running_loop().time()
            count = 0
            async for _ in rlm.batch(f"q{n}?" for n in range(plan.items)):
                count += 1
            assert count == model.calls == plan.items
            return asyncio.get_running_loop().time() - began

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(run())


def shown(seconds: float) -> str:
    if seconds < 3_600:
        return f"{seconds:,.1f} s"
    return f"{seconds / 3_600:,.1f} h"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--postgres", metavar="URL")
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--items", type=int, default=200, help="to measure with; twenty times as many are simulated")
    options = parser.parse_args()
    costs = replace(asyncio.run(measured(options)), jail=jailed(12 if options.small else options.items))
    print("measured")
    print(f"  a call below a program   {costs.call * 1e3:8.2f} ms of a processor")
    print(f"  an item with a program   {costs.program * 1e3:8.2f} ms")
    print(f"  its jailed process       {costs.jail * 1e3:8.2f} ms, beside it")
    print(f"  an item of a single call {costs.single * 1e3:8.2f} ms")
    print(f"  an item in hand          {costs.held / 1e3:8.1f} kB, without the jailed worker of a program")
    if options.postgres:
        print(f"  through the database     {costs.row * 1e3:8.2f} ms on the clock")
    print("predicted for a million items of 8 sub-calls at 2 s, 256 in flight for each worker of 2 processors")
    for workers in (1, 4, 16, 64):
        plan = Plan(items=1_000_000, parts=8, latency=2.0, cap=256, workers=workers)
        slow = max(bounds(plan, costs), key=lambda name: bounds(plan, costs)[name])
        print(f"  {workers:>3} workers   {shown(predicted(plan, costs)):>12}   held up by {slow}")
    print("simulated, single calls at 2 s, on a virtual clock (processor time does not pass there)")
    waiting = replace(costs, call=0.0, program=0.0, single=0.0, jail=0.0, row=0.0)
    items = 400 if options.small else 20 * options.items
    for plan in (
        Plan(items=items, parts=0, latency=2.0, cap=64),
        Plan(items=items, parts=0, latency=2.0, cap=256),
        Plan(items=items, parts=0, latency=2.0, cap=256, rpm=3_000),
    ):
        virtual, said = simulated(plan), predicted(plan, waiting)
        # the slowest of the last `cap` calls: the mean of a maximum of exponentials is its harmonic number
        tail = plan.latency * (math.log(min(plan.cap, plan.items)) + 0.577)
        rate = "" if plan.rpm is None else f", {plan.rpm:,} a minute"
        print(f"  cap {plan.cap}{rate}: {virtual:.1f} s, predicted {said:.1f} s, and a tail of at most {tail:.1f} s")
        assert 0.9 * said <= virtual <= said + tail + 10, (virtual, said, tail)


if __name__ == "__main__":
    main()
