"""Methods that loops call most, looked up where they stand: a test of the owner's type instead of a guard's call.

`out.append(x)` becomes `(list.append if type(out) is list else guard)(out, x)`, with names that no code can
write. It does what the guard would do for that type, and leaves every other type to it. So with what is set on
an object (`self.n = x`), and with names whose value must not be lazy.
"""

from __future__ import annotations

import ast

from rlm_async.sandbox.handles import Handle
from rlm_async.sandbox.policy.names import guard

_TEXT = """strip lstrip rstrip lower upper title capitalize casefold split splitlines isdigit isalpha isalnum isupper
    islower isspace isnumeric startswith endswith find count"""
TEXT = frozenset(_TEXT.split())
"""Methods of str that cannot blow up and call nothing back."""
FUNCTIONS: dict[str, object] = {
    "kind": type,
    "handle": Handle,
    "list_append": list.append,
    **{f"str_{name}": getattr(str, name) for name in sorted(TEXT)},
}
"""What the tests and the direct calls are made of, by their guards' names."""


def inlined(owner: ast.expr, name: str, arguments: list[ast.expr], otherwise: ast.Call) -> ast.expr | None:
    """The call in place of `otherwise`, the guard's; None where that has to do.

    Only of a name, which may be read twice; of a text only with constants, which are never lazy.
    """
    if not isinstance(owner, ast.Name):
        return None
    if name == "append" and len(arguments) == 1:
        chosen = ast.IfExp(_is(owner, "list"), _named("list_append"), _named("append"))
        return ast.Call(chosen, [_again(owner), *arguments], [])
    if name in TEXT and all(isinstance(argument, ast.Constant) for argument in arguments):
        direct = ast.Call(_named(f"str_{name}"), [_again(owner), *arguments], [])
        return ast.IfExp(_is(owner, "str"), direct, otherwise)
    return None


def unless_lazy(value: ast.Name, real: ast.expr) -> ast.expr:
    """The value as it stands, or `real`, the touched one, where it is lazy."""
    kind = ast.Call(_named("kind"), [_again(value)], [])
    return ast.IfExp(ast.Compare(kind, [ast.Is()], [_named("handle")]), real, _again(value))


def if_own(owner: ast.Name, otherwise: ast.expr) -> ast.expr:
    """An object of one of the code's own classes, whose attributes it may set; else what the guard says."""
    kind = ast.Call(_named("kind"), [_again(owner)], [])
    return ast.IfExp(ast.Compare(kind, [ast.In()], [_named("own")]), _again(owner), otherwise)


def _is(owner: ast.Name, kind: str) -> ast.Compare:
    return ast.Compare(ast.Call(_named("kind"), [_again(owner)], []), [ast.Is()], [_named(kind)])


def _again(owner: ast.Name) -> ast.Name:
    return ast.copy_location(ast.Name(owner.id, ast.Load()), owner)


def _named(name: str) -> ast.Name:
    return ast.Name(guard(name), ast.Load())
