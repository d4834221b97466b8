"""Ray as an executor: the suite that all executors pass, and what becomes of a batch whose workers die."""

import os
from collections import Counter
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest

ray = pytest.importorskip("ray", reason="Ray is not installed; it is 260 MB (pip install ray)")

from rlm_async.batch.leases import Leases
from rlm_async.batch.lending import Lending, Within
from rlm_async.core.items import Item
from rlm_async.core.placement import Placement
from rlm_async.errors import ConfigError
from rlm_async.testing.executor_conformance import EXECUTOR_CLAIMS, executor_conformance
from rlm_async_ray.executor import RayExecutor, make

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.timeout(300),
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning", "ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),  # Ray's own sockets
]
PLUGIN = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module", autouse=True)
def cluster():
    """One cluster of this machine for all tests; it costs seconds to start."""
    paths = [str(PLUGIN), str(PLUGIN.parents[1]), str(PLUGIN / "tests")]
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    ray.init(
        num_cpus=4, include_dashboard=False, log_to_driver=False, runtime_env={"env_vars": {"PYTHONPATH": ":".join(paths)}}
    )  # fmt: skip
    yield
    ray.shutdown()


def executor(workers=2, most=8):
    return RayExecutor(Placement(url="ray", opens="echoing:opening", workers=workers, most=most))


@asynccontextmanager
async def opened():
    yield executor(1)


@pytest.mark.parametrize("claim", EXECUTOR_CLAIMS)
async def test_ray_conforms(claim):
    await executor_conformance(claim, opened)


async def answered(executor, items, job=None):
    found = []

    async def deliver(result):
        found.append(result)

    async def given():
        for item in items:
            yield item

    with anyio.fail_after(200):
        await executor.execute({"suffix": "!", **(job or {})}, given(), deliver)
    assert set(Counter(result.id for result in found).values()) <= {1}
    return {result.id: result for result in found}


async def test_a_killed_worker_loses_nothing(tmp_path):
    items = [Item(id=str(n), question=f"die once {tmp_path / 'mark'}" if n == 20 else "linger") for n in range(60)]
    found = await answered(executor(2), items)
    assert len(found) == 60
    assert (tmp_path / "mark").exists()
    assert {result.status for result in found.values()} == {"complete"}


async def test_an_item_that_kills_its_workers_is_named_and_hurts_no_other():
    items = [Item(id=str(n), question="die" if n == 3 else "linger") for n in range(20)]
    found = await answered(executor(2), items)
    assert len(found) == 20
    assert [name for name, result in found.items() if result.status == "failed"] == ["3"]
    assert "3 workers died" in found["3"].reason


async def test_a_worker_that_cannot_work_ends_the_batch_with_its_reason():
    with pytest.raises(ConfigError, match="no key here"):
        await answered(executor(1), [Item(id="a", question="x")], {"refuse": True})


async def test_what_a_dead_worker_may_have_spent_is_charged(tmp_path):
    lending = Lending(Leases({"tokens": 100.0}, {"tokens": 30.0}))
    lent = RayExecutor(Placement(url="ray", opens="echoing:opening", workers=1, most=1), lending)
    items = [Item(id=str(n), question=f"die once {tmp_path / 'mark'}" if n == 1 else "x") for n in range(12)]
    found = await answered(Within(lent, lending), items)
    assert len(found) == 12
    done = [result for result in found.values() if result.settled]
    assert len(done) == 7, "30 of 100 were lost with a worker, and each answer costs 10"
    assert lending.leases.spent["tokens"] == 100.0


async def test_it_is_made_of_a_placement():
    made = make(Placement(url="ray", opens="echoing:opening"), Lending(Leases({}, {})))
    assert isinstance(made, RayExecutor)
