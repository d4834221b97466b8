"""The batch's own limits around an executor that knows nothing of them: items go in with what they are lent."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass, field

import anyio

from rlm_async.batch.leases import Leases, cost, granted
from rlm_async.batch.tracing import traced
from rlm_async.core.items import Item, ItemResult, failed
from rlm_async.errors import BudgetExceeded
from rlm_async.ports import Deliver, Executor, Job


@dataclass(slots=True, eq=False)
class Lending:
    """Lends to each item what it may cost; implements `ports.Lender`."""

    leases: Leases
    _deliver: Deliver | None = None
    _moved: anyio.Event = field(default_factory=anyio.Event)

    async def execute(self, executor: Executor, job: Job, items: AsyncIterator[Item], deliver: Deliver) -> None:
        """Have `executor` answer every item, within what there is to lend."""
        self._deliver = deliver

        async def settled(result: ItemResult) -> None:
            self.leases.settle(result.id, cost(result.record))
            self._move()
            await deliver(result)

        async with aclosing(self._lent(items, str(job.get("name")))) as lent:
            await executor.execute(job, lent, settled)

    async def again(self, item: Item) -> Item | None:
        """Charge what an item was lent; the item with a new grant, or None, and a result, where nothing is left."""
        self.leases.settle(item.id, None)
        self._move()
        return await self._granted(item)

    async def _lent(self, items: AsyncIterator[Item], batch: str) -> AsyncGenerator[Item, None]:
        async for item in items:
            lent = await self._granted(traced(item, batch))
            if lent is not None:
                yield lent

    async def _granted(self, item: Item) -> Item | None:
        while True:
            try:
                grant = self.leases.lend(item.id)
            except BudgetExceeded as refusal:
                if self._deliver is not None:
                    await self._deliver(failed(item, refusal, cut=True))
                return None
            if grant is not None:
                return granted(item, grant)
            await self._moved.wait()  # others must end first

    def _move(self) -> None:
        self._moved.set()
        self._moved = anyio.Event()


@dataclass(frozen=True, slots=True)
class Within:
    """An executor within the limits of `lending`; implements `ports.Executor`."""

    executor: Executor
    lending: Lending

    async def execute(self, job: Job, items: AsyncIterator[Item], deliver: Deliver) -> None:
        """Answer every item, and deliver each result as it comes."""
        await self.lending.execute(self.executor, job, items, deliver)
