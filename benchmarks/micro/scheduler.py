"""The scheduler: a node from its query to its answer, with a strategy that does nothing."""

from __future__ import annotations

import asyncio

import anyio

from benchmarks.micro.cases import Case
from rlm_async.core.answer import Result
from rlm_async.core.budget import Budget
from rlm_async.core.graph import Graph
from rlm_async.core.query import Query
from rlm_async.core.usage import Limits
from rlm_async.engine.recorder import Recorder
from rlm_async.engine.scheduler import Scheduler

NODES = 500


def fan_out(*, shared: bool):
    async def answer(node, budget):
        await anyio.lowlevel.checkpoint()
        return Result("yes")

    async def run():
        record = Recorder(anyio.current_time, ())
        budget = Budget("the run", Limits())
        async with anyio.create_task_group() as tasks:
            scheduler = Scheduler(Graph(fanout=NODES), tasks, answer, record)
            parent = scheduler.submit(Query(prompt="root", model="m"), budget).node
            queries = [Query(prompt="same" if shared else f"question {n}", model="m") for n in range(NODES)]
            outcomes = [scheduler.submit(query, budget, parent) for query in queries]
            await scheduler.wait(None, outcomes)
        assert len(scheduler.graph.nodes) == (2 if shared else NODES + 1)

    return lambda: asyncio.run(run())


CASES = (
    Case("scheduler: a node from query to answer", fan_out(shared=False), NODES),
    Case("scheduler: an equal query that shares its node", fan_out(shared=True), NODES),
)
