"""The ledger: what it costs to ask before spending and to tell the truth after."""

from __future__ import annotations

from benchmarks.micro.cases import Case
from rlm_async.core.budget import Budget
from rlm_async.core.usage import Limits, Usage

CALLS = 1_000
DEPTH = 4
COST = Usage(calls=1, prompt_tokens=1_000, completion_tokens=200, nanos=3_000)


def chain(depth: int) -> Budget:
    scope = Budget("the run", Limits(calls=None, tokens=None, usd=1e9))
    for level in range(depth):
        scope = scope.child(f"node {level}")
    return scope


def reserve_and_settle() -> Budget:
    scope = chain(DEPTH)
    for _ in range(CALLS):
        with scope.reserve(COST) as reservation:
            reservation.settle(COST)
    assert scope.root.usage.calls == CALLS
    return scope


def children() -> None:
    scope = chain(1)
    for number in range(CALLS):
        scope.child(f"node {number}", tokens=100_000).left()


CASES = (
    Case(f"ledger: reserve and settle, {DEPTH} levels", reserve_and_settle, CALLS),
    Case("ledger: open a scope with a grant, read what is left", children, CALLS),
)
