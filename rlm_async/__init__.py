"""rlm-async: recursive language models on one event loop.

The long input is a variable in a Python REPL, never in the prompt; the model writes code that looks,
filters and asks sub-queries of itself or of a smaller model. The names below are loaded when first used,
so that importing the package costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rlm_async.api import RLM, at_depth
    from rlm_async.core.answer import Answer
    from rlm_async.core.context import Context
    from rlm_async.core.usage import Limits, ModelInfo, Price, Rates, Usage
    from rlm_async.errors import BudgetExceeded, ConfigError, ModelError, RLMError, SandboxError
    from rlm_async.sandbox import Sandbox

__version__ = "0.1.0"

_HOMES = {
    "RLM": "rlm_async.api",
    "Answer": "rlm_async.core.answer",
    "Context": "rlm_async.core.context",
    "Limits": "rlm_async.core.usage",
    "ModelInfo": "rlm_async.core.usage",
    "Price": "rlm_async.core.usage",
    "Rates": "rlm_async.core.usage",
    "Usage": "rlm_async.core.usage",
    "BudgetExceeded": "rlm_async.errors",
    "ConfigError": "rlm_async.errors",
    "ModelError": "rlm_async.errors",
    "RLMError": "rlm_async.errors",
    "SandboxError": "rlm_async.errors",
    "Sandbox": "rlm_async.sandbox",
    "at_depth": "rlm_async.api",
}

__all__ = [
    "RLM",
    "Answer",
    "BudgetExceeded",
    "ConfigError",
    "Context",
    "Limits",
    "ModelError",
    "ModelInfo",
    "Price",
    "RLMError",
    "Rates",
    "Sandbox",
    "SandboxError",
    "Usage",
    "at_depth",
]


def __getattr__(name: str) -> object:
    """Load a public name at its first use (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    """The public names, loaded or not."""
    return sorted([*__all__, "__version__"])
