"""Fixtures for every test: the event loop under both backends, and the shared material beside the repo."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request):
    """Run a test on both event loops; a module that needs asyncio overrides this."""
    return request.param


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder `shared/` beside the repo: attack corpus, data, design."""
    folder = Path(os.environ.get("RLM_ASYNC_SHARED", Path(__file__).resolve().parents[2] / "shared"))
    if not (folder / "attacks" / "attacks.jsonl").is_file():
        pytest.skip(f"no shared material at {folder} (set RLM_ASYNC_SHARED)")
    return folder
