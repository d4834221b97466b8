"""Which turns' code still matters: the ones that gave a living variable its value."""

from __future__ import annotations

import ast
from collections.abc import Sequence


def living(turns: Sequence[Sequence[str]]) -> list[frozenset[str]]:
    """For each turn, given as its cells' sources in order, the names that still hold what it gave them.

    A name that is only changed later (`x += 1`) owes its value to both turns. Found in the text of the code
    alone: names bound in ways that it does not show (`globals()`) are missed; methods that change a value
    (`x.append`) bind nothing.
    """
    owners: dict[str, set[int]] = {}
    for i, sources in enumerate(turns):
        for source in sources:
            _follow(source, i, owners)
    return [frozenset(name for name, owned in owners.items() if i in owned) for i in range(len(turns))]


def _follow(source: str, turn: int, owners: dict[str, set[int]]) -> None:
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return  # it never ran
    bindings = _Bindings()
    bindings.visit(tree)
    for name, changed in bindings.found:
        if changed is None:
            owners.pop(name, None)
        elif changed:
            owners.setdefault(name, set()).add(turn)
        else:
            owners[name] = {turn}


class _Bindings(ast.NodeVisitor):
    """Names bound at the top level of a cell, in order: set anew (False), changed (True), deleted (None)."""

    def __init__(self) -> None:
        self.found: list[tuple[str, bool | None]] = []

    def _definition(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> None:
        self.found.append((node.name, False))  # what is bound inside of it is its own

    def _inner(self, node: ast.AST) -> None:
        for inner in ast.walk(node):
            if isinstance(inner, ast.NamedExpr):
                self.visit(inner.target)

    def _imported(self, node: ast.Import | ast.ImportFrom) -> None:
        self.found += [(alias.asname or alias.name.partition(".")[0], False) for alias in node.names]

    def _part(self, node: ast.Subscript | ast.Attribute) -> None:
        root: ast.AST = node
        while isinstance(root, ast.Subscript | ast.Attribute):
            root = root.value
        if isinstance(root, ast.Name) and not isinstance(node.ctx, ast.Load):
            self.found.append((root.id, True))
        self.generic_visit(node)

    def _captured(self, node: ast.MatchAs | ast.MatchStar) -> None:
        self.found += [(node.name, False)] if node.name else []
        self.generic_visit(node)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        if isinstance(node.target, ast.Name):
            self.found.append((node.target.id, True))
        else:
            self.visit(node.target)
        self.visit(node.value)

    def visit_Name(self, node: ast.Name) -> None:
        if not isinstance(node.ctx, ast.Load):
            self.found.append((node.id, None if isinstance(node.ctx, ast.Del) else False))

    def visit_MatchMapping(self, node: ast.MatchMapping) -> None:
        self.found += [(node.rest, False)] if node.rest else []
        self.generic_visit(node)

    visit_FunctionDef = visit_AsyncFunctionDef = visit_ClassDef = _definition  # noqa: N815 - ast's own names
    visit_Lambda = visit_ListComp = visit_SetComp = visit_DictComp = visit_GeneratorExp = _inner  # noqa: N815 - the same
    visit_Import = visit_ImportFrom = _imported  # noqa: N815 - the same
    visit_Subscript = visit_Attribute = _part  # noqa: N815 - the same
    visit_MatchAs = visit_MatchStar = _captured  # noqa: N815 - the same
