"""Picks how a query is answered: in one call where the input is short, by code where it is not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from rlm_async.core.answer import Result
from rlm_async.errors import ContextOverflow
from rlm_async.ports import Frame, Strategy
from rlm_async.strategies.allowance import input_tokens
from rlm_async.strategies.facts import ROT_TOKENS

WINDOW_SHARE = 0.25
"""Part of the window that an input may fill and still be read in one call; the rest is for thinking and reply."""

UNKNOWN_WINDOW = 32_768
"""Where a model's window is unknown: what current open models offer at the least."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A strategy's name, and why it was chosen, for the trace."""

    strategy: str
    reason: str


@dataclass(frozen=True, slots=True)
class Auto:
    """The strategy `auto` over others by name; `direct`, `guided` and `repl` have to be among them."""

    strategies: Mapping[str, Strategy]

    async def answer(self, frame: Frame) -> Result:
        """Answer as chosen; an input that was taken for short and is not goes the long way."""
        choice = choose(frame)
        frame.chose(choice.strategy, choice.reason)
        try:
            return await self.strategies[choice.strategy].answer(frame)
        except ContextOverflow:
            if choice.strategy != "direct":
                raise
        choice = _by_code(frame, "the model said that the input does not fit")
        frame.chose(choice.strategy, choice.reason)
        return await self.strategies[choice.strategy].answer(frame)


def choose(frame: Frame) -> Choice:
    """The strategy that fits a frame's query, by the measured length of its input."""
    if frame.tools:
        return Choice("repl", "tools are lent, and only code can call them")
    window = frame.info(frame.query.model).window or UNKNOWN_WINDOW
    comfortable = min(int(window * WINDOW_SHARE), ROT_TOKENS)
    tokens = input_tokens(frame.query)
    if tokens <= comfortable:
        return Choice("direct", f"about {tokens:,} tokens fit comfortably (up to {comfortable:,})")
    return _by_code(frame, f"about {tokens:,} tokens are more than the {comfortable:,} read reliably at once")


def _by_code(frame: Frame, reason: str) -> Choice:
    info = frame.info(frame.query.model)
    if info.weak:
        return Choice("guided", f"{reason}; {info.name} is too small to write the program itself")
    return Choice("repl", reason)
