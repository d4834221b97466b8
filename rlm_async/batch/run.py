"""One batch, from its items to its results. Read this first.

Items that have a result already are passed over; the others go to the executor, which may be this process or
many machines; each result is kept before it counts. What cannot be asked is named and does not stop the others.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Container
from contextlib import aclosing
from dataclasses import dataclass, field

import anyio

from rlm_async.core.items import Item, ItemResult, failed
from rlm_async.errors import ConfigError
from rlm_async.ports import Executor, Job

GIVE_UP = 25
"""So many items in a row that fail at the provider, and the batch stops: it is not the items."""
_PROVIDER = frozenset({"ModelError", "ModelUnavailable", "ModelRejected", "RateLimited"})
_AHEAD = 64


@dataclass(slots=True)
class Stop:
    """Whether the batch goes on; `reason` says why it does not, `complaint` what the provider said."""

    reason: str = ""
    complaint: str = ""
    limited: bool = False
    """Whether it was the batch's own limit."""
    _failures: int = 0

    def note(self, result: ItemResult) -> None:
        """Learn from a result."""
        if not result.settled:
            self.limited = True
            limit = result.record.get("limit") or result.reason
            self.reason = self.reason or f"the batch's own limit was reached ({limit})"
        if result.record.get("kind") in _PROVIDER:
            self._failures += 1
            self.complaint = result.reason
        else:
            self._failures = 0
        if self._failures >= GIVE_UP:
            self.reason = self.reason or f"{GIVE_UP} items in a row failed at the provider ({self.complaint})"


@dataclass(slots=True)
class Batch:
    """A batch on its way: which items are left, and whether it should go on."""

    executor: Executor
    job: Job
    keep: Callable[[ItemResult], None]
    """Keeps a result; what it raises ends the batch."""
    done: Container[str] = frozenset()
    """Ids that have a result already."""
    stop: Stop = field(default_factory=Stop)

    async def run(self, items: AsyncIterator[Item]) -> None:
        """Answer all items that are not done; raises ConfigError where results cannot be kept."""
        turn = anyio.Lock()

        async def deliver(result: ItemResult) -> None:
            async with turn:
                self.stop.note(result)
                self.keep(result)

        async with aclosing(self._left(items)) as left:
            await self.executor.execute(self.job, left, deliver)

    async def _left(self, items: AsyncIterator[Item]) -> AsyncGenerator[Item, None]:
        """The items that are to be asked, until the batch stops."""
        async for item in items:
            if self.stop.reason:
                return
            if item.id in self.done:
                continue
            if item.fault:
                self.keep(failed(item, ConfigError(item.fault)))
                continue
            yield item


class Ordered:
    """Holds results back until those before them are there."""

    def __init__(self, keep: Callable[[ItemResult], None]) -> None:
        """Hand results on to `keep` in the order in which their items came."""
        self._keep = keep
        self._order: dict[str, ItemResult | None] = {}
        self._room = anyio.Event()

    def __call__(self, result: ItemResult) -> None:
        """Take a result."""
        self._order[result.id] = result
        for name in list(self._order):
            first = self._order[name]
            if first is None:
                break
            del self._order[name]
            self._keep(first)
        self._room.set()

    def flush(self) -> None:
        """Hand on what is held, also behind items that nobody answers any more."""
        for result in self._order.values():
            if result is not None:
                self._keep(result)
        self._order.clear()

    async def announced(self, items: AsyncIterator[Item], most: int = _AHEAD) -> AsyncGenerator[Item, None]:
        """The same items; no more than `most` ahead of the first one that is still open."""
        async for item in items:
            while len(self._order) >= most:
                self._room = anyio.Event()
                await self._room.wait()
            self._order[item.id] = None
            yield item
