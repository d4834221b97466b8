"""Batches over a real PostgreSQL: the suite of executors, workers that die, a database that restarts, limits, rates."""

from __future__ import annotations

import itertools
from contextlib import asynccontextmanager

import anyio
import pytest

from rlm_async.core.items import Item, ItemResult
from rlm_async.core.usage import Limits
from rlm_async.errors import ConfigError
from rlm_async.testing.executor_conformance import EXECUTOR_CLAIMS, answer_for_test, executor_conformance
from tests.batch.database import Server, binaries

pytest.importorskip("procrastinate", reason="the extra postgres is not installed")
from rlm_async.batch.postgres.database import Database
from rlm_async.batch.postgres.executor import PostgresExecutor, Terms
from rlm_async.batch.postgres.pacing import Pacer
from rlm_async.batch.postgres.worker import Timing, Worker
from rlm_async.core.usage import Rates
from tests.batch.echo_worker import opening

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(binaries() is None, reason="no PostgreSQL server is installed"),
    pytest.mark.required_in_ci(".ci/run installs PostgreSQL"),
]
QUICK = Timing(beat=0.1, stale=1.0, look=0.02)
names = itertools.count()


@pytest.fixture
def anyio_backend():
    """psycopg knows asyncio only."""
    return "asyncio"


@pytest.fixture(scope="module")
def server():
    with Server() as running:
        yield running


@asynccontextmanager
async def working(url, opening=opening, workers=1, **settings):
    """Workers beside the block."""
    async with anyio.create_task_group() as tasks:
        made = [Worker(url, opening, timing=QUICK, **settings) for _ in range(workers)]
        for worker in made:
            tasks.start_soon(worker.run)
        try:
            yield made
        finally:
            tasks.cancel_scope.cancel()


@pytest.mark.parametrize("claim", EXECUTOR_CLAIMS)
async def test_conformance(claim, server):
    @asynccontextmanager
    async def opened():
        name = f"conformance {next(names)}"
        async with working(server.url, batch=name):
            yield PostgresExecutor(server.url, name)

    await executor_conformance(claim, opened)


async def answered(executor, items, job=None):
    found = []

    async def deliver(result):
        found.append(result)

    async def given():
        for item in items:
            yield item

    with anyio.fail_after(60):
        await executor.execute(job or {"suffix": "!"}, given(), deliver)
    assert len({result.id for result in found}) == len(found)
    return {result.id: result for result in found}


async def queued(server, name, count):
    """Wait until so many items are in the database."""
    async with Database.opened(server.url) as database:
        while True:
            (row,) = await database.rows("SELECT count(*) AS n FROM rlm_items WHERE batch = %(name)s", {"name": name})
            if row["n"] == count:
                return
            await anyio.sleep(0.02)


async def test_a_submitter_that_comes_back_gets_what_was_answered_meanwhile(server):
    name = f"back {next(names)}"
    items = [Item(id=str(n), question=f"q{n}") for n in range(20)]
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(answered, PostgresExecutor(server.url, name), items)
        await queued(server, name, 20)
        tasks.cancel_scope.cancel()
    async with working(server.url, batch=name) as (worker,):
        while worker.answered < 20:
            await anyio.sleep(0.02)
        found = await answered(PostgresExecutor(server.url, name), items)
        assert len(found) == 20
        assert worker.answered == 20
        again = await answered(PostgresExecutor(server.url, name), items[:5])
        assert len(again) == 5
        assert worker.answered == 20


