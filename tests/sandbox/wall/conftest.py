"""A host to ask, a factory to open, and a watch over processes and descriptors."""

from __future__ import annotations

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

QUICK = CellLimits(cpu_seconds=0.5, wall_seconds=20, grace_seconds=0.1)


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


@asynccontextmanager
async def opened(context="the context", host=None, **settings):
    """One session of a factory of its own, by default without the policy."""
    settings = {"without": ("policy",), "cell": QUICK, "warm": 0, **settings}
    async with (
        Sandbox(**settings) as factory,
        factory.open(Context.of(context), host or FakeHost()) as sandbox,
    ):
        yield sandbox


def descendants(pid: int) -> set[int]:
    """Living processes below `pid`."""
    parents = {}
    for path in Path("/proc").iterdir():
        if path.name.isdigit():
            try:
                fields = (path / "stat").read_text(errors="replace").rpartition(")")[2].split()
            except OSError:
                continue
            if fields[0] != "Z":
                parents[int(path.name)] = int(fields[1])
    found = {pid}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return found - {pid}


def jailed() -> set[int]:
    """Living processes with the user id of a worker, wherever they hang."""
    found = set()
    for path in Path("/proc").iterdir():
        if path.name.isdigit():
            try:
                if (
                    path.stat().st_uid >= 0x70000000
                    and (path / "stat").read_text().rpartition(")")[2].split()[0] != "Z"
                ):
                    found.add(int(path.name))
            except OSError:
                continue
    return found


def descriptors() -> set[str]:
    """Sockets, pipes and pidfds of this process."""
    found = set()
    for path in Path("/proc/self/fd").iterdir():
        try:
            target = os.readlink(path)
        except OSError:
            continue
        if target.startswith(("socket:", "pipe:", "anon_inode:[pidfd]", "/memfd")):
            found.add(f"{path.name} {target}")
    return found


@pytest.fixture(autouse=True)
def nothing_left():
    """Every test ends with the processes and descriptors that it began with."""
    mine, strays, held = descendants(os.getpid()), jailed(), descriptors()
    yield
    deadline = time.monotonic() + 10
    left = None
    while time.monotonic() < deadline:
        left = (descendants(os.getpid()) - mine, jailed() - strays, len(descriptors() - held))
        if not any(left):
            return
        os.sched_yield()
    pytest.fail(f"left behind: processes {left[0] | left[1]}, {left[2]} descriptors {descriptors() - held}")
