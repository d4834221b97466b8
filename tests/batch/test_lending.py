"""Executors that plugins bring: how they are found, and the batch's limits around them."""

from __future__ import annotations

from importlib.metadata import EntryPoint

import anyio
import pytest

from rlm_async.batch import installed
from rlm_async.batch.here import Here
from rlm_async.batch.leases import Leases
from rlm_async.batch.lending import Lending, Within
from rlm_async.cli.batch_where import Where
from rlm_async.core.items import Item
from rlm_async.core.placement import Placement
from rlm_async.errors import ConfigError
from rlm_async.testing.executor_conformance import EXECUTOR_CLAIMS, answer_for_test, executor_conformance
from tests.batch.echo_worker import opening
from tests.batch.test_executors import answered

pytestmark = pytest.mark.anyio
PLACEMENT = Placement(url="here:", opens="tests.batch.echo_worker:opening")


class Forgetful:
    """An executor whose first worker dies with the first item in hand."""

    def __init__(self, lender):
        self.lender = lender
        self.died = False

    async def execute(self, job, items, deliver):
        async for given in items:
            item = given
            if not self.died:
                self.died = True
                item = await self.lender.again(item)
            await deliver(answer_for_test(job, item))


def made(placement, lender):
    return Here(opening, most=placement.most)


def offered(monkeypatch, value):
    entry = EntryPoint(name="here", value=value, group=installed.GROUP)
    monkeypatch.setattr(installed, "entry_points", lambda group: [entry])


@pytest.mark.parametrize("claim", EXECUTOR_CLAIMS)
async def test_lending_keeps_the_claims(claim):
    class Opened:
        async def __aenter__(self):
            lending = Lending(Leases({}, {}))
            return Within(made(PLACEMENT, lending), lending)

        async def __aexit__(self, *_):
            pass

    await executor_conformance(claim, Opened)


async def test_limits_hold_over_an_executor_that_knows_nothing_of_them():
    lending = Lending(Leases({"tokens": 105.0}, {"tokens": 40.0}))
    found = await answered(
        Within(made(PLACEMENT, lending), lending), [Item(id=str(n), question="x") for n in range(30)]
    )
    done = [result for result in found.values() if result.settled]
    assert len(found) == 30
    assert lending.leases.spent["tokens"] <= 105
    assert 7 <= len(done) <= 11


async def test_what_a_dead_worker_may_have_spent_is_charged():
    lending = Lending(Leases({"tokens": 100.0}, {"tokens": 30.0}))
    found = await answered(Within(Forgetful(lending), lending), [Item(id=str(n), question="x") for n in range(12)])
    assert sum(result.settled for result in found.values()) == 7
    assert lending.leases.spent["tokens"] == 100.0


async def test_an_executor_is_found_by_its_scheme(monkeypatch):
    offered(monkeypatch, f"{__name__}:made")
    Where(executor="here:anything", workers=3)
    assert isinstance(installed.made(PLACEMENT, Lending(Leases({}, {}))), Here)
    with pytest.raises(ConfigError, match="postgresql://USER@HOST/NAME, here"):
        Where(executor="there:anything")


async def test_an_executor_that_cannot_be_loaded_is_named(monkeypatch):
    offered(monkeypatch, "tests.no_such_module:made")
    with pytest.raises(ConfigError, match=r"the executor 'here' of .* cannot be loaded"):
        installed.made(PLACEMENT, Lending(Leases({}, {})))
    offered(monkeypatch, "builtins:max")
    with pytest.raises(ConfigError, match=r"cannot be loaded|executes nothing"):
        installed.made(PLACEMENT, Lending(Leases({}, {})))


async def test_an_item_waits_for_what_others_give_back():
    lending = Lending(Leases({"tokens": 40.0}, {"tokens": 40.0}))
    order = []

    class TwoAtOnce:
        async def execute(self, job, items, deliver):
            async with anyio.create_task_group() as tasks:
                async for item in items:
                    order.append(item.id)

                    async def later(item=item):
                        await anyio.lowlevel.checkpoint()
                        order.append(f"{item.id} done")
                        await deliver(answer_for_test(job, item))

                    tasks.start_soon(later)

    await answered(Within(TwoAtOnce(), lending), [Item(id="a", question="x"), Item(id="b", question="x")])
    assert order == ["a", "a done", "b", "b done"]