async def test_items_of_a_silent_worker_are_taken_over_and_its_late_result_changes_nothing(server):
    name = f"silent {next(names)}"
    held, release = anyio.Event(), anyio.Event()

    @asynccontextmanager
    async def hanging(job):
        class Hanging:
            hungry = True

            async def __call__(self, item):
                held.set()
                with anyio.CancelScope(shield=True):
                    await release.wait()
                result = answer_for_test(job, item)
                return ItemResult(id=item.id, record={**result.record, "text": "late"})

        yield Hanging()

    async with working(server.url, hanging, batch=name) as (silent,):
        async with anyio.create_task_group() as tasks:
            found = {}

            async def submit():
                found.update(await answered(PostgresExecutor(server.url, name), [Item(id="a", question="q")]))

            tasks.start_soon(submit)
            await held.wait()
            async with Database.opened(server.url) as database:
                dead = {"id": silent._number}
                await database.rows("DELETE FROM procrastinate_workers WHERE id = %(id)s", dead)
            async with working(server.url, batch=name):
                while not found:
                    await anyio.sleep(0.02)
        assert found["a"].text == "q!"
        release.set()
        await anyio.wait_all_tasks_blocked()


async def test_a_worker_that_cannot_answer_ends_and_spoils_nothing(server):
    name = f"unable {next(names)}"

    @asynccontextmanager
    async def unable(job):
        raise ConfigError("no key here")
        yield

    items = [Item(id=str(n), question="q") for n in range(5)]
    async with anyio.create_task_group() as tasks:
        found = {}

        async def submit():
            found.update(await answered(PostgresExecutor(server.url, name), items))

        tasks.start_soon(submit)
        await queued(server, name, 5)
        with pytest.raises(ConfigError, match="no key here"):
            await Worker(server.url, unable, batch=name, timing=QUICK).run()
        async with working(server.url, batch=name):
            while not found:
                await anyio.sleep(0.02)
    assert {result.status for result in found.values()} == {"complete"}


async def test_an_item_in_whose_hands_workers_die_is_given_up_and_named(server):
    name = f"deaths {next(names)}"
    async with anyio.create_task_group() as tasks:
        found = {}

        async def submit():
            found.update(await answered(PostgresExecutor(server.url, name), [Item(id="a", question="q")]))

        tasks.start_soon(submit)
        await queued(server, name, 1)
        async with Database.opened(server.url) as database:
            await database.rows("UPDATE rlm_items SET deaths = 3 WHERE batch = %(name)s", {"name": name})
        async with working(server.url, batch=name):
            while not found:
                await anyio.sleep(0.02)
    assert found["a"].reason == "3 workers died while they answered it"


async def test_lent_limits_hold_over_all_workers(server):
    name = f"limits {next(names)}"
    items = [Item(id=str(n), question="linger") for n in range(30)]
    terms = Terms(total=Limits(calls=None, tokens=100), each=Limits(calls=None, tokens=40))
    async with working(server.url, workers=3, batch=name, most=4):
        found = await answered(PostgresExecutor(server.url, name, terms), items)
    done = [result for result in found.values() if result.settled]
    assert len(done) == 10
    assert len(found) == 30
    async with Database.opened(server.url) as database:
        (row,) = await database.rows("SELECT spent FROM rlm_batches WHERE batch = %(name)s", {"name": name})
        assert row["spent"]["tokens"] == 100
        assert await database.rows("SELECT * FROM rlm_leases WHERE batch = %(name)s", {"name": name}) == []


async def test_turns_of_several_workers_are_one_after_the_other(server):
    rates = Rates(requests_per_minute=60_000)
    async with Database.opened(server.url) as database, Database.opened(server.url) as another:
        pacers = [Pacer(each, "turns", "m", rates) for each in (database, another)]
        times = []

        async def call(pacer):
            await pacer(100)
            times.append(anyio.current_time())

        began = anyio.current_time()
        async with anyio.create_task_group() as tasks:
            for n in range(300):
                tasks.start_soon(call, pacers[n % 2])
    assert max(times) - began >= 0.298


async def test_tokens_that_were_not_used_are_given_back(server):
    rates = Rates(tokens_per_minute=6_000_000)
    async with Database.opened(server.url) as database:
        pacer = Pacer(database, "tokens", "m", rates)
        (await pacer(20_000))(0)
        (await pacer(10))(10)
        (row,) = await database.rows(
            "SELECT tokens - extract(epoch from clock_timestamp())::float8 AS ahead FROM rlm_rates WHERE batch = 'tokens'",
            {},
        )
    assert row["ahead"] < 0.1
