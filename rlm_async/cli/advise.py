"""What `rlm-async advise` does: reads the input, applies the rules, prints what they say; or writes rules."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rlm_async.api.advising import Advice, Plan, advise
from rlm_async.api.settings import check_limits, check_question, check_rates
from rlm_async.bench.sim.profile import PROFILES
from rlm_async.cli.amounts import count, duration, money
from rlm_async.cli.streams import write, write_line
from rlm_async.contexts import load
from rlm_async.core.context import EMPTY
from rlm_async.core.usage import NANO, Limits, ModelInfo, Rates
from rlm_async.errors import ConfigError
from rlm_async.learning.fitting import fitted as fit
from rlm_async.learning.observations import observed
from rlm_async.models.catalogue import PriceList
from rlm_async.models.local.choice import choose, info, is_local
from rlm_async.strategies.rules import Range, Rules, shipped

STRATEGIES = ("auto", "repl", "guided", "direct")


@dataclass(frozen=True, slots=True)
class Models:
    """Who would answer, by name, and at which address."""

    model: str
    sub_model: str
    api_base: str | None


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is advised on."""

    question: str
    paths: tuple[str, ...]
    models: Models
    limits: Limits
    rates: Rates
    strategy: str


def advised(wanted: Wanted, *, as_json: bool) -> int:
    """Print the advice; raises ConfigError."""
    check_question(wanted.question)
    if wanted.strategy.partition(":")[0] not in STRATEGIES:
        raise ConfigError(f"--strategy {wanted.strategy!r}: choose one of {', '.join(STRATEGIES)}, or auto:FILE")
    context = load(list(wanted.paths), stdin=sys.stdin.buffer) if wanted.paths else EMPTY
    models = wanted.models
    plan = Plan(
        model=known(models.model, models.api_base, os.environ),
        sub=known(models.sub_model, models.api_base, os.environ),
        limits=check_limits(wanted.limits),
        rates=check_rates(wanted.rates),
        strategy=wanted.strategy,
    )
    advice = advise(wanted.question, context, plan)
    if as_json:
        write(json.dumps(advice.as_data(), ensure_ascii=False) + "\n", sys.stdout)
        return 0
    for line in lines_of(advice):
        write(line + "\n", sys.stdout)
    return 0


def known(model: str, api_base: str | None, environ: Mapping[str, str]) -> ModelInfo:
    """What is known of a model without asking anybody. Raises ConfigError for a local one that is not installed."""
    if model in PROFILES:
        simulated = PROFILES[model]
        return ModelInfo(name=model, window=simulated.window, max_output=simulated.max_output, price=simulated.price)
    if is_local(model):
        chosen = choose(model, environ)
        return info(model, chosen, chosen.settings(environ))
    return ModelInfo(name=model) if api_base is not None else PriceList()(model)


def lines_of(advice: Advice) -> list[str]:
    """The advice for people."""
    asked = advice.model if advice.sub_model == advice.model else f"{advice.model}, sub-queries: {advice.sub_model}"
    how = f"strategy {advice.strategy}, depth {advice.depth}, {asked}"
    if advice.chunk_tokens is not None:
        how += f"; about {count(advice.chunk_tokens, 'token')} in a sub-query, {advice.concurrency} at once"
    basis = f"measured on {count(advice.measured, 'question')}" if advice.measured else "supposed, not measured"
    seconds = f"{duration(advice.seconds.low)} to {duration(advice.seconds.high)}"
    costs = (_span(advice.calls, "call"), _span(advice.prompt_and_reply_tokens, "token"), _usd(advice.usd), seconds)
    lines = [
        f"how:  {how}",
        f"why:  {advice.reason}",
        f"cost: {'; '.join(costs)} ({basis}; seconds are always supposed)",
        f"rule: {advice.rule}: {advice.rule_source}",
        f"facts: a {advice.shape}, about {count(advice.tokens, 'token')} in {count(advice.documents, 'document')}",
    ]
    if advice.better_depth is not None:
        lines.append(f"note: depth {advice.better_depth} was measured to be better: --depth {advice.better_depth}")
    if advice.over:
        lines.append(f"note: may run into the limit of {', '.join(advice.over)}; raise it with --limit")
    return lines


def fitted(paths: Sequence[str], output: str) -> int:
    """Write rules fitted from files; raises ConfigError."""
    rules = fit(observed([Path(path) for path in paths]), shipped().of)
    if not rules:
        raise ConfigError(f"too few runs in {', '.join(paths)}: a rule takes five questions of one model and shape")
    try:
        Path(output).write_text(Rules(tuple(rules)).written(), "utf-8")
    except OSError as error:
        raise ConfigError(f"cannot write {output}: {error.strerror}") from error
    for rule in rules:
        write_line(f"{rule.name}: {rule.source}", sys.stderr)
    write_line(f"{count(len(rules), 'rule')}: use them with --strategy auto:{output}", sys.stderr)
    return 0


def _span(span: Range, noun: str) -> str:
    low, high = round(span.low), round(span.high)
    return count(low, noun) if low == high else f"{count(low)} to {count(high, noun)}"


def _usd(span: Range | None) -> str:
    if span is None:
        return "price unknown"
    low, high = money(round(span.low * NANO)), money(round(span.high * NANO))
    return low if low == high else f"{low} to {high}"
