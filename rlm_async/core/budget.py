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
UNLIMITED = Limits(calls=None, tokens=None, usd=None)
_NO_CEILINGS: dict[str, int | None] = dict.fromkeys(RESOURCES)


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


@dataclass(slots=True)
class Tally:
    """Usages added up in place; of a price that is unknown it is known that it is."""

    calls: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    usd: int = 0
    """Nano-dollars, as far as they are known."""
    priced: bool = True

    @property
    def tokens(self) -> int:
        """Prompt and completion tokens together."""
        return self.prompt_tokens + self.completion_tokens

    def add(self, usage: Usage) -> None:
        """Add a usage."""
        self.calls += usage.calls
        self.prompt_tokens += usage.prompt_tokens
        self.completion_tokens += usage.completion_tokens
        self.cached_tokens += usage.cached_tokens
        if usage.nanos is None:
            self.priced = False
        else:
            self.usd += usage.nanos


class Reservation:
    """Cost held for one call. Settle it, or it is given back."""

    __slots__ = ("_chain", "actual", "estimate")

    def __init__(self, estimate: Usage, chain: tuple[Budget, ...]) -> None:
        """Hold `estimate`, an upper bound, in all of `chain`."""
        self.estimate = estimate
        self.actual: Usage | None = None
        self._chain = chain
        for scope in chain:
            scope.held.add(estimate)

    def settle(self, actual: Usage) -> None:
        """Record what the call really used, also when it failed."""
        self.actual = actual

    def close(self) -> None:
        """End the hold, and charge what was settled; again is harmless."""
        for scope in self._chain:
            scope.held.add(self.estimate, -1)
            if self.actual is not None:
                scope.spent.add(self.actual)
        self._chain = ()


class Keep:
    """A part kept back from ordinary spending, until it is released to be spent for good."""

    __slots__ = ("_chain", "estimate")

    def __init__(self, estimate: Usage, chain: tuple[Budget, ...]) -> None:
        """Keep `estimate` back in all of `chain`."""
        self.estimate = estimate
        self._chain = chain
        for scope in chain:
            scope.kept.add(estimate)

    def release(self) -> None:
        """Give the part free; again is harmless."""
        for scope in self._chain:
            scope.kept.add(self.estimate, -1)
        self._chain = ()


class Budget:
    """Spending of one scope and of everything below it."""

    __slots__ = ("__weakref__", "bounds", "ceilings", "chain", "held", "kept", "limits", "name", "parent", "spent")

    def __init__(self, name: str, limits: Limits, parent: Budget | None = None) -> None:
        """Open a scope; below `parent`, everything spent here counts there too."""
        self.name = name
        self.limits = limits
        self.parent = parent
        self.spent = Tally()
        self.held = Amount()
        """Promised to calls in flight: comes free when they settle."""
        self.kept = Amount()
        """Kept back for last turns: comes free only when a node ends, so nobody waits for it."""
        self.ceilings = _NO_CEILINGS if limits is UNLIMITED else _ceilings(limits)
        self.chain: tuple[Budget, ...] = (self,) if parent is None else (self, *parent.chain)
        """This scope and all above it, the root last."""
        own = tuple((self, name, most) for name, most in self.ceilings.items() if most is not None)
        self.bounds: tuple[tuple[Budget, str, int], ...] = own if parent is None else parent.bounds + own
        """What must be looked at before spending: scope, resource, ceiling; the outermost first."""

    def child(self, name: str, **grant: float | None) -> Budget:
        """A scope below this one, with a grant for `calls`, `tokens` or `usd` of its own if wanted.

        A grant is a ceiling, not a hold: it is cut to what this scope has left now.
        """
        if unknown := set(grant) - set(RESOURCES):
            raise ConfigError(f"a budget has no {', '.join(sorted(unknown))}; it has {', '.join(RESOURCES)}")
        if not grant:
            return Budget(name, UNLIMITED, self)
        ceilings: dict[str, float | None] = dict.fromkeys(RESOURCES)
        left = self.left()
        for resource, asked in grant.items():
            lefts = [amount for amount in (asked, left[resource]) if amount is not None]
            ceilings[resource] = min(lefts) if lefts else None
        return Budget(name, Limits(**ceilings), self)  # type: ignore[arg-type]

    @property
    def root(self) -> Budget:
        """The run's own scope."""
        return self.chain[-1]

    @property
    def usage(self) -> Usage:
        """All that was spent here and below."""
        spent = self.spent
        return Usage(
            calls=spent.calls,
            prompt_tokens=spent.prompt_tokens,
            completion_tokens=spent.completion_tokens,
            cached_tokens=spent.cached_tokens,
            nanos=spent.usd if spent.priced else None,
        )

    def hold(self, estimate: Usage) -> Reservation:
        """Hold `estimate` until the reservation is closed; raises BudgetExceeded as `reserve` does."""
        self.check(estimate)
        return Reservation(estimate, self.chain)

    @contextmanager
    def reserve(self, estimate: Usage) -> Iterator[Reservation]:
        """Hold `estimate` for the length of the block, then charge what was settled.

        Raises BudgetExceeded, and holds nothing, where it does not fit; the outermost scope is blamed.
        """
        reservation = self.hold(estimate)
        try:
            yield reservation
        finally:
            reservation.close()

    def keep(self, estimate: Usage) -> Keep:
        """Keep `estimate` back in the whole chain; raises BudgetExceeded where it does not fit."""
        self.check(estimate)
        return Keep(estimate, self.chain)

    def check(self, estimate: Usage) -> None:
        """Raise what `reserve` would raise."""
        for scope, resource, ceiling in self.bounds:
            left = ceiling - scope.taken(resource)
            asked = _of(estimate, resource)
            if asked > left:
                unit = NANO if resource == "usd" else 1
                raise BudgetExceeded(scope.name, resource, asked / unit, left / unit)

    def left(self) -> dict[str, float | None]:
        """What is left here, all scopes above considered: calls, tokens, usd; None is no limit."""
        least: dict[str, float | None] = {}
        for resource in RESOURCES:
            lefts = [ceiling - scope.taken(name) for scope, name, ceiling in self.bounds if name == resource]
            least[resource] = min(lefts) if lefts else None
        if (nanos := least["usd"]) is not None:
            least["usd"] = nanos / NANO
        return least

    def waits(self, estimate: Usage) -> bool:
        """Whether `estimate`, refused now, may fit once the calls in flight have settled."""
        return all(
            _of(estimate, resource) <= ceiling - scope.taken(resource) + getattr(scope.held, resource)
            for scope, resource, ceiling in self.bounds
        )

    def taken(self, resource: str) -> int:
        """Spent, held and kept together."""
        return int(getattr(self.spent, resource) + getattr(self.held, resource) + getattr(self.kept, resource))

    def remaining(self, resource: str) -> int | None:
        """What this scope alone has left of a resource, in whole calls, tokens or nano-dollars."""
        ceiling = self.ceilings[resource]
        return None if ceiling is None else ceiling - self.taken(resource)


def _ceilings(limits: Limits) -> dict[str, int | None]:
    usd = None if limits.usd is None else int(limits.usd * NANO)
    return {"calls": limits.calls, "tokens": limits.tokens, "usd": usd}


def _of(usage: Usage, resource: str) -> int:
    if resource == "usd":
        return usage.nanos or 0
    return int(getattr(usage, resource))
