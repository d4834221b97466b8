"""The grammar's expressions: attributes, calls, operators and f-strings, rewritten to go through the guards."""

# ruff: noqa: N802, N815  # visitors are named after the nodes of ast

from __future__ import annotations

import ast
from collections.abc import Iterator

from rlm_async.sandbox.policy.inlined import if_own, inlined
from rlm_async.sandbox.policy.names import CALLED_DUNDERS, INTERNALS, TEXT_DUNDERS, is_dunder, is_guard_like
from rlm_async.sandbox.policy.refusals import ATTRIBUTES, with_hint
from rlm_async.sandbox.policy.rules import Rules, Scope
from rlm_async.sandbox.policy.templates import constant_template, internal_field
from rlm_async.sandbox.policy.widths import constant_spec_is_small

FUSED = 3
"""Methods with up to so many plain arguments are looked up and called by one guard."""

BOUNDED = {ast.Mult: "*", ast.Pow: "**", ast.LShift: "<<", ast.Mod: "%"}
"""Operators whose result can be far larger than their operands."""

_CONVERSIONS = {-1: "text", ord("s"): "string", ord("r"): "shown", ord("a"): "ascii"}
_SMALL = 16
_OPERATORS = {"*": "multiply", "**": "power", "<<": "shift", "%": "modulo"}


