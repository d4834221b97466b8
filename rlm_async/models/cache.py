"""The outermost ring: a request that was answered before, or is being answered, is not asked again.

Within a run the graph already lets equal queries share a node. This ring is for what the graph cannot
see: equal requests of different runs, and of a run that is taken up again. So it does something only
where a memo was given; temperature plays no part, because `sample` says which of several answers is wanted.
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
from rlm_async.core.usage import NOTHING
from rlm_async.errors import ModelError
from rlm_async.ports import Model


class Memo(Protocol):
    """Where settled completions last. A memo that fails must not fail the call: it forgets instead."""

    async def recall(self, key: str) -> Completion | None:
        """The completion kept under `key`, if any."""
        ...

    async def keep(self, key: str, completion: Completion) -> None:
        """Keep a settled completion."""
        ...


class MemoryMemo:
    """Completions in this process, the least recently used dropped beyond `capacity`."""

    def __init__(self, capacity: int = 10_000) -> None:
        """Start empty."""
        self._capacity = capacity
        self._kept: OrderedDict[str, Completion] = OrderedDict()

    async def recall(self, key: str) -> Completion | None:
        """The completion kept under `key`, if any."""
        if key in self._kept:
            self._kept.move_to_end(key)
        return self._kept.get(key)

    async def keep(self, key: str, completion: Completion) -> None:
        """Keep a completion."""
        self._kept[key] = completion
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
    stead; a provider's error is shared. A reply cut at its length is not kept: with more budget it
    would have been longer.
    """

    def __init__(self, model: Model, memo: Memo) -> None:
        """Remember the completions of `model` in `memo`."""
        self._model = model
        self._memo = memo
        self._flights: dict[str, _Flight] = {}

    async def __call__(self, request: Request, budget: Budget) -> Completion:
        """Answer from memory where possible: then nothing was used, and `cached` is set."""
        if request.fresh:
            return await self._model(request, budget)
        key = request_key(request)
        while (flight := self._flights.get(key)) is not None:
            await flight.landed.wait()
            if flight.error is not None:
                raise flight.error
            if flight.completion is not None:
                return _again(flight.completion)
        return await self._fly(key, request, budget)

    async def _fly(self, key: str, request: Request, budget: Budget) -> Completion:
        flight = self._flights[key] = _Flight()
        try:
            known = await self._memo.recall(key)
            if known is not None:
                flight.completion = known
                return _again(known)
            completion = await self._model(request, budget)
            flight.completion = completion
            if completion.finish != "length":
                await self._memo.keep(key, completion)
        except ModelError as error:
            flight.error = error
            raise
        finally:
            del self._flights[key]
            flight.landed.set()
        return completion


def request_key(request: Request) -> str:
    """BLAKE2b-128 over all that decides the reply, in hexadecimal."""
    parts = [
        request.model,
        [[message.role, message.text] for message in request.messages],
        request.max_tokens,
        request.temperature,
        request.schema,
        request.sample,
    ]
    return hashlib.blake2b(canonical(parts).encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def _again(completion: Completion) -> Completion:
    return replace(completion, usage=NOTHING, waited=0.0, seconds=0.0, attempts=0, cached=True)
