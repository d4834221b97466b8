"""Which way a copy takes where the code asks an unknown for its truth, and where running ahead could find anything.

Read off each cell's source before it is compiled. A test is known by its place in the source, which the
compiled instruction still carries (`code.co_positions`), so the code that really runs pays nothing for it.
"""

from __future__ import annotations

import ast
import dis
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from types import CodeType, FrameType

from rlm_async.sandbox.places import PREFIX
from rlm_async.sandbox.shadows import leaves

_ASKING = frozenset({"llm_query", "rlm_query", "llm_query_batched", "rlm_query_batched"})
_LEAVES = (ast.Break, ast.Return, ast.Raise)
_LOOPS = (ast.For, ast.AsyncFor, ast.While, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp, ast.Lambda)
"""What may run a line again; a lambda because C code may (`sorted(key=)`)."""
_OWN_FRAME = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
_PATIENCE = 5_000
"""Ways taken in a row without a new hint, after which a copy has lost itself."""

Spot = tuple[int | None, int | None, int | None, int | None]


@dataclass(frozen=True, slots=True)
class Way:
    """What to take a test for, and whether it decides if a loop goes on at all."""

    truth: bool
    leaving: bool = False


@dataclass(slots=True)
class Map:
    """One cell: its tests, the lines that may ask, the loops (first and last line) that hold such a line."""

    ways: dict[Spot, Way] = field(default_factory=dict)
    tests: dict[Spot, list[Way]] = field(default_factory=dict)
    """Statements whose jumps are all said to be at the statement's own place: the parts of its test, in order."""
    asks: list[int] = field(default_factory=list)
    loops: list[tuple[int, int]] = field(default_factory=list)


class Roads:
    """The maps of all cells of a namespace, and where the copy is on them."""

    def __init__(self) -> None:
        self._maps: dict[str, Map] = {}
        self._askers: set[str] = set(_ASKING)
        """Names by which code may ask: the queries, and functions of its own that use them."""
        self._spots: dict[CodeType, list[Spot]] = {}
        self._jumps: dict[tuple[CodeType, Spot], list[int]] = {}
        self._taken = 0
        self.sure = True
        """Whether no test so far could have ended a loop."""

    def add(self, filename: str, tree: ast.AST, tools: Iterable[str] = ()) -> None:
        """Take note of a cell, as its author wrote it."""
        self._askers.update(tools)
        while more := {name for name in _askers(tree, self._askers) if name not in self._askers}:
            self._askers |= more
        found = Map()
        _Reader(found, self._askers).visit(tree)
        lines = [node.lineno for node in ast.walk(tree) if isinstance(node, ast.expr) and _asks(node, self._askers)]
        spans = [(node.lineno, node.end_lineno or node.lineno) for node in ast.walk(tree) if isinstance(node, _LOOPS)]
        found.asks = sorted(lines)
        found.loops = [(first, last) for first, last in spans if any(first <= line <= last for line in lines)]
        self._maps[filename] = found

    def lead_on(self, frames: Iterable[FrameType]) -> bool:
        """Whether the code that stands here may still ask something further on."""
        for frame in frames:
            found = self._maps.get(frame.f_code.co_filename)
            if found is not None:
                line = frame.f_lineno
                if any(line < ask for ask in found.asks) or any(first <= line <= last for first, last in found.loops):
                    return True
        return False

    def decide(self, frame: FrameType) -> bool:
        """The truth of an unknown for the instruction that asks."""
        self._taken += 1
        found = self._maps.get(frame.f_code.co_filename)
        if found is None or not frame.f_code.co_filename.startswith(PREFIX):
            return False
        way = self._way(found, frame)
        if way.leaving:
            self.sure = False
        return way.truth

    @property
    def lost(self) -> bool:
        """Whether the copy goes in circles."""
        return self._taken > _PATIENCE

    def found(self) -> None:
        """A hint was found: the copy is on its way."""
        self._taken = 0

    def _way(self, found: Map, frame: FrameType) -> Way:
        at = frame.f_lasti // 2
        spots = self._spots_of(frame.f_code)
        spot = spots[at] if 0 <= at < len(spots) else _NOWHERE
        parts = found.tests.get(spot)
        if not parts:
            return found.ways.get(spot, _STAY)
        jumps = self._jumps.get((frame.f_code, spot))
        if jumps is None:
            code = frame.f_code.co_code
            jumps = [i for i, other in enumerate(spots) if other == spot and code[2 * i] in _CONDITIONAL]
            self._jumps[frame.f_code, spot] = jumps
        return parts[jumps.index(at) % len(parts)] if at in jumps else found.ways.get(spot, _STAY)

    def _spots_of(self, code: CodeType) -> list[Spot]:
        spots = self._spots.get(code)
        if spots is None:
            spots = self._spots[code] = list(code.co_positions())
        return spots


_STAY = Way(truth=False)
_NOWHERE: Spot = (None, None, None, None)
_CONDITIONAL = frozenset(
    number for name, number in dis.opmap.items() if "JUMP" in name and ("IF_TRUE" in name or "IF_FALSE" in name)
)
"""Instructions that ask for a truth. A compiler may write a test twice, so parts are counted round and round."""


