"""A host to ask, a factory to open, and a watch over processes and descriptors."""

from __future__ import annotations

import contextlib
import os
import time
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest

from rlm_async.core.context import Context
from rlm_async.core.query import Reply
from rlm_async.sandbox.factory import Sandbox
from rlm_async.sandbox.limits import CellLimits

FIRST_UID = 0x70000000
QUICK = CellLimits(cpu_seconds=0.5, wall_seconds=20, grace_seconds=0.1, source_characters=1_000_000)


class FakeHost:
    """Answers `yes: <prompt>`; `hold` prompts wait until `gate` is set."""

    def __init__(self, tools=None, hold=()):
        self.tools = tools or {}
        self.hold = set(hold)
        self.gate = anyio.Event()
        self.asked = []
        self.cancelled = []

    async def spawn(self, queries):
        self.asked += queries
        try:
            if any(query.prompt in self.hold for query in queries):
                await self.gate.wait()
        except BaseException:
            self.cancelled += queries
            raise
        return [Reply("yes: " + query.prompt) for query in queries]

    async def tool(self, name, arguments, named):
        return Reply({"name": name, "arguments": list(arguments), "named": dict(named)})

    def budget(self):
        return {"calls": 7.0, "usd": None}


SHARED = Sandbox(without=("policy",), cell=QUICK, warm=0)
"""One zygote for all tests that need no settings of their own, under both event loops."""


@pytest.fixture(scope="session", autouse=True)
def _shared_factory():
    anyio.run(SHARED.start)
    yield
    anyio.run(SHARED.aclose)


@asynccontextmanager
async def opened(context="the context", host=None, **settings):
    """One session, by default without the policy; of a factory of its own if there are settings."""
    factory = Sandbox(**{"without": ("policy",), "cell": QUICK, "warm": 0, **settings}) if settings else SHARED
    try:
        async with factory.open(Context.of(context), host or FakeHost()) as sandbox:
            yield sandbox
    finally:
        if factory is not SHARED:
            await factory.aclose()


def table() -> dict[int, tuple[int, int]]:
    """Living processes: parent and user of each."""
    found = {}
    for path in Path("/proc").iterdir():
        if path.name.isdigit():
            with contextlib.suppress(OSError):
                fields = (path / "stat").read_text(errors="replace").rpartition(")")[2].split()
                if fields[0] != "Z":
                    found[int(path.name)] = (int(fields[1]), path.stat().st_uid)
    return found


def descendants() -> set[int]:
    """Living processes below this one, and workers that have lost their zygote."""
    processes = table()
    found = {os.getpid()}
    while more := {pid for pid, (parent, _) in processes.items() if parent in found} - found:
        found |= more
    orphans = {pid for pid, (parent, user) in processes.items() if parent == 1 and user >= FIRST_UID}
    return (found | orphans) - {os.getpid()}


def descriptors() -> set[str]:
    """Sockets, pipes and pidfds of this process."""
    found = set()
    for path in Path("/proc/self/fd").iterdir():
        try:
            target = str(path.readlink())
        except OSError:
            continue
        if target.startswith(("socket:", "pipe:", "anon_inode:[pidfd]", "/memfd")):
            found.add(f"{path.name} {target}")
    return found


@pytest.fixture(autouse=True)
def nothing_left(_shared_factory):
    """Every test ends with the processes and descriptors that it began with."""
    before, held = descendants(), len(descriptors())
    yield
    deadline = time.monotonic() + 10
    while (left := descendants() - before) or len(descriptors()) > held:
        if time.monotonic() > deadline:
            pytest.fail(f"left behind: processes {left}, {len(descriptors()) - held} descriptors of {descriptors()}")
        os.sched_yield()
