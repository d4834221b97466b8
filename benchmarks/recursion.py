"""A tree of depth 3 (4 children, 4 grandchildren each, 4 leaf calls each) against the bare traffic.

*Bare* is a small asyncio + aiohttp program that makes the same requests in the same order of dependence:
the practical limit. Both talk to the same server in a process of its own; medians of five, taken in turn.

    python -m benchmarks.recursion [--cap 64] [--latency 0.1] [--runs 5]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import aiohttp

from benchmarks.peers.server import TASK
from rlm_async import RLM, Limits, Rates

WIDTH, LEVELS = 4, 3
QUESTION = f"[[tree {WIDTH} {LEVELS} r]]"
LEAVES = WIDTH**LEVELS


@dataclass(frozen=True)
class Measured:
    bare: list[float]
    ours: list[float]
    requests: int
    peak: int


@contextmanager
def server(latency: float) -> Iterator[str]:
    command = [sys.executable, "-m", "benchmarks.peers.server", "--latency", str(latency)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield json.loads(process.stdout.readline())["url"]
        finally:
            process.stdin.close()
            process.wait(10)


async def bare(session: aiohttp.ClientSession, url: str, prompt: str, slots: asyncio.Semaphore) -> int:
    """One node of the same tree: a request, then its children at once."""
    async with (
        slots,
        session.post(
            f"{url}/v1/chat/completions", json={"model": "m", "messages": [{"role": "user", "content": prompt}]}
        ) as reply,
    ):
        await reply.json()
    task = TASK.search(prompt)
    assert task is not None
    width, level, path = int(task[1]), int(task[2]), task[3]
    if level == 0:
        return 1
    return sum(
        await asyncio.gather(
            *(bare(session, url, f"[[tree {width} {level - 1} {path}.{i}]]", slots) for i in range(width))
        )
    )


async def measure(url: str, cap: int, runs: int) -> Measured:
    limits = Limits(depth=LEVELS)
    rlm = RLM(
        "openai/m", api_base=f"{url}/v1", api_key="none", limits=limits, rates=Rates(concurrency=cap), strategy="repl"
    )
    times: tuple[list[float], list[float]] = ([], [])
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session, rlm:
        counted = {}
        for _ in range(runs + 1):  # the first of each is a warm-up
            began = time.perf_counter()
            assert await bare(session, url, QUESTION, asyncio.Semaphore(cap)) == LEAVES
            times[0].append(time.perf_counter() - began)
            await session.get(f"{url}/statistics")
            began = time.perf_counter()
            answer = await rlm.ask(QUESTION, "a context of a few words")
            times[1].append(time.perf_counter() - began)
            assert answer.text == str(LEAVES), answer
            async with session.get(f"{url}/statistics") as reply:
                counted = await reply.json()
            assert answer.usage.calls == counted["requests"], (answer.usage, counted)
    return Measured(times[0][1:], times[1][1:], counted["requests"], counted["peak"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cap", type=int, default=64, help="requests in flight at most")
    parser.add_argument("--latency", type=float, default=0.1, help="of the server, in seconds")
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    with server(options.latency) as url:
        seen = asyncio.run(measure(url, options.cap, options.runs))
    ideal = (LEVELS + 1) * options.latency
    bare_median, our_median = statistics.median(seen.bare), statistics.median(seen.ours)
    print(
        f"depth {LEVELS}, width {WIDTH}, cap {options.cap}, latency {options.latency * 1000:.0f} ms: {seen.requests} requests, {seen.peak} at once"
    )
    print(f"{'':8}{'median s':>10}{'/ ideal':>10}{'/ bare':>10}")
    print(f"{'ideal':8}{ideal:>10.3f}{1:>10.2f}")
    print(f"{'bare':8}{bare_median:>10.3f}{bare_median / ideal:>10.2f}{1:>10.2f}")
    print(f"{'ours':8}{our_median:>10.3f}{our_median / ideal:>10.2f}{our_median / bare_median:>10.2f}")


if __name__ == "__main__":
    main()
