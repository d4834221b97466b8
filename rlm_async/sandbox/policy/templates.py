"""Templates for `str.format` that stand in the source: what they would read is known before they run."""

from __future__ import annotations

import ast
from _string import formatter_field_name_split, formatter_parser  # type: ignore[import-not-found]
from collections.abc import Iterator

from rlm_async.sandbox.policy.names import INTERNALS, is_dunder

_DEEPEST = 3


def constant_template(call: ast.Call) -> str | None:
    """The template of `"...".format(...)` or `str.format("...", ...)`, where the source spells it out."""
    function = call.func
    if not isinstance(function, ast.Attribute) or function.attr not in {"format", "format_map"}:
        return None
    if isinstance(function.value, ast.Name) and function.value.id == "str":
        holder: ast.expr | None = call.args[0] if call.args else None
    else:
        holder = function.value
    return holder.value if isinstance(holder, ast.Constant) and isinstance(holder.value, str) else None


def internal_field(template: str) -> str | None:
    """The first attribute of the interpreter's own that a template reads; what does not parse fails when it runs."""
    try:
        return next((name for name in _attributes(template, _DEEPEST) if is_dunder(name) or name in INTERNALS), None)
    except ValueError:
        return None


def _attributes(template: str, depth: int) -> Iterator[str]:
    for _, name, spec, _ in formatter_parser(template):
        if name:
            _, rest = formatter_field_name_split(name)
            yield from (key for is_attribute, key in rest if is_attribute)
        if spec and depth:
            yield from _attributes(spec, depth - 1)
