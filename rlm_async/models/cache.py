"""The outermost ring: a request that was answered before, or is being answered, is not asked again.

Within a run the graph already lets equal queries share a node. This ring is for what the graph cannot
see: equal requests of the runs of a batch, and of a run that is taken up again. So it does something only
where a memo was given; `journal/recording.py` is the one that lasts. Temperature plays no part, because
`sample` says which of several answers is wanted.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from dataclasses import dataclass, field, replace
from typing import Protocol

import anyio

from rlm_async.core.budget import Budget
from rlm_async.core.data import canonical
from rlm_async.core.messages import Completion, Request
from rlm_async.core.moment import timeless
from rlm_async.core.usage import NOTHING
from rlm_async.errors import ModelError, RLMError
from rlm_async.ports import Model


class Memo(Protocol):
    """Where settled completions last. A memo that fails must not fail the call: it forgets instead."""

    async def recall(self, request: Request, key: str) -> Completion | None:
        """The completion kept under `key`, if any; its `usage` is what the caller's budget is charged for it.

        Must not suspend for the request of a last turn: what was kept back for it is free only until then.
        """
        ...

    async def keep(self, request: Request, key: str, outcome: Completion | RLMError | None) -> None:
        """Take note of how a request ended that was not recalled; None where it was given up."""
        ...


class MemoryMemo:
    """Completions in this process, the least recently used dropped beyond `capacity`. What is recalled is free."""

    def __init__(self, capacity: int = 10_000) -> None:
        """Start empty."""
        self._capacity = capacity
        self._kept: OrderedDict[str, Completion] = OrderedDict()

    async def recall(self, request: Request, key: str) -> Completion | None:
        """The completion kept under `key`, if any; a fresh request wants none."""
        if request.fresh or key not in self._kept:
            return None
        self._kept.move_to_end(key)
        return replace(self._kept[key], usage=NOTHING)

    async def keep(self, request: Request, key: str, outcome: Completion | RLMError | None) -> None:
        """Keep a completion; one cut at its length is not kept: with more budget it would have been longer."""
        if request.fresh or not isinstance(outcome, Completion) or outcome.finish == "length":
            return
        self._kept[key] = outcome
        self._kept.move_to_end(key)
        if len(self._kept) > self._capacity:
            self._kept.popitem(last=False)


@dataclass(slots=True)
class _Flight:
    """A request that is being answered; without an outcome when it lands, its asker has given up."""

    landed: anyio.Event = field(default_factory=anyio.Event)
    completion: Completion | None = None
    error: ModelError | None = None


class Cache:
    """Answers from a memo, and lets equal requests in flight share one call.

    The one that came first pays. If it is cancelled, or its budget refuses, the next one asks in its
    stead; a provider's error is shared. A fresh request shares nothing; its memo may know what the same
    asking was answered in a run that is taken up again.
    """

    def __init__(self, model: Model, memo: Memo) -> None:
        """Remember the completions of `model` in `memo`."""
        self._model = model
        self._memo = memo
        self._flights: dict[str, _Flight] = {}

    async def __call__(self, request: Request, budget: Budget) -> Completion:
        """Answer from memory where possible: then `cached` is set, and `usage` is what the memo charges."""
        key = request_key(request)
        if request.fresh:
            return await self._asked(request, key, budget)
        while (flight := self._flights.get(key)) is not None:
            await flight.landed.wait()
            if flight.error is not None:
                raise flight.error
            if flight.completion is not None:
                known = await self._memo.recall(request, key)
                return _again(known or replace(flight.completion, usage=NOTHING), budget)
        return await self._fly(request, key, budget)

    async def _fly(self, request: Request, key: str, budget: Budget) -> Completion:
        flight = self._flights[key] = _Flight()
        try:
            flight.completion = await self._asked(request, key, budget)
        except ModelError as error:
            flight.error = error
            raise
        finally:
            del self._flights[key]
            flight.landed.set()
        return flight.completion

    async def _asked(self, request: Request, key: str, budget: Budget) -> Completion:
        known = await self._memo.recall(request, key)
        if known is not None:
            return _again(known, budget)
        outcome: Completion | RLMError | None = None
        try:
            outcome = await self._model(request, budget)
        except RLMError as error:
            outcome = error
            raise
        finally:
            with anyio.CancelScope(shield=True):
                await self._memo.keep(request, key, outcome)
        return outcome


def request_key(request: Request) -> str:
    """BLAKE2b-128 over all that decides the reply, in hexadecimal; what a prompt tells of the moment does not."""
    parts = [
        request.model,
        [[message.role, timeless(message.text)] for message in request.messages],
        request.max_tokens,
        request.temperature,
        request.schema,
        request.sample,
    ]
    return hashlib.blake2b(canonical(parts).encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def _again(known: Completion, budget: Budget) -> Completion:
    """What was answered before, charged as the memo says; raises BudgetExceeded where that does not fit."""
    if known.usage != NOTHING:
        with budget.reserve(known.usage) as reservation:
            reservation.settle(known.usage)
    return replace(known, waited=0.0, seconds=0.0, attempts=0, retries=(), cached=True)
