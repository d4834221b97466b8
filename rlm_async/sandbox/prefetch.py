"""Static prefetch: loops that are certain to ask get to say what they will ask before they run.

`for T in ITER: BODY` becomes `for T in $prefetch(lambda: ITER, lambda items: SHADOW, lambda: NAMES): BODY`,
where SHADOW yields the arguments of each pass's calls and NAMES are values to be checked first. The body is
left as it is, and every node keeps its place in the source.
"""

from __future__ import annotations

import ast
from collections.abc import Container, Iterable, Sequence
from copy import deepcopy
from typing import TypeVar

from rlm_async.sandbox.shadows import (
    PURE_FUNCTIONS,
    PURE_METHODS,
    QUERIES,
    Pass,
    Planned,
    is_query,
    loaded,
    may_leave,
    stored,
    unconditional,
)

PREFETCH = "$prefetch"
AWAITED = "$awaited"
_ITEMS = "$items"
_CONSUMERS = frozenset({"list", "tuple", "set", "frozenset", "dict", "sum", "sorted", "max", "min", "join", "Counter"})
"""What reads a generator to its end."""
_STARTERS = frozenset({"spawn", "gather", "as_completed", "first"})
"""Functions that let other code run."""
_BATCHES = frozenset({"llm_query_batched", "rlm_query_batched"})
_QUIET = frozenset({"print", "isinstance", "type", "enumerate", "hasattr", "FINAL", "FINAL_VAR", "SUBMIT"})
"""Functions that change nothing which a prompt could read."""

