"""Model-written source, checked, rewritten and compiled: a cell is what the interpreter runs."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from types import CodeType

from rlm_async.sandbox.policy.nesting import check_nesting, too_deep
from rlm_async.sandbox.policy.patterns import Grammar
from rlm_async.sandbox.policy.refusals import PolicyError

MOST_CHARACTERS = 200_000
MOST_NODES = 100_000
DEEPEST = 150
"""Nested nodes; the visitors recurse, so this stays well under Python's own limit."""
SHOWN_REFUSALS = 4


@dataclass(frozen=True, slots=True)
class Cell:
    """Compiled code: run `code`, then evaluate `echo`, the last expression, if there is one.

    Either may be a coroutine (`co_flags & CO_COROUTINE`) where the source awaits at top level.
    """

    code: CodeType
    echo: CodeType | None
    lines: tuple[str, ...]


Rewrite = Callable[[ast.Module], ast.Module]


def compile_cell(source: str, filename: str, *, before: Rewrite | None = None) -> Cell:
    """Compile model-written source under the policy.

    `before` may rewrite the parsed tree first; what it makes is checked and guarded like the rest. Raises
    PolicyError for what the sandbox does not allow, SyntaxError for what no Python accepts, MemoryError for
    code that is nested too deeply.
    """
    if len(source) > MOST_CHARACTERS:
        raise PolicyError(f"the code has {len(source):,} characters; at most {MOST_CHARACTERS:,} are accepted")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # "\d" in a plain string is a warning that nobody here would read
        try:
            return _compiled(source, filename, before)
        except (RecursionError, MemoryError):
            pass  # answered below, outside of the deep stack
    raise too_deep()


def _compiled(source: str, filename: str, before: Rewrite | None) -> Cell:
    check_nesting(source)
    tree = _parsed(source, filename)
    _measure(tree)
    if before is not None:
        tree = before(tree)
    grammar = Grammar()
    tree = grammar.visit(tree)
    if grammar.errors:
        shown = grammar.errors[:SHOWN_REFUSALS]
        more = len(grammar.errors) - len(shown)
        raise PolicyError("; ".join(shown) + (f"; and {more} more" if more else ""))
    ast.fix_missing_locations(tree)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    echo = None
    if isinstance(last, ast.Expr):
        echo = _code(ast.Expression(last.value), filename, "eval")
    return Cell(_code(tree, filename, "exec"), echo, tuple(source.splitlines()))


def _code(tree: ast.Module | ast.Expression, filename: str, mode: str) -> CodeType:
    flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    code: CodeType = compile(tree, filename, mode, flags=flags, dont_inherit=True)
    return code


def _parsed(source: str, filename: str) -> ast.Module:
    try:
        return ast.parse(source, filename, "exec")
    except (ValueError, UnicodeError) as error:  # null bytes before 3.12; lone surrogates
        text = "the source holds characters that are no text (null bytes or lone surrogates)"
        raise SyntaxError(text) from error


def _measure(tree: ast.Module) -> None:
    """Refuse a tree that is too large or too deep, without recursion."""
    layer: list[ast.AST] = [tree]
    nodes = depth = 0
    while layer:
        nodes += len(layer)
        if nodes > MOST_NODES:
            raise PolicyError("the code is too large: put data into `context`, not into code")
        if depth > DEEPEST:
            raise too_deep()
        layer = [child for node in layer for child in _children(node)]
        depth += 1


def _children(node: ast.AST) -> list[ast.AST]:
    """The nodes right below one, without `ctx`; quicker than ast.iter_child_nodes."""
    found: list[ast.AST] = []
    for name in node._fields:
        value = getattr(node, name, None)
        if type(value) is list:
            found += [item for item in value if isinstance(item, ast.AST)]
        elif isinstance(value, ast.AST) and name != "ctx":
            found.append(value)
    return found
