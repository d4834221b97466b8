"""The worker's side: an actor that has what answers a batch open, and answers item by item."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager, suppress
from importlib import import_module

from rlm_async.core.data import Data
from rlm_async.core.items import Item, failed
from rlm_async.core.placement import Placement
from rlm_async.errors import InternalError, RLMError
from rlm_async.ports import Asker, Job

Refusal = Mapping[str, str]
"""Why a worker cannot work: the error's class and what it says; empty where it can."""


class Desk:
    """Answers many items at once, on the event loop of its actor. Ray makes one of it in a process of its own."""

    def __init__(self, placement: Placement, job: Job) -> None:
        """Open nothing yet."""
        self._placement = placement
        self._job = job
        self._asker: Asker | None = None
        self._refusal: Refusal = {}
        self._ready = asyncio.Event()
        self._over = asyncio.Event()
        self._holding: asyncio.Task[None] | None = None

    async def ready(self) -> Refusal:
        """Open what answers; says why where that is impossible here."""
        if self._holding is None:  # one task opens and closes: what it holds may insist on that
            self._holding = asyncio.create_task(self._hold())
        await self._ready.wait()
        return self._refusal

    async def answer(self, record: Mapping[str, Data]) -> Mapping[str, Data]:
        """The record of an item's result; whatever is wrong with the item stays with it."""
        item = Item.of_record(record)
        if self._asker is None:
            return failed(item, InternalError("a worker was asked before it was open")).record
        try:
            return (await self._asker(item)).record
        except RLMError as error:
            return failed(item, error).record
        except Exception as error:  # noqa: BLE001 - a boundary: one poisoned item must not end the others
            return failed(item, InternalError(f"{type(error).__name__} while item {item.id!r} was answered")).record

    async def close(self) -> None:
        """Close what is open, and what it has started."""
        self._over.set()
        if self._holding is not None:
            with suppress(asyncio.CancelledError):
                await self._holding

    async def _hold(self) -> None:
        try:
            async with _named(self._placement.opens)(self._job) as self._asker:
                self._ready.set()
                await self._over.wait()
        except RLMError as error:
            self._refusal = {"kind": type(error).__name__, "error": str(error)}
        finally:
            self._ready.set()


def _named(opens: str) -> Callable[[Job], AbstractAsyncContextManager[Asker]]:
    """What `module:function` names."""
    module, _, name = opens.partition(":")
    found: Callable[[Job], AbstractAsyncContextManager[Asker]] = getattr(import_module(module), name)
    return found
