"""Workers: one started and handed out, and a cell there and back. Other processes take part, so by the clock."""

from __future__ import annotations

import asyncio
import time

from benchmarks.micro.cases import Case
from rlm_async.core.context import Context
from rlm_async.core.query import Reply
from rlm_async.sandbox.factory import Sandbox

STARTS, CELLS = 5, 50


class Host:
    tools: dict = {}  # noqa: RUF012 - nobody changes it

    async def spawn(self, queries):
        return [Reply("yes") for _ in queries]

    async def tool(self, *_call):
        return Reply(error="ToolError")

    def budget(self):
        return {}


def starts() -> None:
    async def run():
        async with Sandbox() as factory:
            for _ in range(STARTS):
                async with factory.open(Context.of("x"), Host()) as sandbox:
                    assert (await sandbox.run("1 + 1")).outcome == "ok"

    asyncio.run(run())


def cells() -> None:
    async def run():
        async with Sandbox() as factory, factory.open(Context.of("x"), Host()) as sandbox:
            await sandbox.run("x = 0")
            for _ in range(CELLS):
                await sandbox.run("x += 1")
            assert (await sandbox.run("x")).stdout.strip() == str(CELLS)

    asyncio.run(run())


CASES = (
    Case(
        "worker: five sessions from a cold start, each with a first cell",
        starts,
        STARTS,
        clock=time.perf_counter,
        tolerance=2.5,
    ),
    Case("worker: a cell there and back", cells, CELLS, clock=time.perf_counter, tolerance=2.5),
)
