"""The profile `support` keeps what every profile promises."""

from __future__ import annotations

import os
from contextlib import asynccontextmanager
from importlib.metadata import entry_points
from pathlib import Path

import pytest
from rlm_async.sandbox import Sandbox
from rlm_async.testing import PROFILE_CLAIMS, Subject

pytestmark = pytest.mark.anyio
SHARED = Path(os.environ.get("RLM_ASYNC_SHARED", Path(__file__).resolve().parents[3] / "shared")) / "data"


@asynccontextmanager
async def connect(seconds):
    async with Sandbox() as factory:
        yield factory


@pytest.mark.parametrize("claim", PROFILE_CLAIMS, ids=lambda claim: claim.__name__)
async def test_it_keeps_what_every_profile_promises(claim):
    if not entry_points(group="rlm_async.profiles", name="support"):
        pytest.skip("not installed: pip install --editable plugins/rlm-async-support")
    await claim(Subject("support", connect, data=SHARED))