def _asks(node: ast.AST, askers: set[str]) -> bool:
    if isinstance(node, ast.Name):
        return isinstance(node.ctx, ast.Load) and node.id in askers
    return isinstance(node, ast.Attribute) and node.attr in askers


def _askers(tree: ast.AST, askers: set[str]) -> Iterable[str]:
    """Functions, methods and named lambdas in whose bodies something asks."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            if any(_asks(part, askers) for part in ast.walk(node)):
                yield node.name
        elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Lambda | ast.Call | ast.Name):
            targets = [target.id for target in node.targets if isinstance(target, ast.Name)]
            hands_on = not isinstance(node.value, ast.Call) or _is_partial(node.value)
            if hands_on and any(_asks(part, askers) for part in ast.walk(node.value)):
                yield from targets


def _is_partial(node: ast.Call) -> bool:
    return ast.unparse(node.func) in {"partial", "functools.partial"}


class _Reader(ast.NodeVisitor):
    """Writes down the way for each test of a cell."""

    def __init__(self, found: Map, askers: set[str]) -> None:
        self._found = found
        self._askers = askers
        self._loops = 0

    def generic_visit(self, node: ast.AST) -> None:
        """Everything else; a function begins outside of all loops."""
        loops = self._loops
        if isinstance(node, _OWN_FRAME):
            self._loops = 0
        elif isinstance(node, ast.For | ast.AsyncFor | ast.While):
            self._loops += 1
        super().generic_visit(node)
        self._loops = loops

    def visit_If(self, node: ast.If) -> None:
        """The side that leaves the least, asks the least, skips the least."""
        body, other = self._weight(node.body), self._weight(node.orelse)
        leaving = self._loops > 0 and (body[0] or other[0])
        self._test(node, Way(truth=body < other, leaving=leaving))
        self.generic_visit(node)

    def visit_While(self, node: ast.While) -> None:
        """On with it."""
        self._test(node, Way(truth=True, leaving=True))
        self.generic_visit(node)

    def visit_Assert(self, node: ast.Assert) -> None:
        """It holds."""
        self._test(node, Way(truth=True))
        self.generic_visit(node)

    def visit_IfExp(self, node: ast.IfExp) -> None:
        """The side that asks less."""
        self._test(node, Way(truth=self._weight([node.body]) < self._weight([node.orelse])))
        self.generic_visit(node)

    def visit_BoolOp(self, node: ast.BoolOp) -> None:
        """As a value: `or` and `and` both end with the unknown."""
        self._found.ways.setdefault(_spot(node), Way(truth=isinstance(node.op, ast.Or)))
        for value in node.values[:-1]:
            self._mark(value, Way(truth=isinstance(node.op, ast.Or)))
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        """`any`, `all` and `next` may stop at any item: they go on."""
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        first = node.args[0] if node.args else None
        if name in {"any", "all", "next"} and isinstance(first, ast.GeneratorExp):
            for test in [part for generator in first.generators for part in generator.ifs]:
                self._mark(test, Way(truth=name == "all", leaving=name == "next"))
            if name != "next":
                self._mark(first.elt, Way(truth=name == "all", leaving=True))
        self.generic_visit(node)

    def _weight(self, nodes: Sequence[ast.AST]) -> tuple[bool, bool, bool]:
        """Whether it leaves a loop or function, whether it may ask, whether it skips the rest of a pass."""
        return (
            any(leaves(node, *_LEAVES) for node in nodes),
            any(_asks(part, self._askers) for node in nodes for part in ast.walk(node)),
            any(leaves(node, ast.Continue) for node in nodes),
        )

    def _test(self, node: ast.If | ast.While | ast.Assert | ast.IfExp, way: Way) -> None:
        """Compilers put the jumps of a test at its own place, or at that of the statement that it belongs to."""
        self._mark(node.test, way)
        self._found.tests[_spot(node)] = list(_parts(node.test, way))

    def _mark(self, test: ast.expr, way: Way) -> None:
        other = Way(not way.truth, way.leaving)
        if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
            self._mark(test.operand, other)
            self._found.ways.setdefault(_spot(test), other)
        elif isinstance(test, ast.BoolOp):
            for value in test.values:
                self._mark(value, way)
        elif isinstance(test, ast.Compare) and isinstance(test.ops[-1], ast.NotIn):
            self._found.ways.setdefault(_spot(test), other)  # what is asked for is `in`; the `not` comes after
        else:
            if isinstance(test, ast.NamedExpr):
                self._mark(test.value, way)
            self._found.ways.setdefault(_spot(test), way)


def _parts(test: ast.expr, way: Way) -> Iterator[Way]:
    """The way for each jump of a test, in the order in which they are asked."""
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        yield from _parts(test.operand, Way(not way.truth, way.leaving))
    elif isinstance(test, ast.BoolOp):
        for value in test.values:
            yield from _parts(value, way)
    elif isinstance(test, ast.Compare):
        yield from [way] * len(test.ops)
    else:
        yield way


def _spot(node: ast.expr | ast.stmt) -> Spot:
    return (node.lineno, node.end_lineno, node.col_offset, node.end_col_offset)