class Expressions(Rules):
    """Visitors for expressions. A visited node is never visited again."""

    def visit_Name(self, node: ast.Name) -> ast.expr:
        """A name; `__name__` is the text it has in a script."""
        if isinstance(node.ctx, ast.Del):
            self.check_roundabout(node, node.id)
        elif isinstance(node.ctx, ast.Store):
            self.check_bind(node, node.id)
        elif node.id == "__name__":
            return ast.copy_location(ast.Constant("__main__"), node)
        elif node.id == "super":
            self.refuse(node, "super() can only be called, as super().method(...), inside a method")
        else:
            self.check_read(node, node.id)
        return node

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        """`x.a` is read through a guard, and written on an object that a guard lets pass."""
        if not isinstance(node.ctx, ast.Load):
            self._check_attribute(node)
            owner = self.seen(node.value)
            written = self.guarded("write", [owner], node)
            node.value = self.placed(if_own(owner, written), node) if isinstance(owner, ast.Name) else written
            return node
        if node.attr in TEXT_DUNDERS:
            return self.guarded("nameof", [self._owner(node.value), ast.Constant(node.attr)], node)
        if node.attr == "__class__" and isinstance(node.value, ast.Name) and node.value.id in {"self", "cls", "other"}:
            return self.guarded("typeof", [self.seen(node.value)], node)
        self._check_attribute(node)
        name = ast.Constant(self.own_attribute(node.attr))
        return self.guarded("getattr", [self._object(node.value), name], node)

    def _owner(self, node: ast.expr) -> ast.expr:
        """What a text attribute is read of: `x.__class__` is allowed here."""
        if isinstance(node, ast.Attribute) and node.attr == "__class__":
            return self.guarded("typeof", [self.seen(node.value)], node)
        return self._object(node)

    def _object(self, node: ast.expr) -> ast.expr:
        """What stands before a dot: `super()` is allowed here."""
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "super":
            return self._super(node)
        return self.seen(node)

    def _super(self, node: ast.Call) -> ast.expr:
        if node.args or node.keywords:
            arguments = [self.seen(argument) for argument in node.args]
            if node.keywords or len(arguments) != 2:  # noqa: PLR2004  # super(Class, self)
                self.refuse(node, "super() takes no arguments, or a class and an object")
            return self.guarded("super", arguments, node)
        if self.class_name is None or not self.scope.first:
            self.refuse(node, "super() can only be called inside a method")
        cell, first = ast.Name("__class__", ast.Load()), ast.Name(self.scope.first or "self", ast.Load())
        return self.guarded("super", [cell, first], node)

    def _check_attribute(self, node: ast.Attribute) -> None:
        if is_dunder(node.attr) or is_guard_like(node.attr):
            self.refuse(node, with_hint(f'the attribute "{node.attr}" is not available', ATTRIBUTES, node.attr))
        elif node.attr in INTERNALS and isinstance(node.value, ast.Name) and node.value.id in self.caught:
            self.refuse(node, f'errors have no "{node.attr}" here: str(e) and type(e).__name__ are available')

    # -- calls

    def visit_Call(self, node: ast.Call) -> ast.expr:
        """Every call: of a method through one fused guard, of anything else after a guard has seen it."""
        function = node.func
        if isinstance(function, ast.Attribute) and function.attr not in TEXT_DUNDERS:
            self._check_template(node)
            return self._method_call(node, function)
        if isinstance(function, ast.Name) and function.id == "super":
            self.refuse(node, "super() can only be used as super().method(...)")
        late = "" if _is_still(node) else "_late"
        node.func = self.guarded(f"call{late}", [self.seen(function)], function)
        return self._arguments(node)

    def _check_template(self, node: ast.Call) -> None:
        template = constant_template(node)
        name = None if template is None else internal_field(template)
        if name is not None:
            self.refuse(node, with_hint(f'the attribute "{name}" is not available', ATTRIBUTES, name))

    def _arguments(self, node: ast.Call) -> ast.expr:
        node.args = [self.seen(argument) for argument in node.args]
        for keyword in node.keywords:
            value = self.seen(keyword.value)
            keyword.value = value if keyword.arg is not None else self.touched(value)
        return node

    def _method_call(self, node: ast.Call, function: ast.Attribute) -> ast.expr:
        owner = self._object(function.value)
        if is_dunder(function.attr) and function.attr in CALLED_DUNDERS:
            node.func = self.guarded("dunder", [owner, ast.Constant(function.attr)], function)
            return self._arguments(node)
        if not (function.attr == "__class__" and isinstance(function.value, ast.Name) and function.value.id == "self"):
            self._check_attribute(function)
        else:
            node.func = self.guarded("call", [self.guarded("typeof", [owner], function)], function)
            return self._arguments(node)
        name = ast.Constant(self.own_attribute(function.attr))
        plain = not node.keywords and not any(isinstance(argument, ast.Starred) for argument in node.args)
        if plain and len(node.args) <= FUSED:
            arguments = [self.seen(argument) for argument in node.args]
            call = self.guarded(f"method{len(arguments)}", [owner, name, *arguments], node)
            direct = inlined(owner, function.attr, arguments, call)
            return call if direct is None else self.placed(direct, node)
        late = "" if _is_still(node) else "_late"
        node.func = self.guarded(f"method{late}", [owner, name], function)
        return self._arguments(node)

    def visit_Lambda(self, node: ast.Lambda) -> ast.expr:
        """A lambda: its parameters are names like any other."""
        self.parameters(node.args)
        with self.within(Scope("function", first=first_parameter(node.args))):
            node.body = self.seen(node.body)
        return node

    def parameters(self, arguments: ast.arguments) -> None:
        """Check parameter names, drop annotations, visit defaults in the scope outside."""
        every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]
        for argument in every:
            if argument is not None:
                self.check_parameter(argument)
        arguments.defaults = [self.seen(default) for default in arguments.defaults]
        arguments.kw_defaults = [None if default is None else self.seen(default) for default in arguments.kw_defaults]

    def check_parameter(self, argument: ast.arg) -> None:
        """One parameter; its annotation is dropped, not evaluated."""
        argument.annotation = None
        with self.within(Scope("function")):
            self.check_bind(argument, argument.arg)

    # -- operators

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        """Operators that can explode are bounded at run time, unless the source shows that they cannot."""
        symbol = BOUNDED.get(type(node.op))
        harmless = symbol is None or _cannot_explode(symbol, node.left, node.right)
        node = self.contents(node)
        if isinstance(node.op, ast.RShift | ast.MatMult):
            node.left, node.right = self.touched(node.left), self.touched(node.right)
        if symbol is None or harmless:
            return node
        return self.guarded(_OPERATORS[symbol], [node.left, node.right], node)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.expr:
        """`-x` needs the real value; `not x` asks it for its truth."""
        node = self.contents(node)
        if not isinstance(node.op, ast.Not):
            node.operand = self.touched(node.operand)
        return node

    def visit_Compare(self, node: ast.Compare) -> ast.expr:
        """`in` needs the real value on its left, `is` on both sides."""
        node = self.contents(node)
        operands = [node.left, *node.comparators]
        for index, operator in enumerate(node.ops):
            if isinstance(operator, ast.In | ast.NotIn | ast.Is | ast.IsNot):
                operands[index] = self.touched(operands[index])
            if isinstance(operator, ast.Is | ast.IsNot):
                operands[index + 1] = self.touched(operands[index + 1])
        node.left, *node.comparators = operands
        return node

    def visit_Subscript(self, node: ast.Subscript) -> ast.expr:
        """`x[i]` is read as it stands; it is written on the real value."""
        node = self.contents(node)
        if not isinstance(node.ctx, ast.Load):
            node.value = self.touched(node.value)
        return node

    def visit_Dict(self, node: ast.Dict) -> ast.expr:
        """A dict; `**x` in it needs the real value."""
        node.keys = [None if key is None else self.seen(key) for key in node.keys]
        values = [self.seen(value) for value in node.values]
        node.values = [
            value if key is not None else self.touched(value) for key, value in zip(node.keys, values, strict=True)
        ]
        return node

    # -- f-strings

    def visit_FormattedValue(self, node: ast.FormattedValue) -> ast.expr:
        """A field of an f-string: widths are bounded, and no text holds an address."""
        value = self.seen(node.value)
        spec = node.format_spec
        if spec is None or constant_spec_is_small(spec):
            name = _CONVERSIONS[node.conversion]
            plain = spec is not None and node.conversion == -1
            node.value = value if plain else self.guarded(name, [value], node.value)
            node.conversion = -1
            return node
        spec = self.seen(spec)
        conversion = ast.Constant("" if node.conversion == -1 else chr(node.conversion))
        node.value = self.guarded("format", [value, spec, conversion], node.value)
        node.conversion, node.format_spec = -1, None
        return node

    def visit_TemplateStr(self, node: ast.AST) -> None:
        """Refused: they hand out objects that other code would have to render."""
        self.not_allowed(node)

    visit_Interpolation = visit_TemplateStr

    # -- comprehensions, waiting

    def visit_comprehension(self, node: ast.comprehension) -> ast.comprehension:
        """A loop in a comprehension."""
        node = self.contents(node)
        if node.is_async:
            node.iter = self.guarded("aiter", [node.iter], node.iter)
        return node

    def visit_Await(self, node: ast.Await) -> ast.expr:
        """Only what the runtime knows how to wait for is waited for."""
        node = self.contents(node)
        node.value = self.guarded("await", [node.value], node.value)
        return node

    def visit_NamedExpr(self, node: ast.NamedExpr) -> ast.expr:
        """`(x := ...)`."""
        return self.contents(node)


