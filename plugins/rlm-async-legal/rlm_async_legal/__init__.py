"""Contracts: the profile `legal` of rlm-async."""

from __future__ import annotations

from rlm_async_legal.contracts import profile

__all__ = ["profile"]
