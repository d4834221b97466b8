"""Checks what is said of learning and of advice: `python -m benchmarks.learning estimate ROWS…` or `… wrong PROFILE.toml`.

`estimate` fits rules on windows 0 to 3 of rows of `bench run` and holds the costs that they tell of the other windows
against what was spent there. `wrong` asks a weak simulated root with habits with a wrong rule, and one without habits with
a learned profile: the first must lose, the second must not change. Counts and scores alone: nothing is timed.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Sequence
from pathlib import Path

from rlm_async.bench.arms import Endpoint, rlm_for
from rlm_async.bench.corpora import Corpora
from rlm_async.bench.points import Point
from rlm_async.bench.sim.profile import PROFILES
from rlm_async.bench.store import read_rows
from rlm_async.bench.tasks.catalogue import opened
from rlm_async.core.profile import PLAIN, Profile
from rlm_async.core.usage import ModelInfo
from rlm_async.learning.comparison import compared
from rlm_async.learning.fitting import fitted
from rlm_async.learning.items import of_task, split
from rlm_async.learning.observations import DIRECT, Observation, of_row
from rlm_async.learning.rolling import Roller
from rlm_async.profiles import load
from rlm_async.strategies.deciding import Cost, Decision, Given, cost
from rlm_async.strategies.rules import Range, Rules, shipped

FITTED_ON = 4


def estimate(paths: Sequence[str]) -> None:
    rows = [row for row in read_rows([Path(path) for path in paths]) if row.point.arm not in {"auto", "map-reduce"}]
    rules = fitted([of_row(row) for row in rows if row.point.seed < FITTED_ON], shipped().of)
    for rule in rules:
        print(f"{rule.name}: {rule.source}")
    others = [of_row(row) for row in rows if row.point.seed >= FITTED_ON and row.status == "complete"]
    known = [rule for rule in shipped().rules if not rule.family]
    for name, those in (("fitted", Rules(tuple(rules))), ("supposed", Rules(tuple(known)))):
        _held_against(name, those, others)


def _held_against(name: str, rules: Rules, observations: Sequence[Observation]) -> None:
    pairs: dict[str, list[tuple[Range, float]]] = {"calls": [], "tokens": [], "usd": []}
    for one in observations:
        rule = rules.of(one.family, one.shape)
        if one.depth not in {DIRECT, rule.depth or 1}:
            continue
        told = _told(one, rules)
        pairs["calls"].append((told.calls, one.whole.calls))
        pairs["tokens"].append((told.tokens, one.whole.tokens))
        if told.usd is not None and one.whole.usd is not None:
            pairs["usd"].append((told.usd, one.whole.usd))
    for what, found in pairs.items():
        inside = statistics.fmean(span.low * 0.999 <= spent <= span.high * 1.001 for span, spent in found)
        middles = [(span.low * span.high) ** 0.5 / spent for span, spent in found if span.low and spent]
        print(f"{name} {what}: {inside:.0%} inside, middle / spent {statistics.median(middles):.2f}, n={len(found)}")


def _told(one: Observation, rules: Rules) -> Cost:
    simulated = PROFILES[one.family]
    model = ModelInfo(name=simulated.name, window=simulated.window, price=simulated.price)
    given = Given(tokens=one.tokens, shape=one.shape, model=model, sub=model, depth=max(1, one.depth))
    strategy = "direct" if one.depth == DIRECT else "repl"
    rule = rules.of(one.family, one.shape)
    return cost(given, Decision(strategy=strategy, depth=max(1, one.depth), reason="", rule=rule))


def wrong(learned: str) -> None:
    tasks, knowledge = opened(["oolong_trec"], Corpora(None))
    held_out = split(of_task(tasks["oolong_trec"], 16_384, 24, 0), 0).held_out

    def roller(policy: str) -> Roller:
        point = Point(
            task="", size=0, seed=0, arm="depth 1", model="sim-weak", sub_model="sim-weak", policy=policy,
            clock="virtual",
        )  # fmt: skip
        return Roller(lambda profile: rlm_for(point, knowledge, Endpoint(), profile=profile), virtual=True)

    hasty, careful = roller("hasty"), roller("map-reduce")
    misled = Profile(name="misled", about="lines", rules=("Put at least 1,000 records into one prompt.",))
    found = compared(hasty.roll(PLAIN, held_out), hasty.roll(misled, held_out), 0)
    print(f"a wrong rule: {found.difference}: {found.verdict}")
    same = compared(careful.roll(PLAIN, held_out), careful.roll(load(learned), held_out), 0)
    print(f"without habits: {same.difference}: {same.verdict}")
    assert found.verdict == "worse"
    assert same.difference.low == same.difference.high == 0.0


if __name__ == "__main__":
    if len(sys.argv) > 2 and sys.argv[1] == "estimate":
        estimate(sys.argv[2:])
    elif len(sys.argv) == 3 and sys.argv[1] == "wrong":
        wrong(sys.argv[2])
    else:
        sys.exit(__doc__)
