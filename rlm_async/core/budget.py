"""The ledger: who has spent what, and what is promised to calls in flight.

A budget is asked *before* anything is spent and told the truth after. Asking holds the upper bound in
the whole chain up to the root in one synchronous step, so concurrent siblings cannot both take the
last cent: at every instant and in every scope ``spent + held + kept <= limit`` (as long as what was settled
kept to what was reserved, which the caller's `max_tokens` sees to).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from rlm_async.core.usage import NANO, Limits, Usage
from rlm_async.errors import BudgetExceeded, ConfigError

RESOURCES = ("calls", "tokens", "usd")


@dataclass(slots=True)
class Amount:
    """Calls, tokens and nano-dollars in one of a ledger's columns."""

    calls: int = 0
    tokens: int = 0
    usd: int = 0

    def add(self, usage: Usage, sign: int = 1) -> None:
        """Add a usage, or take it off again."""
        self.calls += sign * usage.calls
        self.tokens += sign * usage.tokens
        self.usd += sign * (usage.nanos or 0)


class Reservation:
    """Cost held for one call. Settle it, or it is given back."""

    __slots__ = ("actual", "estimate")

    def __init__(self, estimate: Usage) -> None:
        """Hold `estimate`, an upper bound."""
        self.estimate = estimate
        self.actual: Usage | None = None

    def settle(self, actual: Usage) -> None:
        """Record what the call really used, also when it failed."""
        self.actual = actual


class Keep:
    """A part kept back from ordinary spending, until it is released to be spent for good."""

    __slots__ = ("_chain", "estimate")

    def __init__(self, estimate: Usage, chain: list[Budget]) -> None:
        """Keep `estimate` back in all of `chain`."""
        self.estimate = estimate
        self._chain = chain
        for scope in chain:
            scope.kept.add(estimate)

    def release(self) -> None:
        """Give the part free; again is harmless."""
        for scope in self._chain:
            scope.kept.add(self.estimate, -1)
        self._chain = []


class Budget:
    """Spending of one scope and of everything below it."""

    def __init__(self, name: str, limits: Limits, parent: Budget | None = None) -> None:
        """Open a scope; below `parent`, everything spent here counts there too."""
        self.name = name
        self.limits = limits
        self.parent = parent
        self.spent = Amount()
        self.held = Amount()
        """Promised to calls in flight: comes free when they settle."""
        self.kept = Amount()
        """Kept back for last turns: comes free only when a node ends, so nobody waits for it."""
        self.usage = Usage()
        self._ceilings = _ceilings(limits)

    def child(self, name: str, **grant: float | None) -> Budget:
        """A scope below this one, with a grant for `calls`, `tokens` or `usd` of its own if wanted.

        A grant is a ceiling, not a hold: it is cut to what this scope has left now.
        """
        if unknown := set(grant) - set(RESOURCES):
            raise ConfigError(f"a budget has no {', '.join(sorted(unknown))}; it has {', '.join(RESOURCES)}")
        ceilings: dict[str, float | None] = dict.fromkeys(RESOURCES)
        left = self.left() if grant else ceilings
        for resource, asked in grant.items():
            lefts = [amount for amount in (asked, left[resource]) if amount is not None]
            ceilings[resource] = min(lefts) if lefts else None
        return Budget(name, Limits(**ceilings), self)  # type: ignore[arg-type]

    @property
    def root(self) -> Budget:
        """The run's own scope."""
        return self if self.parent is None else self.parent.root

    @contextmanager
    def reserve(self, estimate: Usage) -> Iterator[Reservation]:
        """Hold `estimate` for the length of the block, then charge what was settled.

        Raises BudgetExceeded, and holds nothing, where it does not fit; the outermost scope is blamed.
        """
        self.check(estimate)
        chain = list(self._chain())
        for scope in chain:
            scope.held.add(estimate)
        reservation = Reservation(estimate)
        try:
            yield reservation
        finally:
            for scope in chain:
                scope.held.add(estimate, -1)
                if reservation.actual is not None:
                    scope.spent.add(reservation.actual)
                    scope.usage += reservation.actual

    def keep(self, estimate: Usage) -> Keep:
        """Keep `estimate` back in the whole chain; raises BudgetExceeded where it does not fit."""
        self.check(estimate)
        return Keep(estimate, list(self._chain()))

    def check(self, estimate: Usage) -> None:
        """Raise what `reserve` would raise."""
        for scope in reversed(list(self._chain())):
            for resource in RESOURCES:
                left = scope.remaining(resource)
                asked = _of(estimate, resource)
                if left is not None and asked > left:
                    unit = NANO if resource == "usd" else 1
                    raise BudgetExceeded(scope.name, resource, asked / unit, left / unit)

    def left(self) -> dict[str, float | None]:
        """What is left here, all scopes above considered: calls, tokens, usd; None is no limit."""
        least: dict[str, float | None] = {}
        for resource in RESOURCES:
            lefts = [left for scope in self._chain() if (left := scope.remaining(resource)) is not None]
            least[resource] = min(lefts) if lefts else None
        if (nanos := least["usd"]) is not None:
            least["usd"] = nanos / NANO
        return least

    def waits(self, estimate: Usage) -> bool:
        """Whether `estimate`, refused now, may fit once the calls in flight have settled."""
        for scope in self._chain():
            for resource in RESOURCES:
                left = scope.remaining(resource)
                if left is not None and _of(estimate, resource) > left + getattr(scope.held, resource):
                    return False
        return True

    def _chain(self) -> Iterator[Budget]:
        scope: Budget | None = self
        while scope is not None:
            yield scope
            scope = scope.parent

    def remaining(self, resource: str) -> int | None:
        """What this scope alone has left of a resource, in whole calls, tokens or nano-dollars."""
        ceiling = self._ceilings[resource]
        if ceiling is None:
            return None
        return ceiling - sum(int(getattr(column, resource)) for column in (self.spent, self.held, self.kept))


def _ceilings(limits: Limits) -> dict[str, int | None]:
    usd = None if limits.usd is None else int(limits.usd * NANO)
    return {"calls": limits.calls, "tokens": limits.tokens, "usd": usd}


def _of(usage: Usage, resource: str) -> int:
    if resource == "usd":
        return usage.nanos or 0
    return int(getattr(usage, resource))
