"""Cells that run in this very process may leave a coroutine that nobody awaited: its end is theirs, not the next test's."""

from __future__ import annotations

import gc
import warnings

import pytest


@pytest.fixture(autouse=True)
def unawaited_coroutines_end_here(request):
    """In a worker these warnings are switched off; here, only for the folders that run cells without one."""
    if request.path.parent.name not in {"runtime", "policy", "usability", "fuzz"}:
        yield
        return
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="coroutine .* was never awaited", category=RuntimeWarning)
        yield
        gc.collect()
