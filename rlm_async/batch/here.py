"""The executor that answers items in this process."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager

import anyio

from rlm_async.batch.window import Window
from rlm_async.core.items import Item, ItemResult, failed
from rlm_async.errors import InternalError, RLMError
from rlm_async.ports import Asker, Deliver, Job

log = logging.getLogger(__name__)

Opening = Callable[[Job], AbstractAsyncContextManager[Asker]]
"""The composition root's way to open what answers the items of a job in this process."""


class Here:
    """Answers on this event loop; every item has a task of its own, under one gate and one budget."""

    def __init__(self, opening: Opening, *, most: int = 64, fixed: int | None = None) -> None:
        """At most `most` items in hand, as many as the gate needs; or always `fixed`."""
        self._opening = opening
        self._most = most
        self._fixed = fixed

    async def execute(self, job: Job, items: AsyncIterator[Item], deliver: Deliver) -> None:
        """Answer every item, and deliver each result as it comes."""
        async with self._opening(job) as asker:
            await answered_by(asker, items, deliver, Window(self._most, lambda: asker.hungry, self._fixed))


async def answered_by(asker: Asker, items: AsyncIterator[Item], deliver: Deliver, window: Window) -> None:
    """Answer `items` with `asker`, as many at once as `window` lets in."""
    failures: list[RLMError] = []
    async with anyio.create_task_group() as tasks:

        async def one(item: Item) -> None:
            try:
                await deliver(await settled(asker, item))
            except RLMError as error:  # the results cannot be kept: nothing more is worth asking
                failures.append(error)
                tasks.cancel_scope.cancel()
            finally:
                window.leave()

        try:
            await window.enter()
            async for item in items:
                tasks.start_soon(one, item)
                await window.enter()
            window.leave()
        except RLMError as error:
            failures.append(error)
            tasks.cancel_scope.cancel()
    if failures:
        raise failures[0]


async def settled(asker: Asker, item: Item) -> ItemResult:
    """The result of one item; whatever is wrong with it stays with it."""
    try:
        return await asker(item)
    except RLMError as error:
        return failed(item, error)
    except Exception as error:  # a boundary: one poisoned item must not end the others
        bug = InternalError(f"{type(error).__name__} while item {item.id!r} was answered")
        bug.__cause__ = error
        log.warning("%s", bug, exc_info=error)
        return failed(item, bug)
