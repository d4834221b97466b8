"""What one node has said and seen so far."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from rlm_async.core.data import Data

OutcomeKind = Literal["ok", "error", "refused", "contained", "killed"]


@dataclass(frozen=True, slots=True)
class CodeError:
    """An error of model-written code: type, message, and the line of its own code (1-based; 0 unknown)."""

    type: str
    message: str
    line: int = 0
    source: str = ""
    """The text of that line."""

    def __str__(self) -> str:
        """As the model is shown it."""
        place = f" (line {self.line}: {self.source.strip()})" if self.line else ""
        return f"{self.type}: {self.message}{place}"


@dataclass(frozen=True, slots=True)
class Submission:
    """An answer that code has given: plain data, a string most of the time."""

    value: Data


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """The result of one piece of code. Failing code is an output too.

    `outcome` is `ok`; `error` for an exception; `refused` where the policy said no; `contained` where a
    limit of memory or depth stopped the code; `killed` where the worker had to go, by a limit of time or by itself.
    """

    stdout: str = ""
    """What was printed or echoed, cut in the middle by the sandbox's own allowance."""
    stdout_characters: int = 0
    """How much there was before the cut."""
    error: CodeError | None = None
    outcome: OutcomeKind = "ok"
    answer: Submission | None = None
    draft: Submission | None = None
    """`answer["content"]` as it stands, where the code has not said that it is ready."""
    lost: str = ""
    """What a stopped or killed cell took with it, in one line for the model."""
    seconds: float = 0.0
    """Wall time of the cell, waiting for sub-queries included."""
    cpu_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Turn:
    """One reply of the model, and the code in it with what it did."""

    reply: str
    cells: tuple[tuple[str, Output], ...] = ()
