"""Fixtures for every test: the event loop under both backends, and the shared material beside the repo."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest


def pytest_configure():
    """A suite that a script has started in the background ignores Ctrl-C, and so would every process it starts."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


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


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """In CI a skipped test that is marked `required_in_ci` fails, with the reason of the skip."""
    report = yield
    if (
        report.skipped
        and not hasattr(report, "wasxfail")
        and os.environ.get("CI")
        and item.get_closest_marker("required_in_ci")
    ):
        report.outcome = "failed"
        report.longrepr = f"required in CI, but skipped: {report.longrepr}"
    return report
