"""What a batch will cost, before anything is asked: a range, with what it rests on.

How much a program asks cannot be known beforehand. So the low end supposes that code finds the passages it
wants (one text in fifty is read by a model), the high end that it has every passage read once. Where the
results file has answers of this batch already, what they cost on average takes the place of all that.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from rlm_async.batch.survey import Survey
from rlm_async.core.data import Data
from rlm_async.core.usage import Limits, ModelInfo, Rates
from rlm_async.strategies.deciding import comfort
from rlm_async.strategies.rules import Shape, is_auto, rules_of, shipped

CHARACTERS = 4
"""Of one token, in English."""
REPLY = (50, 800)
"""Completion tokens of one call: the low and the high guess of all pairs here."""
TURNS = (2, 6)
TURN_PROMPT = (3_500, 9_000)
SHARE = (0.02, 1.0)
PASSAGE = 12_000
"""Tokens of a passage that code hands to a sub-query."""
SECONDS = (1.5, 12.0)
"""Of one call."""
ENOUGH = 5
"""Answers of this batch from which on it is extrapolated from them."""


@dataclass(frozen=True, slots=True)
class Range:
    """From `low` to `high`."""

    low: float = 0.0
    high: float = 0.0

    def __add__(self, other: Range) -> Range:
        """Both together."""
        return Range(self.low + other.low, self.high + other.high)

    def times(self, factor: float) -> Range:
        """So many of it."""
        return Range(self.low * factor, self.high * factor)

    def below(self, ceiling: float | None) -> Range:
        """The same, where no more than `ceiling` is allowed."""
        return self if ceiling is None else Range(min(self.low, ceiling), min(self.high, ceiling))


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What an estimate has to know beside the items; `shared` is characters of what all items are about."""

    model: ModelInfo
    sub: ModelInfo
    limits: Limits
    total: Limits
    rates: Rates
    strategy: str
    shared: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What is to come: calls, tokens, money (None where a price is unknown) and seconds."""

    items: int
    calls: Range
    tokens: Range
    usd: Range | None
    seconds: Range
    measured: int = 0
    """How many answers it is extrapolated from; 0: from suppositions."""


@dataclass(slots=True)
class Spent:
    """What the items that are done have cost."""

    items: int = 0
    calls: int = 0
    tokens: int = 0
    usd: float = 0.0
    unknown: bool = False
    seconds: float = 0.0

    def add(self, record: Mapping[str, Data]) -> None:
        """Count a line of results in; one that was never asked says nothing about the others."""
        usage = record.get("usage")
        if not isinstance(usage, Mapping) or not usage.get("calls"):
            return
        self.items += 1
        self.calls += int(_number(usage.get("calls")))
        self.tokens += int(_number(usage.get("tokens")))
        self.seconds += _number(usage.get("seconds"))
        if usage.get("usd") is None:
            self.unknown = True
        self.usd += _number(usage.get("usd"))


def estimated(survey: Survey, setting: Setting, spent: Spent) -> Estimate:
    """The cost of the items that are left, within the limits."""
    if spent.items >= ENOUGH:
        return _extrapolated(survey.left, setting, spent)
    calls = tokens = usd = Range()
    for size, count in _sizes(survey, setting):
        of_calls, of_tokens, of_usd = _item(size, setting)
        calls += of_calls.times(count)
        tokens += of_tokens.times(count)
        usd += of_usd.times(count)
    tokens += Range(survey.questions / CHARACTERS, 2 * survey.questions / CHARACTERS)
    known = setting.model.price is not None and setting.sub.price is not None
    return _bounded(survey.left, setting, (calls, tokens, usd if known else None))


def _extrapolated(left: int, setting: Setting, spent: Spent) -> Estimate:
    spread = 1 / math.sqrt(spent.items)

    def around(amount: float) -> Range:
        mean = amount / spent.items * left
        return Range(mean * (1 - min(spread, 0.5)), mean * (1 + spread))

    usd = None if spent.unknown else around(spent.usd)
    return _bounded(left, setting, (around(spent.calls), around(spent.tokens), usd), spent)


def _bounded(
    left: int, setting: Setting, costs: tuple[Range, Range, Range | None], spent: Spent | None = None
) -> Estimate:
    calls, tokens, usd = costs
    limits, total = setting.limits, setting.total
    calls = calls.below(None if limits.calls is None else limits.calls * left).below(total.calls)
    tokens = tokens.below(None if limits.tokens is None else limits.tokens * left).below(total.tokens)
    if usd is not None:
        usd = usd.below(None if limits.usd is None else limits.usd * left).below(total.usd)
    seconds = _seconds(calls, tokens, setting.rates)
    return Estimate(
        items=left,
        calls=calls,
        tokens=tokens,
        usd=usd,
        seconds=seconds.below(total.seconds),
        measured=0 if spent is None else spent.items,
    )


def _seconds(calls: Range, tokens: Range, rates: Rates) -> Range:
    low, high = (
        amount * each / rates.concurrency for amount, each in zip((calls.low, calls.high), SECONDS, strict=True)
    )
    for amount, flow in ((calls, rates.requests_per_minute), (tokens, rates.tokens_per_minute)):
        if flow is not None:
            low, high = max(low, amount.low * 60 / flow), max(high, amount.high * 60 / flow)
    return Range(low, high)


def _sizes(survey: Survey, setting: Setting) -> Iterator[tuple[float, int]]:
    """Sizes of texts in tokens, and how many items have such a one."""
    if survey.shared:
        yield setting.shared / CHARACTERS, survey.shared
    for size, count in survey.sizes.items():
        yield size * 3 / 4 / CHARACTERS, count  # the middle of the octave


def _item(size: float, setting: Setting) -> tuple[Range, Range, Range]:
    """Calls, tokens and dollars of one item about a text of `size` tokens."""
    shapes: tuple[Shape, Shape] = ("lookup", "survey")
    rules = rules_of(setting.strategy) if is_auto(setting.strategy) else shipped()
    short = min(comfort(rules.of(setting.model.name, shape), setting.model) for shape in shapes)
    direct = setting.strategy == "direct" or (is_auto(setting.strategy) and size <= short)
    if direct:
        return (
            Range(1, 1),
            Range(size + REPLY[0], size + REPLY[1]),
            _usd(setting.model, Range(size, size), Range(*REPLY)),
        )
    turns, prompts = Range(*TURNS), Range(TURNS[0] * TURN_PROMPT[0], TURNS[1] * TURN_PROMPT[1])
    replies = Range(TURNS[0] * REPLY[0], TURNS[1] * REPLY[1])
    read = Range(size * SHARE[0], size * SHARE[1])
    asked = Range(math.ceil(read.low / PASSAGE), math.ceil(read.high / PASSAGE))
    said = Range(asked.low * REPLY[0], asked.high * REPLY[1])
    usd = _usd(setting.model, prompts, replies) + _usd(setting.sub, read, said)
    return turns + asked, prompts + replies + read + said, usd


def _usd(info: ModelInfo, prompts: Range, replies: Range) -> Range:
    if info.price is None:
        return Range()
    low, high = (
        info.price.nanos(int(prompts.low), int(replies.low)),
        info.price.nanos(int(prompts.high), int(replies.high)),
    )
    return Range(low / 1e9, high / 1e9)


def _number(value: Data) -> float:
    return float(value) if isinstance(value, int | float) else 0.0
