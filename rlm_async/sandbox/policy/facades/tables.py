"""A table of names for each module, picked by hand."""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType

Tables = dict[str, Mapping[str, object]]
"""Module name -> name -> value."""


def picked(module: ModuleType, names: str) -> dict[str, object]:
    """The named members of a module; what this Python does not have yet is left out."""
    return {name: getattr(module, name) for name in names.split() if hasattr(module, name)}
