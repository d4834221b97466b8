"""Ways out of a `finally` block that would swallow the exception it runs for."""

from __future__ import annotations

import ast

_OWN_FRAME = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
_LOOPS = (ast.For, ast.AsyncFor, ast.While)


def leaves_finally(node: ast.AST, *, in_loop: bool = False) -> bool:
    """Whether a statement of a `finally` block can leave it by return, break or continue."""
    if isinstance(node, ast.Return):
        return True
    if isinstance(node, ast.Break | ast.Continue):
        return not in_loop
    if isinstance(node, _OWN_FRAME):
        return False
    inside = in_loop or isinstance(node, _LOOPS)
    return any(leaves_finally(child, in_loop=inside) for child in ast.iter_child_nodes(node))
