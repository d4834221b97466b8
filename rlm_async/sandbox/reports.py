"""What is told of a failed cell: type, message and line of the model's own code, never a frame of ours."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from rlm_async.sandbox.faults import QueryError
from rlm_async.sandbox.output import clipped
from rlm_async.sandbox.places import Place, trace

MESSAGE_CHARACTERS = 2_000
_SOURCE_CHARACTERS = 300
_LINE = re.compile(r"\b[Ll]ine (\d+): ?")

Report = dict[str, object]


def report(error: BaseException, cell: str, sources: Mapping[str, Sequence[str]]) -> Report:
    """An exception as plain data; `cell` is the file name of the running cell, `sources` the lines of all cells.

    The line is the innermost one in the running cell. Where the error arose in a function of an earlier
    cell, the message says so and shows that line.
    """
    places = _places(error)
    message = _message(error)
    own = next((place for place in places if place.filename == cell), None)
    if places and places[0].filename != cell:
        inner = places[0]
        message = f"{message} [in {inner.function}(), from an earlier block: {_source(inner, sources).strip()}]".strip()
    if own is None:
        return told(type(error).__name__, message)
    return told(type(error).__name__, message, own.line, _source(own, sources))


def _places(error: BaseException) -> Sequence[Place]:
    if isinstance(error, QueryError) and isinstance(error.place, tuple):
        return [place for place in error.place if isinstance(place, Place)]
    return trace(error.__traceback__)


def _message(error: BaseException) -> str:
    try:
        return clipped(str(error), MESSAGE_CHARACTERS)
    except Exception:  # noqa: BLE001  # the model's own __str__ may fail
        return "(its message cannot be shown)"


def _source(place: Place, sources: Mapping[str, Sequence[str]]) -> str:
    lines = sources.get(place.filename, ())
    return lines[place.line - 1] if 0 < place.line <= len(lines) else ""


def syntax(error: SyntaxError, source: str) -> Report:
    """A syntax error with its line."""
    line = error.lineno or 0
    lines = source.splitlines()
    text = lines[line - 1] if 0 < line <= len(lines) else error.text or ""
    return told(type(error).__name__, clipped(error.msg or "invalid syntax", MESSAGE_CHARACTERS), line, text)


def refusal(error: Exception, source: str) -> Report:
    """A refusal of the policy; its text may name a line."""
    text = str(error)
    found = _LINE.search(text)
    line = int(found.group(1)) if found else 0
    lines = source.splitlines()
    return told(
        type(error).__name__,
        clipped(_LINE.sub("", text, count=1) if found else text, MESSAGE_CHARACTERS),
        line,
        lines[line - 1] if 0 < line <= len(lines) else "",
    )


def told(kind: str, message: str, line: int = 0, source: str = "") -> Report:
    """The four fields of an error."""
    return {"type": kind, "message": message, "line": line, "source": source[:_SOURCE_CHARACTERS]}
