"""The bill of one call: each attempt is charged to it, and the ledger is told once, at the end."""

from __future__ import annotations

from dataclasses import replace

from rlm_async.core.budget import UNLIMITED, Budget
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

    def __init__(self, parent: Budget) -> None:
        """Open a bill below the scope that pays."""
        super().__init__("call", UNLIMITED, parent)
        self.attempted: Usage = NOTHING

    def charge(self, cost: Usage) -> None:
        """Add what one attempt has cost."""
        self.attempted += cost


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
