"""Where in the model's own code something happened: the cell, the line, the text of the line."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from types import FrameType, TracebackType

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
