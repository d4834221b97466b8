"""Repositories: the profile `code` of rlm-async."""

from __future__ import annotations

from rlm_async_code.repositories import profile

__all__ = ["profile"]