def first_parameter(arguments: ast.arguments) -> str:
    """The name of a function's first positional parameter, or ""."""
    positional = [*arguments.posonlyargs, *arguments.args]
    return positional[0].arg if positional else ""


def slice_value(rules: Rules, node: ast.expr) -> ast.expr:
    """A visited subscript as a value: `a:b` becomes a slice object."""
    if isinstance(node, ast.Slice):
        parts = [part or ast.Constant(None) for part in (node.lower, node.upper, node.step)]
        return rules.guarded("slice", parts, node)
    if isinstance(node, ast.Tuple):
        node.elts = [slice_value(rules, part) for part in node.elts]
    return node


_STILL = (
    ast.Constant, ast.Name, ast.Lambda, ast.BinOp, ast.UnaryOp, ast.Compare, ast.BoolOp, ast.IfExp, ast.Subscript,
    ast.Slice, ast.JoinedStr, ast.FormattedValue, ast.List, ast.Tuple, ast.Set, ast.Dict, ast.Starred, ast.operator,
    ast.unaryop, ast.boolop, ast.cmpop, ast.expr_context,
)  # fmt: skip


def _is_still(call: ast.Call) -> bool:
    """Whether computing a call's arguments calls nothing: no lazy value can come up in between."""
    values = [*call.args, *(keyword.value for keyword in call.keywords)]
    return all(isinstance(part, _STILL) for value in values for part in _outside_lambdas(value))


def _outside_lambdas(node: ast.expr) -> Iterator[ast.AST]:
    todo: list[ast.AST] = [node]
    while todo:
        part = todo.pop()
        yield part
        if not isinstance(part, ast.Lambda):
            todo.extend(ast.iter_child_nodes(part))


def _cannot_explode(symbol: str, left: ast.expr, right: ast.expr) -> bool:
    if symbol == "%":
        return _number(left) is not None
    if symbol == "*":
        return any(_tiny(side) for side in (left, right))
    if symbol == "**":
        exponent = _number(right)
        return isinstance(exponent, float) or (_tiny(left) and _tiny(right))
    return _tiny(left) and _tiny(right)


def _number(node: ast.expr) -> int | float | None:
    value = node.value if isinstance(node, ast.Constant) else None
    return value if isinstance(value, int | float) else None


def _tiny(node: ast.expr) -> bool:
    value = _number(node)
    return value is not None and (isinstance(value, float) or abs(value) <= _SMALL)
