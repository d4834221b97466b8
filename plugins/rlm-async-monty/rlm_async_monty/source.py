"""A cell's source as Monty is fed it: what is awaited calls another name, and the last value is kept to be shown."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

QUERIES = ("llm_query", "rlm_query", "llm_query_batched", "rlm_query_batched")
LATER = "_later"
"""What is appended to a query's name where its result is awaited: that call gives a future."""
SHOWN = "shown_"
_GATHERING = frozenset({"gather", "create_task", "ensure_future", "wait_for", "wait"})


@dataclass(frozen=True, slots=True)
class Cell:
    """The text to run, and what it binds; `shows` where its last expression is kept under `SHOWN`."""

    text: str
    names: tuple[str, ...] = ()
    shows: bool = False


_OWN_SCOPE = (ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp, ast.ClassDef)


def prepared(source: str) -> Cell:
    """The cell of a model's source; what does not parse here is left for Monty to tell."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return Cell(source)
    edits = [(*_end(name), LATER) for name in _awaited(tree)]
    last = tree.body[-1] if tree.body else None
    if isinstance(last, ast.Expr):
        edits += [(last.lineno, last.col_offset, f"{SHOWN} = ("), (*_end(last), ")")]
    return Cell(_edited(source, edits), tuple(sorted(set(_bound(tree)))), isinstance(last, ast.Expr))


def _awaited(tree: ast.Module) -> Iterator[ast.Name]:
    """The names of queries whose calls stand under `await`, or in the arguments of something that waits for them."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Await):
            if isinstance(node.value, ast.Call):
                yield from _query_names([node.value])
        elif isinstance(node, ast.Call) and _name(node.func) in _GATHERING:
            parts = [part for argument in node.args for part in ast.walk(argument)]
            yield from _query_names([part for part in parts if isinstance(part, ast.Call)])


def _query_names(calls: list[ast.Call]) -> Iterator[ast.Name]:
    return (call.func for call in calls if isinstance(call.func, ast.Name) and call.func.id in QUERIES)


def _name(function: ast.expr) -> str:
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def _end(node: ast.expr | ast.stmt) -> tuple[int, int]:
    return node.end_lineno or node.lineno, node.end_col_offset or 0


def _edited(source: str, edits: list[tuple[int, int, str]]) -> str:
    """The source with texts put in at places given as line and byte; no line is added."""
    lines = [line.encode() for line in source.split("\n")]
    for line, column, text in sorted(set(edits), reverse=True):
        old = lines[line - 1]
        lines[line - 1] = old[:column] + text.encode() + old[column:]
    return b"\n".join(lines).decode()


def _bound(tree: ast.Module) -> Iterator[str]:
    """Names that the cell may bind at its top level; some may turn out to be nothing's."""
    todo: list[ast.AST] = list(tree.body)
    while todo:
        node = todo.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        if isinstance(node, ast.Global):
            yield from node.names
        if not isinstance(node, _OWN_SCOPE):
            todo.extend(ast.iter_child_nodes(node))
