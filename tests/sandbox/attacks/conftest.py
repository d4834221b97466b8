"""Two factories with the default walls, for attacks that end by themselves and for those that have to be ended."""

from __future__ import annotations

import pytest

from rlm_async.sandbox import Sandbox
from tests.sandbox.attacks.corpus import QUICK, ROOMY, SECRET


@pytest.fixture
def anyio_backend():
    """How an attack ends is the worker's doing: one event loop is enough."""
    return "asyncio"


@pytest.fixture
async def factories(monkeypatch):
    """The sandboxes, with a secret in the host's environment."""
    monkeypatch.setenv("RLM_TEST_KEY", SECRET)
    async with Sandbox(cell=QUICK, warm=1) as quick, Sandbox(cell=ROOMY, warm=1) as roomy:
        yield {"killed": quick, "other": roomy}


@pytest.fixture
async def bare():
    """The same without the policy: the kernel's walls by themselves."""
    async with Sandbox(cell=QUICK, without=("policy",), warm=1) as factory:
        yield factory
