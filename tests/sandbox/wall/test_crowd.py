"""Hostile cells beside honest ones, and many sessions at once: all honest ones end right, and nothing is left."""

from __future__ import annotations

import anyio
import pytest

from rlm_async.core.context import Context
from rlm_async.sandbox import Sandbox
from rlm_async.sandbox.limits import CellLimits
from tests.sandbox.wall.conftest import FakeHost

pytestmark = [pytest.mark.anyio, pytest.mark.slow, pytest.mark.timeout(300)]

HOSTILE = (
    "while True: pass",
    "x = []\nwhile True: x.append('a' * 1_000_000 + str(len(x)))",
    "while True: print('flood' * 1000)",
    "import os\nos.fork()",
)
"""A loop, a memory bomb, a flood of output, and a process of its own."""
ENDS = {"contained", "killed", "refused"}


@pytest.fixture
def anyio_backend():
    """Once is enough: this costs processor time."""
    return "asyncio"


async def test_64_hostile_cells_keep_no_honest_one_from_its_end():
    limits = CellLimits(cpu_seconds=0.15, wall_seconds=120, grace_seconds=0.1, memory_bytes=64 << 20)
    ended, wrong = {code: [] for code in HOSTILE}, []

    async def attack(factory, code):
        async with factory.open(Context.of("x"), FakeHost()) as sandbox:
            ended[code].append((await sandbox.run(code)).outcome)

    async def work(factory, number):
        async with factory.open(Context.of("x" * number), FakeHost()) as sandbox:
            output = await sandbox.run("print(len(context), llm_query('q'), sum(n * n for n in range(100)))")
            if output.stdout != f"{number} yes: q 328350\n":
                wrong.append((number, output))

    async with Sandbox(cell=limits, warm=0) as factory, anyio.create_task_group() as tasks:
        for number in range(64):
            tasks.start_soon(attack, factory, HOSTILE[number % len(HOSTILE)])
            tasks.start_soon(work, factory, number)
    assert not wrong
    for code, outcomes in ended.items():
        assert len(outcomes) == 16
        assert set(outcomes) <= ENDS, code


async def test_many_sessions_live_at_once():
    """120 here, for the sake of time; `benchmarks/micro/sandbox.py --sessions 500` runs them all."""
    sessions, opened, full = 120, [], anyio.Event()

    async def one(factory, number):
        async with factory.open(Context.of(f"number {number}"), FakeHost()) as sandbox:
            opened.append((await sandbox.run("print(context)")).stdout == f"number {number}\n")
            if len(opened) == sessions:
                full.set()
            await full.wait()
            opened[number] &= (await sandbox.run("len(context)")).outcome == "ok"

    async with Sandbox(warm=0) as factory, anyio.create_task_group() as tasks:
        for number in range(sessions):
            tasks.start_soon(one, factory, number)
    assert opened == [True] * sessions
