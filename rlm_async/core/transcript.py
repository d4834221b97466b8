"""What one node has said and seen so far."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from rlm_async.core.data import Data
from rlm_async.core.tokens import estimate_tokens

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


MESSAGE_TOKENS = 4
"""For the marks around one message."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """One turn as the model is shown it: what it said, and what it was told then."""

    turn: Turn
    said: str
    told: str
    folded: bool = False
    """Whether it is shown shorter than it was."""

    @property
    def tokens(self) -> int:
        """What both messages measure; an estimate."""
        return estimate_tokens(self.said) + estimate_tokens(self.told) + 2 * MESSAGE_TOKENS


@dataclass(frozen=True, slots=True)
class Past:
    """A node's history as it is shown: what its oldest turns came to, in words, then the others one by one."""

    summary: str = ""
    gone: int = 0
    """How many turns the summary stands for."""
    exchanges: tuple[Exchange, ...] = ()

    @property
    def tokens(self) -> int:
        """What it measures; an estimate."""
        return estimate_tokens(self.summary) + sum(exchange.tokens for exchange in self.exchanges)

    @property
    def folded(self) -> int:
        """How many turns are shown shorter than they were."""
        return self.gone + sum(exchange.folded for exchange in self.exchanges)
