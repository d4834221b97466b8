"""A server in a process of its own, and what one run of a program against it took."""

from __future__ import annotations

import gc
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import aiohttp


@contextmanager
def server(*options: str) -> Iterator[str]:
    """The address of a fresh server; it ends with the block."""
    command = [sys.executable, "-m", "benchmarks.peers.server", *options]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield json.loads(process.stdout.readline())["url"]
        finally:
            process.stdin.close()
            process.wait(10)


@contextmanager
def collector(*, relaxed: bool) -> Iterator[None]:
    """As Python has it, or as a program sets it that has thousands of calls in flight (docs/how-to/rates.md)."""
    before = gc.get_threshold()
    if relaxed:
        gc.collect()
        gc.freeze()
        gc.set_threshold(100_000, 20, 100)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


@dataclass(frozen=True)
class Run:
    """One run: seconds by the clock, CPU seconds of this process, and what the server counted."""

    seconds: float
    cpu: float
    counts: dict[str, int]
    note: str = ""


@dataclass
class Taken:
    """The runs of one program."""

    runs: list[Run] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        return statistics.median(run.seconds for run in self.runs)

    @property
    def cpu_per_request(self) -> float:
        """Milliseconds."""
        return statistics.median(run.cpu / run.counts["requests"] for run in self.runs) * 1000

    def count(self, name: str) -> int:
        """What the server counted in all runs together."""
        return sum(run.counts[name] for run in self.runs)


class Meter:
    """Runs programs against one server."""

    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        self.url = url
        self._session = session

    async def statistics(self) -> dict[str, int]:
        async with self._session.get(f"{self.url}/statistics") as reply:
            return await reply.json()

    async def taken(self, program: Callable[[], Awaitable[str]]) -> Run:
        """One run; `program` returns a note, mostly none."""
        await self.statistics()
        cpu, began = time.process_time(), time.perf_counter()
        note = await program()
        seconds, used = time.perf_counter() - began, time.process_time() - cpu
        return Run(seconds, used, await self.statistics(), note)
