"""What the items of a batch share: the ledger, the memory of answered calls, the texts, the end in time."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from pathlib import Path

import anyio

from rlm_async.api.detached import detached
from rlm_async.api.wiring import Resources
from rlm_async.batch.corpora import Corpora
from rlm_async.batch.here import answered_by
from rlm_async.batch.run import Batch, Ordered, Stop
from rlm_async.batch.turns import Turn, Turns
from rlm_async.batch.window import Window
from rlm_async.contexts import load_async
from rlm_async.core.answer import Answer
from rlm_async.core.budget import Budget
from rlm_async.core.context import Context
from rlm_async.core.data import Data, canonical
from rlm_async.core.events import LimitHit
from rlm_async.core.items import Item, ItemResult, answered, failed
from rlm_async.core.profile import Profile
from rlm_async.core.usage import Limits
from rlm_async.engine.equipment import Equipment
from rlm_async.errors import BudgetExceeded, ModelError, Refused, RLMError
from rlm_async.models.cache import Cache, MemoryMemo
from rlm_async.models.tariff import check_prices
from rlm_async.ports import Asker, Deliver, Job
from rlm_async.telemetry.propagation import continued

Fit = tuple[Profile, Context]
LEDGER = "the batch"
_FITS = 8
REMEMBERED = 2_000
"""Answered calls that are kept in memory for other items; a journal has all of them."""
FULL = 0.9
"""Part of a gate's ceiling from which on it counts as full."""


class Fitting:
    """The profile for each context, and the context as it wants it; of a shared one found once, for all its items."""

    def __init__(self, fit: Callable[[Context], Awaitable[Fit]]) -> None:
        """Find out with `fit`."""
        self._fit = fit
        self._found: OrderedDict[int, tuple[Context, Fit]] = OrderedDict()
        self._turn = anyio.Lock()

    async def __call__(self, context: Context, *, own: bool) -> Fit:
        """The fit of `context`; `own` where no other item is about the same one."""
        if own:
            return await self._fit(context)
        async with self._turn:
            known = self._found.get(id(context))
            if known is None or known[0] is not context:
                known = self._found[id(context)] = (context, await self._fit(context))
            self._found.move_to_end(id(context))
            if len(self._found) > _FITS:
                self._found.popitem(last=False)
            return known[1]


@dataclass(slots=True, eq=False)
class Shared:
    """One batch's ledger, model and end: what each of its runs is given in place of its own."""

    resources: Resources
    total: Limits
    fitting: Fitting
    name: str = ""
    """The batch's name in the journal."""
    schema: str | None = None
    """As JSON text."""
    cite: bool = False
    ledger: Budget = field(init=False)
    model: Cache = field(init=False)
    ends: float = field(init=False)

    def __post_init__(self) -> None:
        """Begin now; equal requests of all items share one call from here on."""
        self.ledger = Budget(LEDGER, self.total)
        self.model = Cache(self.resources.table, MemoryMemo(REMEMBERED))
        self.ends = float("inf") if self.total.seconds is None else anyio.current_time() + self.total.seconds

    def applied(self, equipment: Equipment, item: Item) -> Equipment:
        """The equipment of the run of one item."""
        limits = equipment.limits.narrowed(**dict(item.grant))
        if self.ends != float("inf"):
            limits = limits.narrowed(seconds=max(self.ends - equipment.clock(), 0.001))
        return replace(equipment, model=self.model, above=self.ledger, limits=limits)

    def check(self) -> None:
        """Raise BudgetExceeded where nothing is left for a further item."""
        left = self.ledger.left()
        for resource, amount in left.items():
            if amount is not None and amount <= 0 and not getattr(self.ledger.held, resource):
                raise BudgetExceeded(LEDGER, resource, 1, 0)
        if anyio.current_time() >= self.ends:
            raise BudgetExceeded(LEDGER, "seconds", 0, 0)

    def cut(self, item: Item, answer: Answer | None, error: RLMError | None) -> bool:
        """Whether it was the batch's own limit that ended a run."""
        granted = {name for name, _ in item.grant}
        if isinstance(error, BudgetExceeded) and (error.scope == LEDGER or error.resource in granted):
            return True
        if answer is None or answer.status == "complete":
            return False
        if answer.limit in granted:
            return True
        if answer.limit == "seconds" and anyio.current_time() >= self.ends:
            return True
        return any(isinstance(event, LimitHit) and event.scope == LEDGER for event in answer.trace)


Asking = Callable[[Item, Context, Shared], Awaitable[Answer]]


