"""Our sandboxes keep what the port promises: the jailed one, and the one without walls."""

from __future__ import annotations

from contextlib import asynccontextmanager

import anyio
import pytest

from rlm_async.sandbox import Sandbox, inline
from rlm_async.sandbox.limits import CellLimits
from rlm_async.testing import SANDBOX_CLAIMS, STOPPING_CLAIMS

pytestmark = pytest.mark.anyio


FACTORIES = {}
"""One zygote for each limit, under both event loops."""


@pytest.fixture(scope="module", autouse=True)
def _end_of_the_factories():
    yield
    for factory in FACTORIES.values():
        anyio.run(factory.aclose)
    FACTORIES.clear()


@asynccontextmanager
async def jailed(seconds):
    if seconds not in FACTORIES:
        limits = CellLimits(cpu_seconds=seconds, grace_seconds=0.1, memory_bytes=128 << 20)
        FACTORIES[seconds] = Sandbox(cell=limits, warm=0)
    yield FACTORIES[seconds]


@asynccontextmanager
async def unjailed(seconds):
    del seconds
    yield inline()


@pytest.mark.parametrize("claim", SANDBOX_CLAIMS + STOPPING_CLAIMS, ids=lambda claim: claim.__name__)
async def test_the_jailed_sandbox(claim):
    await claim(jailed)


@pytest.mark.parametrize("claim", SANDBOX_CLAIMS, ids=lambda claim: claim.__name__)
async def test_the_inline_sandbox(claim):
    await claim(unjailed)
