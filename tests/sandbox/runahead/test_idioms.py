"""The table of idioms, guarded by counts: calls made, calls in flight at once, the result. Time plays no part.

The server answers nobody before as many calls are in flight as the idiom is to have at once; what never gets
there is answered after `PATIENCE` seconds, and fails by its count.
"""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from benchmarks.idioms.designs import Bench, expected
from benchmarks.idioms.idiom import say
from benchmarks.idioms.table import IDIOMS
from rlm_async.testing.loopback import Served

N = 8
PATIENCE = 5.0
LONG = 0.03
"""Longer than what run-ahead takes for a short wait."""

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


class Crowd:
    """Holds replies back until enough have gathered."""

    def __init__(self):
        self.wanted = 1
        self.bench = None
        self.gathered = asyncio.Event()

    async def reply(self, asked):
        if self.bench.server.in_flight >= self.wanted:
            self.gathered.set()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.gathered.wait(), PATIENCE)
        self.gathered.set()
        return Served(text=say(asked.prompt), latency=LONG)

    def expect(self, count):
        self.wanted = count
        self.gathered.clear()


async def runs(*, ahead):
    """Every idiom's run, beside what it should have printed and how many calls the sequential program makes."""
    crowd = Crowd()
    async with Bench.opened(N, reply=crowd.reply) as bench:
        crowd.bench = bench
        for name, idiom in IDIOMS.items():
            peak = idiom.peak if ahead else idiom.plain_peak or idiom.peak
            crowd.expect(peak(N))
            yield name, idiom, await bench.ours(idiom, ahead=ahead), expected(idiom, N)


def test_there_are_enough_idioms():
    assert len(IDIOMS) >= 24
    assert sum(idiom.goal is not None for idiom in IDIOMS.values()) >= 12


async def test_each_idiom_overlaps_as_far_as_it_can_and_means_what_it_says():
    wrong = {}
    async for name, idiom, run, (output, calls) in runs(ahead=True):
        most = idiom.most(N) if idiom.most else calls
        if not (run.same(output) and calls <= run.calls <= most and run.peak == idiom.peak(N)):
            wrong[name] = run, f"calls {calls} to {most}, peak {idiom.peak(N)}, output {output!r}"
        if idiom.most is None and run.speculative:
            wrong[name] = run, "nothing was to be asked in vain"
    assert not wrong


async def test_without_run_ahead_each_idiom_makes_exactly_the_calls_of_the_sequential_program():
    wrong = {}
    async for name, idiom, run, (output, calls) in runs(ahead=False):
        peak = (idiom.plain_peak or idiom.peak)(N)
        if not (run.same(output) and run.calls == calls and run.peak == peak and run.speculative == 0):
            wrong[name] = run, f"calls {calls}, peak {peak}, output {output!r}"
    assert not wrong
