"""Conversations and tickets: the profile `support` of rlm-async."""

from __future__ import annotations

from rlm_async_support.tickets import profile

__all__ = ["profile"]
