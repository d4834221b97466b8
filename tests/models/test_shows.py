"""What the latency benchmark runs, by counts instead of seconds: calls made, how many at once, faults met."""

from dataclasses import replace

import aiohttp
import pytest

from benchmarks.latency.measuring import Meter, server
from benchmarks.latency.shows import SHOWS
from benchmarks.latency.traffic import Bare

pytestmark = pytest.mark.anyio
SHOW = {show.name: show for show in SHOWS}


@pytest.fixture
def anyio_backend():
    return "asyncio"  # the thin client knows no other


async def ran(show, program):
    """What the server counted while a program ran once."""
    with server(*show.options()) as url:
        async with aiohttp.ClientSession() as session, show.rlm(url) as rlm:
            meter = Meter(url, session)
            bare = Bare(url, session, show.cap)
            run = await meter.taken(lambda: show.ours(rlm, "t") if program == "ours" else show.plain(bare, "t"))
    return run


@pytest.mark.parametrize("program", ["ours", "bare"])
@pytest.mark.parametrize(
    ("name", "requests", "at_once"), [("batched", 65, 40), ("loop", 65, 40), ("tree", 85, 12), ("turns", 20, 1)]
)
async def test_ours_makes_the_calls_of_bare_and_as_many_at_once(name, requests, at_once, program):
    run = await ran(replace(SHOW[name], latency=0.3 if at_once > 1 else 0.0), program)
    assert run.counts["requests"] == requests
    assert run.counts["peak"] >= at_once


@pytest.mark.parametrize(("name", "fault"), [("errors", "error"), ("truncated", "truncate"), ("cut", "cut")])
async def test_the_answer_is_right_whatever_goes_wrong_and_retries_are_counted(name, fault):
    run = await ran(replace(SHOW[name], latency=0.01), "ours")
    assert run.counts[fault] > 0
    assert run.counts["requests"] == 65 + run.counts[fault]
    assert run.note == f"{run.counts['requests']} calls, {run.counts[fault]} again"