@dataclass(frozen=True, slots=True, eq=False)
class BatchAsker:
    """Answers items with one RLM; implements `ports.Asker`."""

    asking: Asking
    corpora: Corpora
    shared: Shared

    @property
    def hungry(self) -> bool:
        """Whether no gate is full."""
        gates = self.shared.resources.table.statistics().values()
        return all(gate.waiting == 0 and gate.in_flight < FULL * gate.ceiling for gate in gates)

    def pace_with(self, pace: Callable[[str], Turn]) -> None:
        """Have every call that is really made wait for a turn of `pace(model)`; before the first item."""
        self.shared.model = Cache(Turns(self.shared.resources.table, pace), MemoryMemo(REMEMBERED))

    async def __call__(self, item: Item) -> ItemResult:
        """Answer one item."""
        try:
            self.shared.check()
            context = await self.corpora.of(item)
            answer = await self._asked(item, context)
        except RLMError as error:
            begun = error.answer if isinstance(error.answer, Answer) else None
            return failed(item, error, cut=self.shared.cut(item, begun, error))
        return answered(item, answer, cut=self.shared.cut(item, answer, None))

    async def _asked(self, item: Item, context: Context) -> Answer:
        if not item.trace:
            return await self.asking(item, context, self.shared)
        with continued({"traceparent": item.trace}):
            return await self.asking(item, context, self.shared)


def batch_name(resources: Resources, context: Context, schema: str | None) -> str:
    """A name that the same call has again, so that a journal knows what had been answered."""
    parts: Data = [resources.root_model, resources.sub_model, context.digest, schema]
    return f"batch-{hashlib.blake2b(canonical(parts).encode(), digest_size=6).hexdigest()}"


async def load_paths(paths: Sequence[str]) -> Context:
    """The context of an item's own paths."""
    return await load_async([Path(path) for path in paths])


def check_total(total: Limits | None, resources: Resources) -> Limits:
    """The batch's own limits; raises ConfigError for money that cannot be counted."""
    if total is None:
        return Limits(calls=None, tokens=None)
    check_prices(total, sorted(resources.models), resources.table.info)
    return total


@dataclass(frozen=True, slots=True)
class InHand:
    """The executor behind `RLM.batch`: the asker is open already."""

    asker: Asker
    most: int

    async def execute(self, job: Job, items: AsyncIterator[Item], deliver: Deliver) -> None:  # noqa: ARG002 - part of the port
        """Answer every item on this event loop."""
        await answered_by(self.asker, items, deliver, Window(self.most, lambda: self.asker.hungry))


async def results(
    items: AsyncGenerator[Item, None], executor: InHand, *, ordered: bool
) -> AsyncGenerator[ItemResult, None]:
    """The results of `items` as they come, no more of them made than are taken; `ordered` as their items came."""
    send, receive = anyio.create_memory_object_stream[ItemResult](float("inf"))
    failures: list[Exception] = []
    taken = Taken(2 * executor.most)

    async def work() -> None:
        with send:
            try:
                await _poured(taken.paced(items), executor, send.send_nowait, ordered=ordered)
            except Exception as error:  # noqa: BLE001 - carried to the consumer, and raised there
                failures.append(error)

    async with aclosing(items):
        with receive:
            async with detached(work):
                async for result in receive:
                    taken.one()
                    yield result
    if failures:
        raise failures[0]


async def _poured(
    items: AsyncGenerator[Item, None], executor: InHand, keep: Callable[[ItemResult], None], *, ordered: bool
) -> None:
    line = Ordered(keep)
    batch = Batch(executor, {}, line if ordered else keep)
    async with aclosing(items), aclosing(line.announced(items, 2 * executor.most)) as announced:
        await batch.run(announced if ordered else items)
    line.flush()
    if batch.stop.reason:
        raise stopped(batch.stop)


def stopped(stop: Stop) -> RLMError:
    """The error of a batch that did not come to its end: its own limit, or the provider."""
    kind = Refused if stop.limited else ModelError
    return kind(f"the batch stopped early: {stop.reason}")


class Taken:
    """Keeps a consumer's pace: no more than `most` items are ahead of the results that were taken."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._ahead = 0
        self._room = anyio.Event()

    def one(self) -> None:
        """A result was taken."""
        self._ahead -= 1
        self._room.set()

    async def paced(self, items: AsyncIterator[Item]) -> AsyncGenerator[Item, None]:
        """The same items."""
        async for item in items:
            while self._ahead >= self._most:
                self._room = anyio.Event()
                await self._room.wait()
            self._ahead += 1
            yield item
