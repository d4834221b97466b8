"""The tests run from a checkout too, where the plugin is not installed."""

import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve()
sys.path[:0] = [str(HERE.parents[1]), str(HERE.parents[3]), str(HERE.parent)]


@pytest.fixture
def anyio_backend():
    return "asyncio"
