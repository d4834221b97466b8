"""Where model-written code runs: a language policy, a jailed worker process, and the pool of them."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rlm_async.sandbox.factory import Sandbox, inline

__all__ = ["Sandbox", "inline"]


def __getattr__(name: str) -> object:
    """The public names, loaded on first use: the worker process imports this package and must stay light."""
    if name in __all__:
        return getattr(import_module("rlm_async.sandbox.factory"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
