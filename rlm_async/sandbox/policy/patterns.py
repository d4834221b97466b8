"""The grammar's `match` statement: patterns that read attributes do so on the code's own objects only."""

# ruff: noqa: N802  # visitors are named after the nodes of ast

from __future__ import annotations

import ast

from rlm_async.sandbox.policy.names import guard, is_dunder, is_guard_like
from rlm_async.sandbox.policy.statements import Statements

PLAIN = frozenset({"str", "int", "float", "bool", "list", "dict", "tuple", "set", "frozenset", "bytes", "bytearray"})
"""Builtin types that take one positional pattern: the value itself."""


class Grammar(Statements):
    """The whole grammar.

    Python reads the attributes of patterns in C, past every guard: classes and dotted values are therefore
    looked up by guards before the match begins.
    """

    def __init__(self) -> None:
        super().__init__()
        self._before: list[list[ast.stmt]] = []

    def visit_Match(self, node: ast.Match) -> list[ast.stmt]:
        """A `match` statement, after the lookups that its patterns need."""
        self._before.append([])
        node.subject = self.touched(self.seen(node.subject))
        node.cases = [self.visit(case) for case in node.cases]
        return [*self._before.pop(), node]

    def _looked_up(self, name: str, value: ast.expr, at: ast.AST) -> ast.Name:
        """A value bound before the match, by a name of ours."""
        bound = self.fresh("case")
        self._before[-1].append(self._bound(bound, self.guarded(name, [self.seen(value)], at)))
        return self.placed(ast.Name(bound, ast.Load()), at)

    def visit_match_case(self, node: ast.match_case) -> ast.match_case:
        """One case; matches inside its body have lookups of their own."""
        node.pattern = self.visit(node.pattern)
        node.guard = None if node.guard is None else self.seen(node.guard)
        node.body = self._visited(node.body)
        return node

    def visit_MatchValue(self, node: ast.MatchValue) -> ast.pattern:
        """A literal, or a dotted name: `case Color.RED`."""
        if isinstance(node.value, ast.Attribute):
            box = self._looked_up("box", node.value, node.value)
            node.value = self.placed(ast.Attribute(box, "value", ast.Load()), node.value)
        elif not _is_literal(node.value):
            self.refuse(node, "a match pattern compares with literals and dotted names only")
        return node

    def visit_MatchSingleton(self, node: ast.MatchSingleton) -> ast.pattern:
        """None, True or False."""
        return node

    def visit_MatchSequence(self, node: ast.MatchSequence) -> ast.pattern:
        """A list or tuple."""
        return self.contents(node)

    def visit_MatchOr(self, node: ast.MatchOr) -> ast.pattern:
        """One of several."""
        return self.contents(node)

    def visit_MatchMapping(self, node: ast.MatchMapping) -> ast.pattern:
        """A dict, by literal keys."""
        self.check_roundabout(node, node.rest)
        if not all(_is_literal(key) for key in node.keys):
            self.refuse(node, "the keys of a match pattern must be literals")
        node.patterns = [self.visit(pattern) for pattern in node.patterns]
        return node

    def visit_MatchAs(self, node: ast.MatchAs) -> ast.pattern:
        """A name, or a pattern with a name."""
        self.check_roundabout(node, node.name)
        return self.contents(node)

    def visit_MatchStar(self, node: ast.MatchStar) -> ast.pattern:
        """`*rest`."""
        self.check_roundabout(node, node.name)
        return node

    def visit_MatchClass(self, node: ast.MatchClass) -> ast.pattern:
        """`case str()` on builtin types; `case Point(x=0)` on classes that the code has defined."""
        for name in node.kwd_attrs:
            if is_dunder(name) or is_guard_like(name):
                self.refuse(node, f'a match pattern may not read "{name}"')
        if isinstance(node.cls, ast.Name) and node.cls.id in PLAIN:
            if node.kwd_attrs or len(node.patterns) > 1:
                self.refuse(node, f"case {node.cls.id}(...) takes no attributes: use case {node.cls.id}() as name")
            node.cls = self.placed(ast.Name(guard(node.cls.id), ast.Load()), node.cls)
        else:
            attributes = bool(node.kwd_attrs or node.patterns)
            node.cls = self._looked_up("pattern" if attributes else "plain_pattern", node.cls, node.cls)
        node.kwd_attrs = [self.own_attribute(name) for name in node.kwd_attrs]
        node.patterns = [self.visit(pattern) for pattern in node.patterns]
        node.kwd_patterns = [self.visit(pattern) for pattern in node.kwd_patterns]
        return node


def _is_literal(node: ast.expr) -> bool:
    """A constant, or a number with a sign or a complex one."""
    if isinstance(node, ast.UnaryOp):
        return _is_literal(node.operand)
    if isinstance(node, ast.BinOp):
        return isinstance(node.op, ast.Add | ast.Sub) and _is_literal(node.left) and _is_literal(node.right)
    return isinstance(node, ast.Constant)
