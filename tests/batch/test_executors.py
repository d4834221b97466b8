"""Executors: one suite for all, and what becomes of a batch whose workers die."""

from __future__ import annotations

import os
import sys
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest

from rlm_async.batch.here import Here
from rlm_async.batch.leases import Leases
from rlm_async.batch.processes import Processes
from rlm_async.core.items import Item
from rlm_async.testing.executor_conformance import EXECUTOR_CLAIMS, executor_conformance
from tests.batch.echo_worker import opening

pytestmark = pytest.mark.anyio
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def path(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


def processes(count=2, **settings):
    return Processes([sys.executable, "-m", "tests.batch.echo_worker"], count, **settings)


@asynccontextmanager
async def here():
    yield Here(opening, most=8)


@asynccontextmanager
async def two_processes():
    yield processes()


@pytest.mark.parametrize("claim", EXECUTOR_CLAIMS)
async def test_this_process_conforms(claim):
    await executor_conformance(claim, here)


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@pytest.mark.parametrize("claim", EXECUTOR_CLAIMS)
async def test_processes_conform(claim):
    await executor_conformance(claim, two_processes)


async def answered(executor, items):
    found = []

    async def deliver(result):
        found.append(result)

    async def given():
        for item in items:
            yield item

    with anyio.fail_after(60):
        await executor.execute({"suffix": "!"}, given(), deliver)
    assert len({result.id for result in found}) == len(found)
    return {result.id: result for result in found}


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_an_item_that_kills_its_worker_is_named_and_hurts_no_other():
    items = [Item(id=str(n), question="die" if n == 7 else "linger") for n in range(30)]
    found = await answered(processes(), items)
    assert len(found) == 30
    assert [name for name, result in found.items() if result.status == "failed"] == ["7"]
    assert "its worker process died 2 times" in found["7"].reason


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_no_process_is_left():
    before = children()
    await answered(processes(), [Item(id="a", question="x")])
    assert children() == before


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_lent_limits_hold_over_all_processes():
    leases = Leases({"tokens": 105.0}, {"tokens": 40.0})
    found = await answered(processes(leases=leases), [Item(id=str(n), question="x") for n in range(30)])
    done = [result for result in found.values() if result.settled]
    assert leases.spent["tokens"] <= 105
    assert 5 <= len(done) <= 11
    assert all(result.record["cut"] == "batch" for result in found.values() if not result.settled)


def children():
    found = set()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = (folder / "stat").read_text().rpartition(")")[2].split()[1]
        except OSError:
            continue
        if int(parent) == os.getpid() and "echo_worker" in (folder / "cmdline").read_text():
            found.add(folder.name)
    return found


def test_leases_never_lend_more_than_there_is():
    leases = Leases({"usd": 1.0}, {"usd": 0.4})
    assert leases.lend("a") == ()
    assert leases.lend("b") == ()
    assert leases.lend("c") is None
    leases.settle("a", {"usd": 0.1})
    assert leases.lend("c") == ()
    leases.settle("b", None)
    leases.settle("c", {"usd": 0.3})
    assert leases.spent["usd"] == pytest.approx(0.8)
    assert leases.lend("d") == (("usd", pytest.approx(0.2)),)
