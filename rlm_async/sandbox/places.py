"""Where in the model's own code something happens: the cell, the line, and whether an error there may be caught."""

from __future__ import annotations

import ast
import sys
from dataclasses import dataclass
from types import CodeType, FrameType, TracebackType

PREFIX = "<cell "
"""Code objects of cells are named `<cell 1>`, `<cell 2>`, ...; everything else is ours."""


@dataclass(frozen=True, slots=True)
class Place:
    """A line of a cell: its file name, the 1-based line, and the function it stands in."""

    filename: str
    line: int
    function: str = "<module>"


def here() -> tuple[Place, ...]:
    """The model's lines that led to this call, innermost first."""
    places = []
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001  # the documented way to look at the stack cheaply
    while frame is not None:
        if frame.f_code.co_filename.startswith(PREFIX):
            places.append(Place(frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_name))
        frame = frame.f_back
    return tuple(places)


def trace(traceback: TracebackType | None) -> tuple[Place, ...]:
    """The model's lines in a traceback, innermost first."""
    places = []
    while traceback is not None:
        code = traceback.tb_frame.f_code
        if code.co_filename.startswith(PREFIX):
            places.append(Place(code.co_filename, traceback.tb_lineno, code.co_name))
        traceback = traceback.tb_next
    return tuple(reversed(places))


_HARMLESS = frozenset(
    {"ThreadPoolExecutor", "ProcessPoolExecutor", "Lock", "RLock", "Semaphore", "StringIO", "nullcontext"}
)
"""Managers that swallow no error."""

Lines = tuple[int, int]


def guarded_lines(tree: ast.AST) -> list[Lines]:
    """First and last lines of the blocks in which an error may be caught: bodies of `try` and of most `with`."""
    blocks = [
        node.body
        for node in ast.walk(tree)
        if (isinstance(node, ast.Try) and node.handlers) or (isinstance(node, ast.With) and not _is_harmless(node))
    ]
    return [(block[0].lineno, block[-1].end_lineno or block[-1].lineno) for block in blocks]


def _is_harmless(node: ast.With) -> bool:
    functions = [item.context_expr.func for item in node.items if isinstance(item.context_expr, ast.Call)]
    names = [
        function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "") for function in functions
    ]
    return len(names) == len(node.items) and _HARMLESS.issuperset(names)


class Regions:
    """The guarded lines of all cells of a namespace."""

    def __init__(self, boundary: CodeType) -> None:
        self._boundary = boundary
        """Code of ours below which another task's stack begins."""
        self._lines: dict[str, list[Lines]] = {}

    def add(self, filename: str, tree: ast.AST) -> None:
        """Take note of a cell."""
        lines = guarded_lines(tree)
        if lines:
            self._lines[filename] = lines

    def inside(self) -> bool:
        """Whether an error raised now could be caught by the code that led here."""
        if not self._lines:
            return False
        frame: FrameType | None = sys._getframe(1)  # noqa: SLF001  # as above
        while frame is not None and frame.f_code is not self._boundary:
            line = frame.f_lineno
            if any(first <= line <= last for first, last in self._lines.get(frame.f_code.co_filename, ())):
                return True
            frame = frame.f_back
        return False
