"""The text of a program made of functions of the kit: those it needs, without what only people read."""

from __future__ import annotations

import ast
import inspect
from functools import cache
from types import ModuleType

OURS = ("rlm_async", "__future__", "collections.abc")


def source_of(module: ModuleType, *names: str) -> str:
    """The source of some functions of a module and of all that these use, without annotations and docstrings."""
    return _source_of(inspect.getsource(module), names)


@cache
def _source_of(text: str, names: tuple[str, ...]) -> str:
    defined: dict[str, ast.stmt] = {}
    imports: list[ast.stmt] = []
    for statement in ast.parse(text).body:
        if isinstance(statement, ast.FunctionDef):
            defined[statement.name] = statement
        elif isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
            defined[statement.targets[0].id] = statement
        elif isinstance(statement, ast.Import | ast.ImportFrom) and not _ours(statement):
            imports.append(statement)
    for statement in defined.values():
        _Bare().visit(statement)
    wanted = _needed(defined, names)
    used = {node.id for name in wanted for node in ast.walk(defined[name]) if isinstance(node, ast.Name)}
    kept = [statement for statement in imports if any((a.asname or a.name) in used for a in _aliases(statement))]
    body = [*kept, *(statement for name, statement in defined.items() if name in wanted)]
    return ast.unparse(ast.fix_missing_locations(ast.Module(body, [])))


class _Bare(ast.NodeTransformer):
    """Takes off annotations and docstrings."""

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        self.generic_visit(node)
        node.returns = None
        for argument in (*node.args.args, *node.args.kwonlyargs):
            argument.annotation = None
        if ast.get_docstring(node) is not None:
            del node.body[0]
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.stmt:
        if node.value is None:
            return ast.Pass()
        return ast.Assign([node.target], node.value)


def _needed(defined: dict[str, ast.stmt], names: tuple[str, ...]) -> set[str]:
    wanted: set[str] = set()
    todo = list(names)
    while todo:
        name = todo.pop()
        if name in wanted:
            continue
        wanted.add(name)
        used = {node.id for node in ast.walk(defined[name]) if isinstance(node, ast.Name)}
        todo.extend(used & defined.keys())
    return wanted


def _ours(statement: ast.Import | ast.ImportFrom) -> bool:
    return isinstance(statement, ast.ImportFrom) and (statement.module or "").startswith(OURS)


def _aliases(statement: ast.stmt) -> list[ast.alias]:
    return statement.names if isinstance(statement, ast.Import | ast.ImportFrom) else []
