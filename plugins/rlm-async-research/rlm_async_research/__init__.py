"""Papers: the profile `research` of rlm-async."""

from __future__ import annotations

from rlm_async_research.papers import profile

__all__ = ["profile"]
