"""How a cell ended, in the words of `rlm_async`."""

from __future__ import annotations

from dataclasses import dataclass

from rlm_async.core.transcript import CodeError, OutcomeKind

_LONGEST = 2_000
_LOST = "What it assigned is lost; variables are as they were before the cell."
_OUT_OF_TIME = ("feed time limit exceeded", "turn time limit exceeded")
_WITHHELD = ("is not supported in this environment", "not supported", "not yet implemented")


@dataclass(frozen=True, slots=True)
class Ended:
    """An outcome with its error; `lost` where the cell's worker is not to be used again."""

    outcome: OutcomeKind = "ok"
    error: CodeError | None = None
    lost: str = ""


def ended(kind: str, message: str, line: int = 0, source: str = "") -> Ended:
    """What a Monty error comes to."""
    error = CodeError(kind, clipped(message, _LONGEST), line, source)
    if kind == "Crashed" or (kind == "TimeoutError" and message.startswith(_OUT_OF_TIME)):
        return Ended("killed", CodeError("Stopped", f"the cell was stopped: {message}"), _LOST)
    if kind in {"MemoryError", "RecursionError"}:
        return Ended("contained", error)
    if kind in {"PermissionError", "ModuleNotFoundError"} or any(words in message for words in _WITHHELD):
        return Ended("refused", error)
    return Ended("error", error)


def clipped(text: str, most: int) -> str:
    """Head and tail of a text that is too long."""
    if len(text) <= most:
        return text
    half = most // 2
    return f"{text[:half]}\n… {len(text) - 2 * half:,} characters left out …\n{text[-half:]}"
