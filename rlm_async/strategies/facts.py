"""The live facts a prompt is composed from: who answers, how deep, with what, and what is left to spend."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from rlm_async.core.moment import LEFT
from rlm_async.core.profile import PLAIN, Profile
from rlm_async.core.usage import Limits, ModelInfo
from rlm_async.ports import Frame
from rlm_async.strategies.allowance import reply_room

TOKEN_CHARACTERS = 3
"""Characters a token holds at the least, in code and in most languages that use an alphabet."""

ROT_TOKENS = 16_000
"""Prompt length up to which a model is read as reliable.

On OOLONG a direct GPT-5 falls from 92 at 8K tokens over 77 at 16K to 49 at 32K and 44 at 131K, where the
same model as an RLM scores 56 (Zhang, Kraska and Khattab, arXiv 2512.24601): the lines cross above 16K.
"""

OUTPUT_SHARE = 4
"""One turn's output may fill this part of the window at most."""

WEAK_ROT_TOKENS = 500
"""The same for a small model: it extracts a fact from 280 words about always (design: local-model)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is true of one node when it is opened. `levels` of sub-calls are left below it."""

    model: ModelInfo
    sub: ModelInfo
    depth: int
    levels: int
    limits: Limits
    tools: Mapping[str, str] = field(default_factory=dict)
    profile: Profile = PLAIN

    @classmethod
    def of(cls, frame: Frame) -> Facts:
        """The facts of a frame."""
        return cls(
            model=frame.info(frame.query.model),
            sub=frame.info(frame.sub_model),
            depth=frame.depth,
            levels=max(0, frame.limits.depth - frame.depth),
            limits=frame.limits,
            tools=frame.tools,
            profile=frame.profile,
        )

    @property
    def output_characters(self) -> int:
        """Of one turn's output that the model is shown: the limit, or less where its window is small."""
        window = self.model.window
        limit = self.limits.output_characters
        return limit if window is None else min(limit, window * TOKEN_CHARACTERS // OUTPUT_SHARE)

    @property
    def capacity(self) -> int | None:
        """Characters that fit the prompt of one sub-query, on the safe side; None where that is unknown."""
        if self.sub.window is None:
            return None
        tokens = self.sub.window - reply_room(self.sub)
        return _round(max(0, tokens) * TOKEN_CHARACTERS)

    @property
    def comfort(self) -> int:
        """Characters that a sub-query still reads reliably."""
        tokens = WEAK_ROT_TOKENS if self.sub.weak else ROT_TOKENS
        return min(_round(tokens * TOKEN_CHARACTERS), self.capacity or math.inf)  # type: ignore[return-value]


def budget_line(left: Mapping[str, float | None], turns: int) -> str:
    """What is left, in one line of round figures, so that close runs have equal prompts.

    `turns` is what is left of those. A resource without a limit is not named.
    """
    parts = [_count(turns, "turn")]
    if (calls := left.get("calls")) is not None:
        parts.append(_count(_round(calls), "model call"))
    if (tokens := left.get("tokens")) is not None:
        parts.append(f"{_short(tokens)} tokens")
    if (usd := left.get("usd")) is not None:
        parts.append(f"${_figure(usd)}")
    if (seconds := left.get("seconds")) is not None:
        parts.append(f"{_round(seconds)} s")
    return f"{LEFT}{', '.join(parts)}."


def price_line(model: ModelInfo) -> str:
    """What a model costs, or nothing where that is unknown."""
    if model.price is None:
        return ""
    return f"${_figure(model.price.prompt)} a million tokens in, ${_figure(model.price.completion)} out"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def _short(number: float) -> str:
    rounded = _round(number)
    for size, unit in ((1_000_000, "M"), (1_000, "K")):
        if rounded >= size:
            return f"{rounded / size:g}{unit}"
    return str(rounded)


def _round(number: float) -> int:
    """Down to two significant digits."""
    if number < 100:  # noqa: PLR2004 - two digits are all there are
        return max(0, int(number))
    unit = 10 ** (int(math.log10(number)) - 1)
    return int(number // unit * unit)


def _figure(amount: float) -> str:
    """Money in two significant digits."""
    return f"{amount:.2g}" if amount < 10 else f"{amount:,.0f}"  # noqa: PLR2004 - two digits