Comprehension = TypeVar("Comprehension", ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


class Prefetch(ast.NodeTransformer):
    """Rewrites the loops and comprehensions of a cell where that is safe."""

    def visit_For(self, node: ast.For) -> ast.For:
        """A loop."""
        wrapped = None if node.orelse else _loop(node)
        self.generic_visit(node)
        node.iter = wrapped or node.iter
        return node

    def visit_Call(self, node: ast.Call) -> ast.Call:
        """A generator is rewritten only where a function that reads it all takes it at once."""
        name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
        first = node.args[0] if node.args else None
        if name in _CONSUMERS and isinstance(first, ast.GeneratorExp):
            self._comprehension(first)
            node.args = [first, *(self.visit(argument) for argument in node.args[1:])]
            return node
        self.generic_visit(node)
        return node

    def visit_ListComp(self, node: ast.ListComp) -> ast.ListComp:
        """A comprehension."""
        return self._comprehension(node)

    def visit_SetComp(self, node: ast.SetComp) -> ast.SetComp:
        """A comprehension."""
        return self._comprehension(node)

    def visit_DictComp(self, node: ast.DictComp) -> ast.DictComp:
        """A comprehension."""
        return self._comprehension(node)

    def _comprehension(self, node: Comprehension) -> Comprehension:
        wrapped = _comprehended(node)
        self.generic_visit(node)
        node.generators[0].iter = wrapped or node.generators[0].iter
        return node


class Awaits(ast.NodeTransformer):
    """`await f(x)` of a function of the host becomes `await $awaited(f, x)`: it waits there, not in the call."""

    def __init__(self, names: Container[str]) -> None:
        self._names = names

    def visit_Await(self, node: ast.Await) -> ast.Await:
        """One `await`."""
        self.generic_visit(node)
        call = node.value
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in self._names:
            call.args.insert(0, call.func)
            call.func = ast.copy_location(ast.Name(AWAITED, ast.Load()), call.func)
        return node


def _loop(node: ast.For) -> ast.expr | None:
    body = node.body
    targets = _names(node.target)
    if targets is None or may_leave(body) or any(_awaits_more(statement) for statement in body):
        return None
    search = Pass(targets, frozenset(stored(node)))
    if not Pass(frozenset(), frozenset()).pure(node.iter):
        return None
    search.walk(body, ())
    if not search.calls:
        return None
    generators = [_clause(node.target, ast.Name(_ITEMS, ast.Load()))]
    generators += [_clause(ast.Name(name, ast.Store()), ast.List([value], ast.Load())) for name, value in search.lets]
    return _wrapped(node.iter, generators, search.calls, body, targets)


def _comprehended(node: ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp) -> ast.expr | None:
    results = [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
    everything = [*results, *(part for generator in node.generators for part in generator.ifs)]
    if any(_awaits_more(part) or generator.is_async for part in everything for generator in node.generators):
        return None
    return _ComprehensionShadow(node, results).wrapped()


class _ComprehensionShadow:
    """The clauses of a comprehension up to its first calls."""

    def __init__(
        self, node: ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp, results: list[ast.expr]
    ) -> None:
        self._node = node
        self._results = results
        self._targets = frozenset[str]()
        self._clauses: list[ast.comprehension] = []

    def wrapped(self) -> ast.expr | None:
        """The first iterable with the shadow around it, or None."""
        planned = self._planned()
        if not planned:
            return None
        parts: list[ast.AST] = [*self._results, *(part for clause in self._node.generators for part in clause.ifs)]
        return _wrapped(self._node.generators[0].iter, self._clauses, planned, parts, self._targets)

    def _planned(self) -> list[Planned]:
        bound = frozenset(stored(self._node))
        for i, clause in enumerate(self._node.generators):
            names = _names(clause.target)
            search = Pass(self._targets, bound if i else frozenset())
            if names is None or not search.pure(clause.iter):
                return []
            self._targets |= names
            items = ast.Name(_ITEMS, ast.Load()) if i == 0 else deepcopy(clause.iter)
            self._clauses.append(_clause(clause.target, items))
            search = Pass(self._targets, bound)
            for condition in clause.ifs:
                calls = self._calls(search, [condition])
                if calls or not search.pure(condition):
                    return calls
                self._clauses[-1].ifs.append(deepcopy(condition))
        return self._calls(Pass(self._targets, bound), self._results)

    def _calls(self, search: Pass, parts: Sequence[ast.expr]) -> list[Planned]:
        calls = [call for part in parts for call in unconditional(part) if search.pure_call(call)]
        return [Planned(deepcopy(call), ()) for call in calls]


def _wrapped(
    items: ast.expr,
    clauses: list[ast.comprehension],
    planned: Sequence[Planned],
    body: Iterable[ast.AST],
    targets: frozenset[str],
) -> ast.expr | None:
    shadow = ast.GeneratorExp(ast.Tuple([_step(step) for step in planned], ast.Load()), clauses)
    reads = (loaded(shadow) - targets - stored(shadow) - {_ITEMS}) | (loaded(items) - stored(items))
    reads -= QUERIES | PURE_FUNCTIONS
    effects = Effects()
    for part in body:
        effects.visit(part)
    bound = stored_in(body)
    if reads & effects.mutated or effects.unknown or effects.called & (bound | _STARTERS):
        return None
    functions = _functions(shadow, items) | {ast.unparse(step.call.func) for step in planned}
    checks = [reads, effects.mutated - bound - targets, effects.called, functions, effects.passed & reads]
    values: list[ast.expr] = [_table(names) for names in checks]
    spelled = ast.List([ast.Constant(name) for name in sorted(reads)], ast.Load())
    owned = ast.Constant(bool(effects.mutated & targets))
    call = ast.Call(
        ast.Name(PREFETCH, ast.Load()),
        [
            ast.Lambda(_parameters(), deepcopy(items)),
            ast.Lambda(_parameters(_ITEMS), shadow),
            ast.Lambda(_parameters(), ast.Tuple([*values, spelled, owned], ast.Load())),
        ],
        [],
    )
    for part in ast.walk(call):
        if isinstance(part, ast.expr | ast.arg | ast.keyword) and not hasattr(part, "lineno"):
            ast.copy_location(part, items)
    return call


def _table(names: Iterable[str]) -> ast.List:
    return ast.List([ast.Name(name, ast.Load()) for name in sorted(names)], ast.Load())


def stored_in(body: Iterable[ast.AST]) -> set[str]:
    """Names bound anywhere in these nodes."""
    return set[str]().union(*(stored(part) for part in body))


class Effects(ast.NodeVisitor):
    """What a loop's body may change, as far as its source tells."""

    def __init__(self) -> None:
        self.mutated: set[str] = set()
        """Names whose objects it may change."""
        self.called: set[str] = set()
        """Functions of unknown effect that it calls."""
        self.passed: set[str] = set()
        """Names that it hands to such functions as they are."""
        self.unknown = False
        """Whether it calls something that has no name."""

    def visit_Call(self, node: ast.Call) -> None:
        """A call of a function, or of a method."""
        if isinstance(node.func, ast.Name):
            name = node.func.id
            if name not in QUERIES | _BATCHES | PURE_FUNCTIONS | _QUIET:
                self.called.add(name)
                self._pass(node)
        elif isinstance(node.func, ast.Attribute) and node.func.attr not in PURE_METHODS:
            self._mutate(node.func.value)
            self._pass(node)
        elif not isinstance(node.func, ast.Attribute):
            self.unknown = True
        self.generic_visit(node)

    def visit_Subscript(self, node: ast.Subscript) -> None:
        """`x[i] = ...` changes x."""
        if not isinstance(node.ctx, ast.Load):
            self._mutate(node.value)
        self.generic_visit(node)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        """`x.a = ...` changes x."""
        if not isinstance(node.ctx, ast.Load):
            self._mutate(node.value)
        self.generic_visit(node)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        """`x += ...` changes what x stands for."""
        self._mutate(node.target)
        self.generic_visit(node)

    def _mutate(self, node: ast.expr) -> None:
        while isinstance(node, ast.Attribute | ast.Subscript):
            node = node.value
        if isinstance(node, ast.Name):
            self.mutated.add(node.id)
        elif not isinstance(node, ast.Constant | ast.JoinedStr | ast.Call):
            self.unknown = True

    def _pass(self, node: ast.Call) -> None:
        for argument in [*node.args, *(keyword.value for keyword in node.keywords)]:
            if isinstance(argument, ast.Name):
                self.passed.add(argument.id)


def _step(planned: Planned) -> ast.expr:
    call = planned.call
    named = ast.Dict([ast.Constant(k.arg) for k in call.keywords], [k.value for k in call.keywords])
    step: ast.expr = ast.Tuple(
        [ast.Constant(ast.unparse(call.func)), ast.List(call.args, ast.Load()), named], ast.Load()
    )
    for condition in reversed(planned.conditions):
        step = ast.IfExp(condition, step, ast.Constant(None))
    return step


def _functions(*parts: ast.AST) -> set[str]:
    return {
        node.func.id
        for part in parts
        for node in ast.walk(part)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in PURE_FUNCTIONS
    }


def _names(target: ast.expr) -> frozenset[str] | None:
    """The names of a loop's target; None where it binds anything else."""
    if isinstance(target, ast.Name):
        return frozenset({target.id})
    if isinstance(target, ast.Starred):
        return _names(target.value)
    if not isinstance(target, ast.Tuple | ast.List):
        return None
    parts = [_names(part) for part in target.elts]
    return None if None in parts else frozenset[str]().union(*(part for part in parts if part is not None))


def _clause(target: ast.expr, items: ast.expr) -> ast.comprehension:
    return ast.comprehension(target=deepcopy(target), iter=items, ifs=[], is_async=0)


def _parameters(*names: str) -> ast.arguments:
    return ast.arguments(
        posonlyargs=[], args=[ast.arg(name) for name in names], kwonlyargs=[], kw_defaults=[], defaults=[]
    )


def _awaits_more(node: ast.AST) -> bool:
    """Whether it awaits anything but a query: then other tasks run, and may change what prompts read."""
    return any(
        isinstance(part, ast.AsyncFor | ast.AsyncWith)
        or (isinstance(part, ast.Await) and not is_query(part.value) and not _is_batch(part.value))
        for part in ast.walk(node)
    )


def _is_batch(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _BATCHES
