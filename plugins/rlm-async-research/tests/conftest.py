"""The tests run from a checkout too, where the plugin is not installed; and in one event loop."""

import os
import sys
from pathlib import Path

import pytest
from rlm_async.core.context import Context

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))


@pytest.fixture
def anyio_backend():
    return "asyncio"


@pytest.fixture(scope="session")
def data():
    """The folder of published data sets beside the repo."""
    folder = Path(os.environ.get("RLM_ASYNC_SHARED", ROOT.parent / "shared")) / "data"
    if not folder.is_dir():
        pytest.skip(f"no data sets at {folder} (set RLM_ASYNC_SHARED)")
    return folder


@pytest.fixture
def session():
    """The profile's functions over an input, without walls: the suite runs them in the jail."""

    def opened(profile, value):
        made = profile.prepare(value if isinstance(value, Context) else Context.of(value))
        names = {"context": made.text if made.shape == "text" else {d.name: d.text for d in made}}
        exec(compile(profile.preamble, "session", "exec"), names)  # our own source, under the jail's rules there
        return names

    return opened
