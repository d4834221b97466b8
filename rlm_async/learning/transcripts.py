"""A run in words, for a model that is asked what went wrong in it."""

from __future__ import annotations

from rlm_async.core import events
from rlm_async.learning.rolling import Rolled

CELL, OUTPUT, SAID = 1_500, 600, 300
"""Characters of each that are told."""
CELLS = 6


def told(one: Rolled) -> str:
    """Question, the root's code with what it printed or how it failed, the answer, and the right one."""
    parts = [f"Question: {_clipped(one.item.question, CELL)}"]
    code: dict[int, str] = {}
    for event in one.answer.trace:
        if isinstance(event, events.CellStarted) and event.node == 0:
            code[event.cell] = event.code
        elif isinstance(event, events.CellEnded) and event.node == 0 and len(parts) <= CELLS:
            output = event.output
            shown = output.stdout if output.error is None else str(output.error)
            parts.append(f"Code:\n{_clipped(code.get(event.cell, ''), CELL)}\nOutput:\n{_clipped(shown, OUTPUT)}")
    parts.append(outcome(one))
    return "\n\n".join(parts)


def outcome(one: Rolled) -> str:
    """What was answered, what is right, and the score."""
    answer = one.answer
    said = _clipped(answer.text, SAID) if answer.error is None else f"({type(answer.error).__name__}: {answer.error})"
    limit = f" The limit of {answer.limit} was hit." if answer.limit else ""
    gold = _clipped(one.item.gold, SAID)
    return f"Answer: {said}\nRight answer: {gold}\nScore: {one.score:.2f} of 1. {one.calls} model calls.{limit}"


def _clipped(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most // 2]} … {text[-most // 2 :]}"
