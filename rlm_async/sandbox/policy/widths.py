"""How wide a format may make its text: read from format specs, `%` formats and `str.format` templates."""

from __future__ import annotations

import ast
import re

WIDEST = 1_000_000
"""Characters; a field wider than this is refused."""

_DIGITS = len(str(WIDEST)) - 1
_LONG = re.compile(rf"[0-9]{{{_DIGITS + 1},}}")
_LONG_ANYWHERE = re.compile(rf"\d{{{_DIGITS + 1},}}")


def spec_is_small(spec: str) -> bool:
    """Whether no number in a format spec goes beyond `WIDEST`."""
    return _LONG_ANYWHERE.search(spec) is None


def constant_spec_is_small(spec: ast.expr) -> bool:
    """The same for the spec of an f-string's field, where the source shows it."""
    if not isinstance(spec, ast.JoinedStr):
        return False
    parts = [part.value if isinstance(part, ast.Constant) else None for part in spec.values]
    return all(isinstance(part, str) and spec_is_small(part) for part in parts) and len(parts) <= 1


def constant_format_is_small(template: str) -> bool:
    """Whether a `%` template takes no width from its arguments and has none beyond `WIDEST`."""
    return "*" not in template and _LONG.search(template) is None
