"""The grammar's statements: assignments, imports, loops, `try`, `with`, functions and classes."""

# ruff: noqa: N802, N815  # visitors are named after the nodes of ast

from __future__ import annotations

import ast
import builtins
from collections.abc import Sequence
from typing import TypeVar

from rlm_async.sandbox.policy.exits import leaves_finally
from rlm_async.sandbox.policy.expressions import BOUNDED, Expressions, first_parameter, slice_value
from rlm_async.sandbox.policy.names import guard, is_dunder
from rlm_async.sandbox.policy.rules import Block, Scope

Function = TypeVar("Function", ast.FunctionDef, ast.AsyncFunctionDef)
Loop = TypeVar("Loop", ast.For, ast.While, ast.AsyncFor)
With = TypeVar("With", ast.With, ast.AsyncWith)

_FUTURES = frozenset({"annotations", "division", "print_function", "generator_stop", "unicode_literals"})


class Statements(Expressions):
    """Visitors for statements; one that becomes several returns them as a list."""

    def visit_Module(self, node: ast.Module) -> ast.Module:
        """A whole cell."""
        return self.contents(node)

    # -- assignments

    def visit_Assign(self, node: ast.Assign) -> ast.stmt:
        """Unpacking goes by the values' own iterators; the targets' names and attributes are checked."""
        return self.contents(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.stmt:
        """The annotation is dropped, not evaluated."""
        if node.value is None:
            self.visit(node.target)
            return ast.copy_location(ast.Pass(), node)
        return self.placed(ast.Assign(targets=[self.visit(node.target)], value=self.seen(node.value)), node)

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.stmt:
        """`x += y` stands; what can explode goes through a guard that keeps it in place."""
        symbol = BOUNDED.get(type(node.op))
        if symbol is None:
            node.target = self.visit(node.target)
            node.value = self.touched(self.seen(node.value))
            return node
        value = self.seen(node.value)
        target = node.target
        if isinstance(target, ast.Name):
            self.check_bind(target, target.id)
            old = ast.Name(target.id, ast.Load())
            result = self.guarded("inplace", [ast.Constant(symbol), old, value], node)
            return self.placed(ast.Assign(targets=[target], value=result), node)
        return self._inplace(symbol, target, value)

    def _inplace(self, symbol: str, target: ast.Attribute | ast.Subscript, value: ast.expr) -> ast.stmt:
        owner = self.seen(target.value)
        operator = ast.Constant(symbol)
        if isinstance(target, ast.Subscript):
            key = slice_value(self, self.seen(target.slice))
            call = self.guarded("inplace_item", [operator, owner, key, value], target)
        else:
            self._check_attribute(target)
            name = ast.Constant(self.own_attribute(target.attr))
            call = self.guarded("inplace_attribute", [operator, owner, name, value], target)
        return self.placed(ast.Expr(call), target)

    def visit_Global(self, node: ast.Global | ast.Nonlocal) -> ast.stmt:
        """Names declared as someone else's."""
        for name in node.names:
            self.check_roundabout(node, name)
        return node

    visit_Nonlocal = visit_Global

    # -- bringing modules in

    def visit_Import(self, node: ast.Import) -> list[ast.stmt]:
        """`import a.b as c` becomes an assignment of what the guard gives."""
        if getattr(node, "is_lazy", 0):
            self.refuse(node, "lazy imports are not available: use a plain import")
        result: list[ast.stmt] = []
        for alias in node.names:
            name = alias.asname or alias.name.split(".")[0]
            self.check_roundabout(node, name)
            whole = ast.Constant(alias.asname is not None)
            result.append(self._bound(name, self.guarded("import", [ast.Constant(alias.name), whole], node)))
        return result

    def visit_ImportFrom(self, node: ast.ImportFrom) -> list[ast.stmt]:
        """`from a import b` likewise; relative imports and `*` are refused."""
        if node.module == "__future__":
            if not _FUTURES.issuperset(alias.name for alias in node.names):
                self.refuse(node, "this __future__ import is not available")
            return [ast.copy_location(ast.Pass(), node)]
        if node.level or node.module is None or getattr(node, "is_lazy", 0):
            self.refuse(node, "relative and lazy imports are not available: there is no package here")
        result: list[ast.stmt] = []
        for alias in node.names:
            if alias.name == "*":
                self.refuse(node, f"`from {node.module} import *` is not available: name what you need")
            name = alias.asname or alias.name
            self.check_roundabout(node, name)
            arguments = [ast.Constant(node.module), ast.Constant(alias.name)]
            result.append(self._bound(name, self.guarded("import_from", arguments, node)))
        return result

    def _bound(self, name: str, value: ast.expr) -> ast.stmt:
        return self.placed(ast.Assign(targets=[ast.Name(name, ast.Store())], value=value), value)

    # -- loops and ways out

    def _loop(self, node: Loop) -> Loop:
        self.scope.loops += 1
        node = self.contents(node)
        self.scope.loops -= 1
        return node

    def visit_For(self, node: ast.For) -> ast.stmt:
        """A loop."""
        return self._loop(node)

    def visit_While(self, node: ast.While) -> ast.stmt:
        """A loop."""
        return self._loop(node)

    def visit_AsyncFor(self, node: ast.AsyncFor) -> ast.stmt:
        """A loop over what the runtime knows how to wait for."""
        node = self._loop(node)
        node.iter = self.guarded("aiter", [node.iter], node.iter)
        return node

    def visit_Break(self, node: ast.Break | ast.Continue) -> list[ast.stmt]:
        """Leaving a `try` block settles the calls made in it."""
        block = self.scope.tries[-1] if self.scope.tries else None
        if block is None or block.loops != self.scope.loops:
            return [node]
        return [self._settled(block, node), node]

    visit_Continue = visit_Break

    def visit_Return(self, node: ast.Return) -> list[ast.stmt]:
        """The same for a `return` out of a `try` block, and for its value."""
        node = self.contents(node)
        if not self.scope.tries:
            return [node]
        block = self.scope.tries[-1]
        if node.value is None:  # in an async generator, the only `return` there is
            return [self._settled(block, node), node]
        node.value = self.guarded("leave", [ast.Name(block.token, ast.Load()), node.value], node)
        return [node]

    def _settled(self, block: Block, at: ast.AST) -> ast.stmt:
        return self.placed(ast.Expr(self.guarded("settle", [ast.Name(block.token, ast.Load())], at)), at)

    # -- try, with

    def visit_Try(self, node: ast.Try) -> list[ast.stmt]:
        """A `try` block with handlers ends by settling its calls, so that their errors surface inside it."""
        for statement in node.finalbody:
            if leaves_finally(statement):
                self.refuse(statement, "return, break and continue may not leave a `finally` block: use `except`")
        before: list[ast.stmt] = []
        if node.handlers:
            block = Block(self.fresh("try"), self.scope.loops)
            before.append(self._bound(block.token, self.guarded("mark", [], node)))
            self.scope.tries.append(block)
            node.body = [*self._visited(node.body), self._settled(block, node.body[-1])]
            self.scope.tries.pop()
        else:
            node.body = self._visited(node.body)
        node.handlers = [self.visit(handler) for handler in node.handlers]
        node.orelse = self._visited(node.orelse)
        node.finalbody = self._visited(node.finalbody)
        return [*before, node]

    def _visited(self, statements: Sequence[ast.stmt]) -> list[ast.stmt]:
        result: list[ast.stmt] = []
        for statement in statements:
            visited = self.visit(statement)
            result.extend(visited if isinstance(visited, list) else [visited] if visited is not None else [])
        return result

    def visit_TryStar(self, node: ast.AST) -> None:
        """Refused: it makes exception groups in C."""
        self.not_allowed(node)

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> ast.ExceptHandler:
        """A handler catches `Exception` at most; a bare one means that."""
        self.check_roundabout(node, node.name)
        known = node.name is not None and _is_builtin_error(node.type)
        self.caught += [node.name] if known and node.name else []
        node = self.contents(node)
        del self.caught[len(self.caught) - known :]
        caught = node.type or ast.copy_location(ast.Name(guard("Exception"), ast.Load()), node)
        node.type = self.guarded("catch", [caught], caught)
        return node

    def _with(self, node: With, manager: str) -> With:
        node = self.contents(node)
        for item in node.items:
            item.context_expr = self.guarded(manager, [item.context_expr], item.context_expr)
        return node

    def visit_With(self, node: ast.With) -> ast.stmt:
        """A `with` block; the manager sees errors, and can swallow nothing of ours."""
        return self._with(node, "manager")

    def visit_AsyncWith(self, node: ast.AsyncWith) -> ast.stmt:
        """The same, waiting."""
        return self._with(node, "amanager")

    # -- functions and classes

    def _function(self, node: Function) -> Function:
        if getattr(node, "type_params", None):
            self.refuse(node, "type parameters are not available: annotations are ignored here, leave them out")
        self.check_bind(node, node.name)
        self.parameters(node.args)
        node.decorator_list = self._decorators(node.decorator_list)
        node.returns = None
        with self.within(Scope("function", node.name, first_parameter(node.args))):
            node.body = self._visited(node.body)
        return node

    def _decorators(self, decorators: Sequence[ast.expr]) -> list[ast.expr]:
        """A decorator is a call that the source does not write as one."""
        return [self.guarded("call", [self.seen(decorator)], decorator) for decorator in decorators]

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.stmt:
        """A function."""
        return self._function(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.stmt:
        """A coroutine function, under the same rules."""
        return self._function(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.stmt:
        """A class is made by a guard; the annotated names of its body are its fields."""
        if getattr(node, "type_params", None):
            self.refuse(node, "type parameters are not available: annotations are ignored here, leave them out")
        self.check_roundabout(node, node.name)
        for keyword in node.keywords:
            if keyword.arg != "metaclass" or ast.unparse(keyword.value) not in {"ABCMeta", "abc.ABCMeta"}:
                self.refuse(node, "metaclasses and class arguments are not available: use a class decorator")
        node.bases = [self.seen(base) for base in node.bases]
        node.decorator_list = self._decorators(node.decorator_list)
        fields: list[ast.expr] = [ast.Constant(name) for name in _fields(node)]
        with self.within(Scope("class", node.name)):
            node.body = self._visited(node.body)
        table = ast.Assign(targets=[ast.Name(guard("fields"), ast.Store())], value=ast.Tuple(fields, ast.Load()))
        node.body.append(self.placed(table, node))
        metaclass = self.placed(ast.Name(guard("class"), ast.Load()), node)
        node.keywords = [self.placed(ast.keyword("metaclass", metaclass), node)]
        return node


def _is_builtin_error(node: ast.expr | None) -> bool:
    """Whether an `except` clause names nothing but errors of Python's own, whose attributes are known."""
    names = node.elts if isinstance(node, ast.Tuple) else [node]
    kinds = [getattr(builtins, name.id, None) if isinstance(name, ast.Name) else None for name in names]
    return all(isinstance(kind, type) and kind not in (Exception, BaseException) for kind in kinds)


def _fields(node: ast.ClassDef) -> list[str]:
    """The annotated names of a class body, in order, without class variables."""
    names = []
    for statement in node.body:
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            kind = ast.unparse(statement.annotation).partition("[")[0]
            if kind.rpartition(".")[2] != "ClassVar" and not is_dunder(statement.target.id):
                names.append(statement.target.id)
    return names
