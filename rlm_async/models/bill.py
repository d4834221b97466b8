"""The bill of one call: each attempt is charged to it, and the ledger is told once, at the end."""

from __future__ import annotations

from dataclasses import replace

from rlm_async.core.budget import UNLIMITED, Budget, Reservation
from rlm_async.core.messages import Completion, Request
from rlm_async.core.usage import NOTHING, Usage
from rlm_async.errors import ModelError
from rlm_async.models.tariff import Tariff
from rlm_async.ports import Model


class Bill(Budget):
    """The scope of one call, with no limit of its own: it is never blamed.

    The meter makes it, holds the call's bound in it, hands it to the rings inside as their budget, and
    settles `attempted` when the call ends. Until then the hold stands, so nothing is counted twice.
    """

    __slots__ = ("_covers", "_uncovered", "attempted")

    def __init__(self, parent: Budget) -> None:
        """Open a bill below the scope that pays."""
        super().__init__("call", UNLIMITED, parent)
        self.attempted: Usage = NOTHING
        self._uncovered: Usage = NOTHING
        self._covers: list[Reservation] = []

    def charge(self, cost: Usage) -> None:
        """Add what one attempt has cost."""
        self.attempted += cost
        self._uncovered += cost

    def cover(self) -> None:
        """Before a further attempt: hold what the failed ones have cost on top of the call's bound.

        Held until the call ends, also while it waits between two attempts: spent money must not look free
        to a sibling. Raises BudgetExceeded where it does not fit.
        """
        self._covers.append(self.hold(self._uncovered))
        self._uncovered = NOTHING

    def close(self) -> None:
        """The call has ended: what it has cost is in the ledger, the holds for it are not needed any more."""
        while self._covers:
            self._covers.pop().close()


class Charged:
    """The innermost ring: every attempt that went out is charged, whatever became of it."""

    def __init__(self, model: Model, tariff: Tariff) -> None:
        """Charge the attempts of `model` by `tariff`."""
        self._model = model
        self._tariff = tariff

    async def __call__(self, request: Request, budget: Budget) -> Completion:
        """Ask, and put the cost on the bill; the completion's usage is priced."""
        cost: Usage | None = None
        try:
            completion = await self._model(request, budget)
            cost = self._tariff.charged(request, completion)
        except ModelError as error:
            cost = self._tariff.presumed(request, error)
            raise
        finally:  # cost is None where the caller gave the call up
            if isinstance(budget, Bill):
                budget.charge(self._tariff.presumed(request) if cost is None else cost)
        return completion if completion.usage == cost else replace(completion, usage=cost)
