"""Rules for `auto` out of observations: the better way where an interval says which, else the cheaper one."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from rlm_async.bench.score import Interval, interval, quantile
from rlm_async.core.usage import Usage
from rlm_async.learning.observations import DIRECT, Observation
from rlm_async.strategies.rules import Costs, Range, Rule, Shape

TAIL = 0.1
"""Costs are told from this percentile to the one as far from the other end."""
FEW = 5
"""Observations that a rule's costs need at the least."""

Pairs = Sequence[tuple[Observation, Observation]]


@dataclass(frozen=True, slots=True)
class Size:
    """Direct and by code on the same questions of one size: the difference of the scores is by code minus direct."""

    tokens: int
    """Of the longest input."""
    difference: Interval
    dearer: bool
    """Direct costs more."""

    @property
    def direct(self) -> bool:
        """Whether a direct call is the better choice."""
        if self.difference.windows > 1 and self.difference.low > 0:
            return False
        if self.difference.windows > 1 and self.difference.high < 0:
            return True
        return not self.dearer


def fitted(observations: Sequence[Observation], default: Callable[[str, Shape], Rule]) -> list[Rule]:
    """A rule for each family and shape that was observed often enough; what was not observed is as in `default`."""
    kinds = sorted({(one.family, one.shape) for one in observations})
    rules = []
    for family, shape in kinds:
        own = [one for one in observations if (one.family, one.shape) == (family, shape)]
        if len(own) >= FEW:
            rules.append(_rule(family, shape, own, default(family, shape)))
    return rules


def _rule(family: str, shape: Shape, own: Sequence[Observation], default: Rule) -> Rule:
    depth, why_depth = _depth(own)
    by_code = [one for one in own if one.depth == (1 if depth is None else depth)]
    by_code = by_code or [one for one in own if one.depth != DIRECT]
    sizes = _sizes(own, by_code)
    direct_tokens, why = _direct_tokens(sizes, default)
    costs = _costs([one for one in own if one.depth == DIRECT], by_code, default.costs)
    chunk = _chunk(by_code, default.chunk_tokens)
    windows = len({one.window for one in own})
    return Rule(
        family=family,
        shape=shape,
        direct_tokens=direct_tokens,
        window_share=0.9 if sizes else default.window_share,
        depth=default.depth if depth is None else depth,
        chunk_tokens=chunk,
        costs=costs,
        measured=len(own),
        source=f"{len(own)} questions about {windows} inputs; {why}; {why_depth}",
    )


def _sizes(own: Sequence[Observation], by_code: Sequence[Observation]) -> list[Size]:
    """The comparisons of direct and by code, the shortest inputs first."""
    direct = [one for one in own if one.depth == DIRECT]
    found = []
    for size in sorted({one.size for one in direct}):
        pairs = paired([one for one in direct if one.size == size], by_code)
        if pairs:
            dearer = _mean_cost(one for one, _ in pairs) > _mean_cost(other for _, other in pairs)
            found.append(Size(max(one.tokens for one, _ in pairs), difference(pairs), dearer))
    return sorted(found, key=lambda one: one.tokens)


def _direct_tokens(sizes: Sequence[Size], default: Rule) -> tuple[int, str]:
    """Up to what length direct is the choice at every measured size, and the reason in words."""
    if not sizes:
        return default.direct_tokens, "direct was not compared"
    if not sizes[0].direct:
        least = min(default.direct_tokens, sizes[0].tokens // 2)
        return least, f"by code pays at {sizes[0].tokens:,} tokens already, the shortest measured"
    longest = sizes[0]
    for size in sizes:
        if not size.direct:
            by = "scores better" if size.difference.low > 0 else "is cheaper and no worse"
            told = f"at {size.tokens:,} tokens code {by} ({size.difference})"
            return longest.tokens, f"direct up to {longest.tokens:,} tokens; {told}"
        longest = size
    return longest.tokens, f"direct at all sizes measured, up to {longest.tokens:,} tokens"


def _depth(own: Sequence[Observation]) -> tuple[int | None, str]:
    """The least depth of 1 or more that no deeper one was shown to beat; None where only one was measured."""
    depths = sorted({one.depth for one in own if one.depth >= 1})
    if len(depths) < 2:  # noqa: PLR2004 - a comparison takes two
        return None, "depths were not compared"
    best, told = depths[0], f"no depth beats {depths[0]}"
    for deeper in depths[1:]:
        pairs = paired([one for one in own if one.depth == best], [one for one in own if one.depth == deeper])
        gain = difference(pairs) if pairs else None
        if gain is not None and gain.windows > 1 and gain.low > 0:
            told = f"depth {deeper} beats {best} by {gain}"
            best = deeper
    return best, told


def paired(ones: Iterable[Observation], others: Iterable[Observation]) -> Pairs:
    """The observations of the same questions, in both; of a question asked more often the last one."""
    found = {(other.window, other.question): other for other in others if other.score is not None}
    return [(one, found[key]) for one in ones if one.score is not None and (key := (one.window, one.question)) in found]


def difference(pairs: Pairs) -> Interval:
    """By how much the others score better; the bootstrap is over windows."""
    groups: dict[str, list[float]] = {}
    for one, other in pairs:
        groups.setdefault(one.window, []).append((other.score or 0.0) - (one.score or 0.0))
    return interval(list(groups.values()))


def _mean_cost(observations: Iterable[Observation]) -> float:
    """In dollars; in tokens where a price is unknown."""
    wholes = [one.whole for one in observations if one.whole.calls]
    if not wholes:
        return 0.0
    if any(one.usd is None for one in wholes):
        return statistics.fmean(one.tokens for one in wholes)
    return statistics.fmean(one.usd or 0.0 for one in wholes)


def _costs(direct: Sequence[Observation], by_code: Sequence[Observation], default: Costs) -> Costs:
    asked = [one for one in by_code if one.tokens and one.whole.calls]
    direct = [one for one in direct if one.whole.calls]

    def span(values: Iterable[float], fallback: Range) -> Range:
        ordered = sorted(values)
        return Range(quantile(ordered, TAIL), quantile(ordered, 1 - TAIL)) if len(ordered) >= FEW else fallback

    return Costs(
        direct_share=span((one.whole.prompt_tokens / max(1, one.tokens) for one in direct), default.direct_share),
        direct_written=span((one.whole.completion_tokens for one in direct), default.direct_written),
        root_calls=span((one.root.calls for one in asked), default.root_calls),
        root_tokens=span((one.root.tokens for one in asked), default.root_tokens),
        sub_calls=span((1_000 * one.below.calls / one.tokens for one in asked), default.sub_calls),
        sub_share=span((one.below.tokens / one.tokens for one in asked), default.sub_share),
        written=span((_written(one.whole) for one in asked), default.written),
    )


def _written(usage: Usage) -> float:
    return usage.completion_tokens / max(1, usage.tokens)


def _chunk(by_code: Sequence[Observation], default: int) -> int:
    """Tokens of the text in one sub-query, the median; about, as prompts hold instructions too."""
    sizes = [one.below.prompt_tokens / one.below.calls for one in by_code if one.below.calls]
    return max(1, round(statistics.median(sizes))) if len(sizes) >= FEW else default
