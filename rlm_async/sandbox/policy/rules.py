"""What every part of the grammar stands on: names, scopes, and how a guard's call is written into the tree."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal, TypeVar

from RestrictedPython.transformer import RestrictingNodeTransformer

from rlm_async.sandbox.policy.inlined import unless_lazy
from rlm_async.sandbox.policy.names import HOST_FUNCTIONS, KEPT, SAFE_DUNDERS, guard, is_dunder, is_guard_like, mangled
from rlm_async.sandbox.policy.refusals import BUILTINS, METHODS, NODES, with_hint

Node = TypeVar("Node", bound=ast.AST)
Placed = ast.expr | ast.stmt | ast.ExceptHandler | ast.arg | ast.alias | ast.pattern | ast.keyword


@dataclass(slots=True)
class Block:
    """A `try` with handlers that surrounds the current statement: its token and the loops around it."""

    token: str
    loops: int


@dataclass(slots=True)
class Scope:
    """A module, class or function body that is being visited."""

    kind: Literal["module", "class", "function"]
    name: str = ""
    first: str = ""
    """The first parameter of a function: what `super()` takes for the object."""
    loops: int = 0
    tries: list[Block] = field(default_factory=list)


class Rules(RestrictingNodeTransformer):  # RestrictedPython ships no types
    """The base of the grammar. RestrictedPython refuses every node that has no visitor; so do we."""

    def __init__(self) -> None:
        super().__init__()
        self.scopes: list[Scope] = [Scope("module")]
        self.caught: list[str] = []
        """Names of the `except` clauses around this place that can only hold an error of Python's own."""
        self._fresh = 0

    # -- scopes

    @property
    def scope(self) -> Scope:
        """The innermost body."""
        return self.scopes[-1]

    @property
    def class_name(self) -> str | None:
        """The innermost class around this place: private names are spelled after it."""
        return next((scope.name for scope in reversed(self.scopes) if scope.kind == "class"), None)

    @contextmanager
    def within(self, scope: Scope) -> Iterator[None]:
        """Visit a body in a scope of its own."""
        self.scopes.append(scope)
        try:
            yield
        finally:
            self.scopes.pop()

    # -- refusing

    def refuse(self, node: ast.AST, text: str) -> None:
        """Note a refusal; all of a cell's refusals are shown together."""
        self.error(node, text)

    def not_allowed(self, node: ast.AST) -> None:
        """Unknown or refused syntax, by the name of its node."""
        kind = type(node).__name__
        self.refuse(node, NODES.get(kind, f"{kind} syntax is not available in this sandbox"))

    # -- names

    def check_read(self, node: ast.AST, name: str) -> None:
        """A name that is read."""
        if is_guard_like(name):
            self.refuse(node, f'"{name}" is a reserved name: choose a name that does not end with "_"')
        elif is_dunder(name) and not (self.scope.kind == "class" and name in SAFE_DUNDERS):
            self.refuse(node, with_hint(f'the name "{name}" is not available', BUILTINS, name))

    def check_bind(self, node: ast.AST, name: str | None) -> None:
        """A name that is bound, deleted, or declared, in whatever form."""
        if name is None:
            return
        if name in KEPT:
            self.refuse(node, f'"{name}" may not be rebound: choose another name')
        elif is_dunder(name) and self.scope.kind == "class" and name not in SAFE_DUNDERS:
            self.refuse(node, with_hint(f'a class may not define "{name}" here', METHODS, name))
        else:
            self.check_read(node, name)

    def check_roundabout(self, node: ast.AST, name: str | None) -> None:
        """A name bound by something other than an assignment: not for the host's functions."""
        self.check_bind(node, name)
        if name in HOST_FUNCTIONS:
            self.refuse(node, f'"{name}" is provided by the host: choose another name')

    def own_attribute(self, name: str) -> str:
        """An attribute's name as it is stored."""
        return mangled(name, self.class_name)

    # -- building

    def fresh(self, stem: str) -> str:
        """A name of ours for a value in between."""
        self._fresh += 1
        return guard(f"{stem}{self._fresh}")

    def guarded(self, name: str, arguments: Sequence[ast.expr], at: ast.AST) -> ast.Call:
        """A call of a guard, standing where `at` stands."""
        function = ast.Name(guard(name), ast.Load())
        return self.placed(ast.Call(func=function, args=list(arguments), keywords=[]), at)

    def placed(self, node: Node, at: ast.AST) -> Node:
        """`node` and what was made with it, at the place of `at` in the source."""
        ast.copy_location(node, at)
        for part in ast.walk(node):
            if isinstance(part, ast.expr | ast.stmt | ast.keyword) and not hasattr(part, "lineno"):
                ast.copy_location(part, at)
        return node

    def contents(self, node: Node) -> Node:
        """The node with its children visited."""
        visited: Node = self.node_contents_visit(node)
        return visited

    def seen(self, node: ast.expr) -> ast.expr:
        """An expression, visited."""
        visited: ast.expr = self.visit(node)
        return visited

    def touched(self, node: ast.expr) -> ast.expr:
        """A visited expression whose value must be real; what cannot be a lazy value stays as it is."""
        if isinstance(node, _NEVER_LAZY):
            return node
        real = self.guarded("touch", [node], node)
        return self.placed(unless_lazy(node, real), node) if isinstance(node, ast.Name) else real


_NEVER_LAZY = (
    ast.Constant, ast.JoinedStr, ast.List, ast.Tuple, ast.Dict, ast.Set, ast.ListComp, ast.SetComp, ast.DictComp,
    ast.GeneratorExp, ast.Lambda, ast.Compare,
)  # fmt: skip
