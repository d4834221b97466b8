"""The ring that asks the budget before a call and tells it the truth after."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import anyio

from rlm_async.core.budget import Budget
from rlm_async.core.messages import Completion, Request
from rlm_async.models.bill import Bill
from rlm_async.models.tariff import Tariff
from rlm_async.models.till import Till
from rlm_async.ports import Model


class Meter:
    """Reserves a call's upper bound, lets it run, and settles what its attempts have cost.

    One reservation covers all attempts; a further attempt holds what the failed ones have cost on top of
    it (see `Retry`). The completion bound that is held is also what the provider is told, so it keeps.
    """

    def __init__(
        self, model: Model, tariff: Tariff, till: Till, clock: Callable[[], float] = anyio.current_time
    ) -> None:
        """Meter the calls to `model`; calls that must wait for money wait at `till`."""
        self._model = model
        self._tariff = tariff
        self._till = till
        self._clock = clock

    async def __call__(self, request: Request, budget: Budget) -> Completion:
        """Answer within the budget; the completion's usage is that of all attempts together."""
        bill = Bill(budget)
        came = self._clock()
        place = await self._till.enter(bill, self._tariff.ask(request))
        try:
            waited = self._clock() - came
            completion = await self._model(replace(request, max_tokens=place.size), bill)
        finally:
            place.leave()
        return replace(completion, usage=bill.attempted, waited=completion.waited + waited)
