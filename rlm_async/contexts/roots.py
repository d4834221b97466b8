"""The folders below which somebody else may name files."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile
from pathlib import Path

_PATTERN = frozenset("*?[")


def below(path: str, roots: Sequence[Path]) -> str | None:
    """The path, below the first of `roots` that holds it, links followed; None where none does.

    A relative path is one below a root. A pattern is judged by the folder that it begins with; `..` and standard
    input (`-`) are never below. Absolute paths stay what they are.
    """
    parts = Path(path).parts
    if not path or path == "-" or ".." in parts:
        return None
    fixed = Path(*takewhile(lambda part: not _PATTERN & set(part), parts))
    for root in roots:
        if (root / fixed).resolve().is_relative_to(root.resolve()):
            return str(root / path)
    return None
