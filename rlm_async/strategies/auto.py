"""Picks how a query is answered, by measured rules: in one call where the input is short, by code where it is not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from rlm_async.core.answer import Result
from rlm_async.errors import ContextOverflow
from rlm_async.ports import Frame, Strategy
from rlm_async.strategies.allowance import input_tokens
from rlm_async.strategies.deciding import Given, by_code, decide
from rlm_async.strategies.rules import Rules, shape_of, shipped


@dataclass(frozen=True, slots=True)
class Choice:
    """A strategy's name, and why it was chosen, for the trace."""

    strategy: str
    reason: str


@dataclass(frozen=True, slots=True)
class Auto:
    """The strategy `auto` over others by name; `direct`, `guided` and `repl` have to be among them."""

    strategies: Mapping[str, Strategy]
    rules: Rules = field(default_factory=shipped)

    async def answer(self, frame: Frame) -> Result:
        """Answer as chosen; an input that was taken for short and is not goes the long way."""
        choice = choose(frame, self.rules)
        frame.chose(choice.strategy, choice.reason)
        try:
            return await self.strategies[choice.strategy].answer(frame)
        except ContextOverflow:
            if choice.strategy != "direct":
                raise
        choice = _by_code(frame, "the model said that the input does not fit")
        frame.chose(choice.strategy, choice.reason)
        return await self.strategies[choice.strategy].answer(frame)


def choose(frame: Frame, rules: Rules) -> Choice:
    """The strategy that fits a frame's query, by the measured length of its input and the rule for its kind."""
    query = frame.query
    given = Given(
        tokens=0 if frame.tools else input_tokens(query),
        shape=shape_of(query.prompt),
        model=frame.info(query.model),
        sub=frame.info(frame.sub_model),
        depth=frame.limits.depth,
        tools=bool(frame.tools),
    )
    decision = decide(rules, given)
    return Choice(decision.strategy, decision.reason)


def _by_code(frame: Frame, reason: str) -> Choice:
    return Choice(*by_code(frame.info(frame.query.model), reason))
