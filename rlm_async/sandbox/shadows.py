"""What a loop is about to ask, read off its source: the calls of one pass as one pure expression.

`Pass` walks a loop's body in order and keeps three things: names whose values it can compute without
running the body, the conditions under which a statement is reached, and the calls whose arguments are
pure under both. Everything it does not know for certain ends the search or the whole idea.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import TypeGuard, TypeVar

QUERIES = frozenset({"llm_query", "rlm_query"})
PURE_FUNCTIONS = frozenset(
    """abs all any bool dict enumerate float frozenset int len list max min range repr reversed round set sorted str sum
    tuple zip""".split()  # noqa: SIM905  # a table of names reads best as words
)
PURE_METHODS = frozenset(
    """capitalize casefold center count endswith find format get index isalnum isalpha isdigit isspace items join keys
    ljust lower lstrip partition removeprefix removesuffix replace rfind rjust rpartition rsplit rstrip split
    splitlines startswith strip swapcase title upper values zfill""".split()  # noqa: SIM905  # as above
)
"""Of str, list, dict and tuple; that the owner is one of these exactly is checked when the loop starts."""

_PURE_NODES = (
    ast.Constant, ast.JoinedStr, ast.FormattedValue, ast.BinOp, ast.UnaryOp, ast.BoolOp, ast.Compare, ast.IfExp,
    ast.Subscript, ast.Slice, ast.Tuple, ast.List, ast.Dict, ast.Set, ast.Name, ast.operator, ast.unaryop,
    ast.boolop, ast.cmpop, ast.expr_context, ast.Starred,
)  # fmt: skip
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.GeneratorExp, ast.DictComp)
_OWN_FRAME = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
_NAMED = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.ExceptHandler, ast.MatchAs, ast.MatchStar)
_LEAVES = (ast.Break, ast.Return, ast.Raise, ast.Assert, ast.Yield, ast.YieldFrom, ast.Delete, ast.Global, ast.Nonlocal)

LET = "$let"
"""How names of the shadow's own begin; no source can spell them."""

Expression = TypeVar("Expression", bound=ast.AST)


@dataclass(slots=True)
class Planned:
    """One call of a pass: the node in the source, and the conditions under which it is reached."""

    call: ast.Call
    conditions: tuple[ast.expr, ...]


@dataclass(slots=True)
class Pass:
    """The search through one pass of a loop. `bound` are all names that the loop's body binds."""

    targets: frozenset[str]
    bound: frozenset[str]
    known: dict[str, str] = field(default_factory=dict)
    """Names bound in the pass whose values are pure, and the name each has in the shadow."""
    lets: list[tuple[str, ast.expr]] = field(default_factory=list)
    """Simple assignments, under names of the shadow's own."""
    calls: list[Planned] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.known.update({name: name for name in self.targets})

    def walk(self, statements: Sequence[ast.stmt], conditions: tuple[ast.expr, ...]) -> bool:
        """Go through statements; False where what follows may not be reached, or not be known."""
        for i, statement in enumerate(statements):
            if isinstance(statement, ast.Continue):
                return False
            if isinstance(statement, ast.If) and _skips(statement) and self.pure(statement.test):
                return self.walk(statements[i + 1 :], (*conditions, self.copied(_negated(statement.test))))
            if not self._statement(statement, conditions):
                return False
        return True

    def _statement(self, statement: ast.stmt, conditions: tuple[ast.expr, ...]) -> bool:
        if isinstance(statement, ast.If):
            return self._branch(statement, conditions)
        if isinstance(statement, ast.Try | ast.With):
            return self._guarded(statement, conditions)
        if isinstance(statement, ast.Assign | ast.Expr | ast.AnnAssign | ast.AugAssign):
            self._simple(statement, conditions)
        else:
            self._forget(statement)
        return not leaves(statement, ast.Continue)

    def _simple(self, statement: ast.stmt, conditions: tuple[ast.expr, ...]) -> None:
        value = getattr(statement, "value", None)
        if isinstance(value, ast.expr):
            calls = [call for call in unconditional(value) if self.pure_call(call)]
            self.calls += [Planned(self.copied(call), conditions) for call in calls]
        target = statement.targets[0] if isinstance(statement, ast.Assign) and len(statement.targets) == 1 else None
        if isinstance(target, ast.Name) and not conditions and value is not None and self.pure(value):
            self.lets.append((f"{LET}{len(self.lets)}", self.copied(value)))
            self.known[target.id] = self.lets[-1][0]
        else:
            self._forget(statement)

    def _branch(self, statement: ast.If, conditions: tuple[ast.expr, ...]) -> bool:
        reached = not leaves(statement, ast.Continue)
        if self.pure(statement.test) and reached:
            self.walk(statement.body, (*conditions, self.copied(statement.test)))
            self.walk(statement.orelse, (*conditions, self.copied(_negated(statement.test))))
        self._forget(statement)
        return reached

    def _guarded(self, statement: ast.Try | ast.With, conditions: tuple[ast.expr, ...]) -> bool:
        """A block that may swallow an error of its first call: what follows that call in it is not certain."""
        before = len(self.calls)
        self.walk(statement.body, conditions)
        del self.calls[before + 1 :]
        self._forget(statement)
        return not leaves(statement, ast.Continue)

    def _forget(self, statement: ast.stmt) -> None:
        for name in stored(statement):
            self.known.pop(name, None)

    def copied(self, node: Expression) -> Expression:
        """A copy for the shadow, in the shadow's own names."""
        renamed: Expression = _Renamed(self.known).visit(deepcopy(node))
        return renamed

    def pure_call(self, call: ast.Call) -> bool:
        """Whether its arguments can be computed before the loop runs."""
        return all(self.pure(argument) for argument in [*call.args, *(keyword.value for keyword in call.keywords)])

    def pure(self, node: ast.AST, inner: frozenset[str] = frozenset()) -> bool:
        """Whether an expression has no effect and reads nothing that the loop changes in an unknown way."""
        if isinstance(node, ast.Name):
            return node.id in inner or node.id in self.known or node.id not in self.bound
        if isinstance(node, ast.Call):
            return _pure_function(node) and all(self.pure(part, inner) for part in _operands(node))
        if isinstance(node, _COMPREHENSIONS):
            targets = frozenset().union(*(stored(generator.target) for generator in node.generators))
            inner |= targets
            return not targets & set(self.known) and all(self.pure(part, inner) for part in _comprehended(node))
        return isinstance(node, _PURE_NODES) and all(self.pure(child, inner) for child in ast.iter_child_nodes(node))


