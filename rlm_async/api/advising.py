"""What a question would be answered by, why, and at what cost: told without asking anybody."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace

from rlm_async.core.context import EMPTY, Context
from rlm_async.core.data import Data
from rlm_async.core.query import Query
from rlm_async.core.usage import Limits, ModelInfo, Rates
from rlm_async.engine.equipment import Equipment
from rlm_async.strategies.allowance import input_tokens
from rlm_async.strategies.auto import Auto
from rlm_async.strategies.deciding import Cost, Decision, Given, cost, decide
from rlm_async.strategies.rules import Range, Rules, Shape, is_auto, rules_of, shape_of, shipped

SECONDS = Range(1.5, 12.0)
"""Of one call, supposed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is planned: the models, what they may use, and how; the question is advised on with these."""

    model: ModelInfo
    sub: ModelInfo
    limits: Limits
    rates: Rates
    strategy: str = "auto"
    tools: bool = False

    @property
    def rules(self) -> Rules:
        """What `auto` goes by. Raises ConfigError."""
        return rules_of(self.strategy) if is_auto(self.strategy) else shipped()


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """What would be done with a question, what it would cost, and why."""

    strategy: str
    depth: int
    """Levels of sub-queries that would be used."""
    better_depth: int | None
    """A depth that the rule says pays, where the limit allows less."""
    chunk_tokens: int | None
    """Of the text in one sub-query; None where there are none."""
    concurrency: int
    model: str
    sub_model: str
    shape: Shape
    tokens: int
    """Of input and question, about."""
    documents: int
    calls: Range
    prompt_and_reply_tokens: Range
    usd: Range | None
    """None where a price is unknown."""
    seconds: Range
    reason: str
    rule: str
    rule_source: str
    measured: int
    """Questions that the figures were taken from; 0: they are suppositions."""
    over: tuple[str, ...]
    """Limits that it may run into."""

    def as_data(self) -> dict[str, Data]:
        """Plain data, for programs; ranges are objects with `low` and `high`."""
        return asdict(self)


def advise(question: str, context: Context, plan: Plan) -> Advice:
    """What would be done with a question about a context. Asks nobody, costs nothing. Raises ConfigError."""
    query = Query(prompt=question, context=context, model=plan.model.name, strategy=plan.strategy)
    given = Given(
        tokens=input_tokens(query),
        shape=shape_of(question),
        model=plan.model,
        sub=plan.sub,
        depth=plan.limits.depth,
        tools=plan.tools,
    )
    decision = _decided(plan, given)
    costs = cost(given, decision)
    wanted = decision.rule.depth
    direct = decision.strategy == "direct"
    return Advice(
        strategy=decision.strategy,
        depth=0 if direct else decision.depth,
        better_depth=wanted if not direct and wanted is not None and wanted > plan.limits.depth else None,
        chunk_tokens=None if direct or decision.depth == 0 else min(decision.rule.chunk_tokens, _window(plan.sub)),
        concurrency=plan.rates.concurrency,
        model=plan.model.name,
        sub_model=plan.sub.name,
        shape=given.shape,
        tokens=given.tokens,
        documents=0 if context is EMPTY else len(context.documents),
        calls=costs.calls,
        prompt_and_reply_tokens=costs.tokens,
        usd=costs.usd,
        seconds=_seconds(costs, plan.rates),
        reason=decision.reason,
        rule=decision.rule.name,
        rule_source=decision.rule.source,
        measured=decision.rule.measured,
        over=_over(costs, plan.limits),
    )


def deep_enough(equipment: Equipment, query: Query) -> Equipment:
    """What a run is given, with no more depth than `auto`'s rule says pays; any other strategy has all of it."""
    auto = equipment.strategies.get(query.strategy)
    if not isinstance(auto, Auto):
        return equipment
    rule = auto.rules.of(equipment.info(query.model).name, shape_of(query.prompt))
    if rule.depth is None or rule.depth >= equipment.limits.depth:
        return equipment
    return replace(equipment, limits=replace(equipment.limits, depth=rule.depth))


def _decided(plan: Plan, given: Given) -> Decision:
    decision = decide(plan.rules, given)
    if is_auto(plan.strategy):
        return decision
    return replace(decision, strategy=plan.strategy, depth=plan.limits.depth, reason="this strategy was asked for")


def _window(model: ModelInfo) -> int:
    """Tokens that a prompt of a model may hold, with room for the reply."""
    return 1_000_000_000 if model.window is None else model.window * 3 // 4


def _seconds(costs: Cost, rates: Rates) -> Range:
    """Turns of the root one after the other, sub-queries at once as far as they may be; then what the rates allow."""
    root = Range(costs.calls.low - costs.sub_calls.low, costs.calls.high - costs.sub_calls.high)
    low = SECONDS.low * (root.low + costs.sub_calls.low / rates.concurrency)
    high = SECONDS.high * (root.high + -(-costs.sub_calls.high // rates.concurrency))
    flows = ((costs.calls, rates.requests_per_minute), (costs.tokens, rates.tokens_per_minute))
    for amount, flow in flows:
        if flow is not None:
            low, high = max(low, amount.low * 60 / flow), max(high, amount.high * 60 / flow)
    return Range(low, high)


def _over(costs: Cost, limits: Limits) -> tuple[str, ...]:
    """Names of limits below the high end of the cost."""
    wanted: Mapping[str, tuple[float | None, float | None]] = {
        "calls": (costs.calls.high, limits.calls),
        "tokens": (costs.tokens.high, limits.tokens),
        "usd": (None if costs.usd is None else costs.usd.high, limits.usd),
        "fanout": (costs.sub_calls.high, limits.fanout),
    }
    return tuple(name for name, (high, most) in wanted.items() if high is not None and most is not None and high > most)
