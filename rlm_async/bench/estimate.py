"""What a run will cost, told before anything is spent: a guess from sizes, to within a factor of two or so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rlm_async.bench.points import Point
from rlm_async.core.usage import ModelInfo, Usage
from rlm_async.ports import Catalogue

TURN_PROMPT, TURN_REPLY, TURNS = 4_000, 700, 5
"""Of one node with a REPL."""
LEAF_SHARE = 1.5
"""What leaves read, to one token of the input: instructions and overlaps are on top."""
REPLY_SHARE = 0.15
DIRECT_REPLY = 1_500
"""Tokens that a reasoning model may write for one direct answer."""
CHILD_SHARE = 0.5
"""What each further level adds to the leaves' part."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """Questions, tokens, and dollars; None where a price is unknown."""

    questions: int
    prompt_tokens: int
    completion_tokens: int
    usd: float | None

    def __str__(self) -> str:
        """One line for whoever pays."""
        money = "at an unknown price" if self.usd is None else f"about ${self.usd:,.2f}"
        tokens = f"{self.prompt_tokens / 1e6:,.1f}M tokens in, {self.completion_tokens / 1e6:,.2f}M out"
        return f"{self.questions} questions, about {tokens}: {money} (a guess: it may well be twice that)"


def estimated(points: Sequence[tuple[Point, int, int]], catalogue: Catalogue) -> Estimate:
    """The cost of points, each with its window's tokens and its number of questions that are still to be asked."""
    usages = [(point, _question(point, tokens), count) for point, tokens, count in points]
    infos: dict[str, ModelInfo] = {}
    usd: float | None = 0.0
    for point, usage, count in usages:
        info = infos.setdefault(point.model, catalogue(point.model))
        if info.price is None or usd is None:
            usd = None
        else:
            usd += count * info.price.nanos(usage.prompt_tokens, usage.completion_tokens) / 1e9
    return Estimate(
        questions=sum(count for _, _, count in usages),
        prompt_tokens=sum(usage.prompt_tokens * count for _, usage, count in usages),
        completion_tokens=sum(usage.completion_tokens * count for _, usage, count in usages),
        usd=usd,
    )


def _question(point: Point, tokens: int) -> Usage:
    if point.arm == "direct":
        return Usage(prompt_tokens=tokens, completion_tokens=DIRECT_REPLY)
    root = Usage(prompt_tokens=TURNS * TURN_PROMPT, completion_tokens=TURNS * TURN_REPLY)
    if point.depth == 0:
        return root
    factor = 1 + CHILD_SHARE * (point.depth - 1)
    read = round(tokens * LEAF_SHARE * factor)
    return root + Usage(prompt_tokens=read, completion_tokens=round(read * REPLY_SHARE))