class _Renamed(ast.NodeTransformer):
    def __init__(self, names: Mapping[str, str]) -> None:
        self._names = names

    def visit_Name(self, node: ast.Name) -> ast.Name:
        node.id = self._names.get(node.id, node.id) if isinstance(node.ctx, ast.Load) else node.id
        return node


def _negated(test: ast.expr) -> ast.expr:
    return ast.copy_location(ast.UnaryOp(ast.Not(), test), test)


def _skips(statement: ast.If) -> bool:
    return len(statement.body) == 1 and isinstance(statement.body[0], ast.Continue) and not statement.orelse


def _pure_function(node: ast.Call) -> bool:
    if isinstance(node.func, ast.Name):
        return node.func.id in PURE_FUNCTIONS and not any(k.arg in {"key", "default"} for k in node.keywords)
    return isinstance(node.func, ast.Attribute) and node.func.attr in PURE_METHODS


def _operands(node: ast.Call) -> Iterator[ast.AST]:
    if isinstance(node.func, ast.Attribute):
        yield node.func.value
    yield from node.args
    yield from (keyword.value for keyword in node.keywords)


def _comprehended(node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp) -> Iterator[ast.AST]:
    if isinstance(node, ast.DictComp):
        yield from (node.key, node.value)
    else:
        yield node.elt
    for generator in node.generators:
        yield generator.iter
        yield from generator.ifs
        if generator.is_async:
            yield ast.Yield(None)  # not pure


def unconditional(node: ast.AST) -> Iterator[ast.Call]:
    """The query calls of an expression that are made whenever it is evaluated, in order of evaluation."""
    if isinstance(node, (*_OWN_FRAME, *_COMPREHENSIONS)):
        return
    if isinstance(node, ast.IfExp):
        yield from unconditional(node.test)
        return
    if isinstance(node, ast.BoolOp):
        yield from unconditional(node.values[0])
        return
    if isinstance(node, ast.Compare):
        for part in (node.left, node.comparators[0]):
            yield from unconditional(part)
        return
    for child in ast.iter_child_nodes(node):
        yield from unconditional(child)
    if is_query(node):
        yield node


def is_query(node: ast.AST) -> TypeGuard[ast.Call]:
    """Whether it is a call of a query function by its own name, with arguments spelled out."""
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in QUERIES
        and not any(isinstance(argument, ast.Starred) for argument in node.args)
        and all(keyword.arg is not None for keyword in node.keywords)
    )


def leaves(node: ast.AST, *kinds: type[ast.AST]) -> bool:
    """Whether one of these statements in it is its own: not that of a function, a class or a loop inside."""
    if isinstance(node, kinds):
        return True
    if isinstance(node, _OWN_FRAME):
        return False
    loop = isinstance(node, ast.For | ast.AsyncFor | ast.While)
    inner = tuple(kind for kind in kinds if kind not in {ast.Break, ast.Continue}) if loop else kinds
    return bool(inner) and any(leaves(child, *inner) for child in ast.iter_child_nodes(node))


def may_leave(body: Iterable[ast.stmt]) -> bool:
    """Whether a loop's body says somewhere that it may not go on: break, return, raise, yield, and the like."""
    return any(leaves(statement, *_LEAVES) for statement in body)


def stored(node: ast.AST) -> set[str]:
    """Every name that is bound somewhere in it, in whatever form."""
    names = set()
    for part in ast.walk(node):
        if isinstance(part, ast.Name) and not isinstance(part.ctx, ast.Load):
            names.add(part.id)
        elif isinstance(part, _NAMED):
            names.add(part.name or "")
        elif isinstance(part, ast.alias):
            names.add((part.asname or part.name).split(".")[0])
    return names


def loaded(node: ast.AST) -> set[str]:
    """Every name that is read somewhere in it."""
    return {part.id for part in ast.walk(node) if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Load)}
