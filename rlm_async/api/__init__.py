"""RLM: what callers use, and the one place that picks implementations."""

from __future__ import annotations

from rlm_async.api.lending import at_depth
from rlm_async.api.rlm import RLM
from rlm_async.api.session import Session

__all__ = ["RLM", "Session", "at_depth"]
