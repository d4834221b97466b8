"""How a question would be answered, why, and what it would cost: worked out from rules and facts, asking nobody."""

from __future__ import annotations

from dataclasses import dataclass

from rlm_async.core.usage import ModelInfo
from rlm_async.strategies.rules import Costs, Range, Rule, Rules, Shape

UNKNOWN_WINDOW = 32_768
"""Where a model's window is unknown: what current open models offer at the least."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What there is to decide on. `tokens` are those of the input, about; `depth` is what is allowed."""

    tokens: int
    shape: Shape
    model: ModelInfo
    sub: ModelInfo
    depth: int
    tools: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """A strategy and a depth, and the rule and the facts that they follow from."""

    strategy: str
    depth: int
    reason: str
    rule: Rule


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What an answer may cost; dollars are None where a price is unknown."""

    calls: Range
    tokens: Range
    usd: Range | None
    sub_calls: Range


def decide(rules: Rules, given: Given) -> Decision:
    """What `auto` does."""
    rule = rules.of(given.model.name, given.shape)
    depth = given.depth if rule.depth is None else min(given.depth, rule.depth)

    def decided(strategy: str, reason: str) -> Decision:
        return Decision(strategy=strategy, depth=depth, reason=reason, rule=rule)

    if given.tools:
        return decided("repl", "tools are lent, and only code can call them")
    comfortable = comfort(rule, given.model)
    if given.tokens > comfortable:
        reason = f"about {given.tokens:,} tokens are more than the {comfortable:,} read reliably at once"
        return decided(*by_code(given.model, reason))
    if rule.measured and _dearer(rule, given, depth):
        reason = f"about {given.tokens:,} tokens could be read at once, but code that reads less costs less"
        return decided(*by_code(given.model, reason))
    return decided("direct", f"about {given.tokens:,} tokens fit comfortably (up to {comfortable:,})")


def by_code(model: ModelInfo, reason: str) -> tuple[str, str]:
    """The strategy that goes through an input by code, and the reason."""
    if model.weak:
        return "guided", f"{reason}; {model.name} is too small to write the program itself"
    return "repl", reason


def comfort(rule: Rule, model: ModelInfo) -> int:
    """Tokens of an input that a model reads in one call."""
    return min(int((model.window or UNKNOWN_WINDOW) * rule.window_share), rule.direct_tokens)


def cost(given: Given, decision: Decision) -> Cost:
    """What a decision costs."""
    costs = decision.rule.costs
    if decision.strategy == "direct":
        read, wrote = costs.direct_share * given.tokens, costs.direct_written
        none = Range(0, 0)
        return Cost(calls=Range(1, 1), tokens=read + wrote, usd=_usd(given.model, read, wrote), sub_calls=none)
    return _by_code(costs, given, decision.depth)


def _by_code(costs: Costs, given: Given, depth: int) -> Cost:
    asked = Range(0, 0) if depth == 0 else costs.sub_calls * (given.tokens / 1_000)
    read = Range(0, 0) if depth == 0 else costs.sub_share * given.tokens
    root, sub = _priced(given.model, costs.root_tokens, costs), _priced(given.sub, read, costs)
    return Cost(
        calls=costs.root_calls + asked,
        tokens=costs.root_tokens + read,
        usd=None if root is None or sub is None else root + sub,
        sub_calls=asked,
    )


def _priced(model: ModelInfo, tokens: Range, costs: Costs) -> Range | None:
    """The price of tokens of which a part was written."""
    written = Range(tokens.low * costs.written.low, tokens.high * costs.written.high)
    return _usd(model, Range(tokens.low - written.low, tokens.high - written.high), written)


def _usd(model: ModelInfo, read: Range, wrote: Range) -> Range | None:
    if model.price is None:
        return None
    low = model.price.nanos(int(read.low), int(wrote.low))
    high = model.price.nanos(int(read.high), int(wrote.high))
    return Range(low / 1e9, high / 1e9)


def _dearer(rule: Rule, given: Given, depth: int) -> bool:
    """Whether a direct answer, where cheap, costs more than code, where dear; in tokens if no price is known."""
    direct = rule.costs.direct_share * given.tokens
    code = _by_code(rule.costs, given, depth)
    paid = _usd(given.model, direct, rule.costs.direct_written)
    if paid is None or code.usd is None:
        return direct.low > code.tokens.high
    return paid.low > code.usd.high
