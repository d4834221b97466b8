"""The driver's side: keeps the actors alive, gives them items, and hands on what comes back.

Ray's own retries are off: an item whose worker died is an item that may have killed it. So it is asked again with
the others once; when that worker dies too, it is asked alone; and when it kills a third, it is given up by name.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import anyio
import anyio.to_thread
import ray
from ray.exceptions import RayError, RayTaskError

from rlm_async.core.items import Item, ItemResult, failed
from rlm_async.core.placement import Placement
from rlm_async.errors import ConfigError, InternalError, SandboxCrashed
from rlm_async.ports import Deliver, Executor, Job, Lender
from rlm_async_ray.desk import Desk

ALONE = 2
"""Deaths after which an item is asked with no other in the same worker."""
DEATHS = 3
"""Deaths after which it is given up."""
CLOSING = 5.0
"""Seconds that an actor has to close what it holds, before it is killed."""


@dataclass(slots=True, eq=False)
class _Try:
    item: Item
    deaths: int = 0


@dataclass(slots=True, eq=False)
class _State:
    """One batch: what waits, how much is open, what was refused."""

    job: Job
    deliver: Deliver
    waiting: deque[_Try] = field(default_factory=deque)
    open: int = 0
    exhausted: bool = False
    refusal: str = ""
    _moved: anyio.Event = field(default_factory=anyio.Event)

    def move(self) -> None:
        """Something has changed: whoever waits looks again."""
        self._moved.set()
        self._moved = anyio.Event()

    async def moved(self) -> None:
        """Wait for the next change."""
        await self._moved.wait()

    @property
    def over(self) -> bool:
        """Whether nothing is left to do."""
        return bool(self.refusal) or (self.exhausted and not self.open)

    async def close(self, result: ItemResult) -> None:
        """Hand on the result of an item."""
        await self.deliver(result)
        self.open -= 1
        self.move()


@dataclass(slots=True, eq=False)
class _Worker:
    """One actor and what it has in hand."""

    desk: Any
    scope: anyio.CancelScope
    """Around the wait for items; cancelled when the actor is dead."""
    hand: int = 0
    dead: bool = False


class RayExecutor:
    """Answers items in the actors of a Ray cluster; implements `ports.Executor`. Needs asyncio."""

    def __init__(self, placement: Placement, lender: Lender | None = None) -> None:
        """Connect to nothing yet; `lender` is asked before an item is asked again."""
        self._placement = placement
        self._lender = lender

    async def execute(self, job: Job, items: AsyncIterator[Item], deliver: Deliver) -> None:
        """Answer every item, and deliver each result as it comes."""
        mine = await anyio.to_thread.run_sync(_connect, self._placement.url)
        state = _State(job, deliver)
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._take, state, items)
                for _ in range(self._placement.workers):
                    tasks.start_soon(self._keep_one, state)
                while not state.over:
                    await state.moved()
                tasks.cancel_scope.cancel()
        finally:
            if mine:
                with anyio.CancelScope(shield=True):
                    await anyio.to_thread.run_sync(ray.shutdown)
        if state.refusal:
            raise ConfigError(state.refusal)

    async def _take(self, state: _State, items: AsyncIterator[Item]) -> None:
        """Have one item ready at any time, no more: they are read as fast as they are answered."""
        async for item in items:
            state.open += 1
            state.waiting.append(_Try(item))
            state.move()
            while state.waiting:
                await state.moved()
        state.exhausted = True
        state.move()

    async def _keep_one(self, state: _State) -> None:
        """Keep one worker alive for as long as there is work."""
        while not state.over:
            desk = _actor(self._placement).remote(self._placement, dict(state.job))
            try:
                refusal = await desk.ready.remote()
                if refusal:
                    state.refusal = refusal["error"]
                    state.move()
                    return
                await self._serve(state, _Worker(desk, anyio.CancelScope()))
            except RayTaskError as error:
                state.refusal = f"a worker could not begin: {_line(error)}"
                state.move()
            except RayError:
                await anyio.sleep(0.2)  # it died before it was open; Ray may have no room for it yet
            finally:
                await _close(desk)

    async def _serve(self, state: _State, worker: _Worker) -> None:
        """Give a worker items until there are none, or it dies."""
        async with anyio.create_task_group() as tasks:
            with worker.scope:
                while not worker.dead:
                    while not state.waiting:
                        await state.moved()
                    alone = state.waiting[0].deaths >= ALONE
                    if worker.hand >= (1 if alone else self._placement.most):
                        await state.moved()
                        continue
                    one = state.waiting.popleft()
                    worker.hand += 1
                    state.move()
                    tasks.start_soon(self._answer, state, worker, one)
                    while alone and worker.hand and not worker.dead:
                        await state.moved()

    async def _answer(self, state: _State, worker: _Worker, one: _Try) -> None:
        try:
            record = await worker.desk.answer.remote(one.item.record())
        except RayTaskError as error:  # not of the item, which cannot raise: of ours
            await state.close(failed(one.item, InternalError(f"a worker failed: {_line(error)}")))
        except RayError:
            worker.dead = True
            worker.scope.cancel()
            await self._mourn(state, one)
        else:
            await state.close(ItemResult(id=one.item.id, record=record))
        finally:
            worker.hand -= 1
            state.move()

    async def _mourn(self, state: _State, one: _Try) -> None:
        one.deaths += 1
        if one.deaths >= DEATHS:
            loss = SandboxCrashed(f"{one.deaths} workers died while they answered it")
            await state.close(failed(one.item, loss))
            return
        if self._lender is not None:
            item = await self._lender.again(one.item)
            if item is None:
                state.open -= 1
                state.move()
                return
            one.item = item
        state.waiting.append(one)


def make(placement: Placement, lender: Lender) -> Executor:
    """The entry point: `ray` for the cluster of RAY_ADDRESS or one of this machine, `ray:HOST:PORT`, `ray://HOST:PORT`."""
    return RayExecutor(placement, lender)


def _connect(url: str) -> bool:
    """Whether a connection was made here; raises ConfigError."""
    if ray.is_initialized():
        return False
    scheme, _, address = url.partition(":")
    where = url if address.startswith("//") else address or None
    try:
        ray.init(
            address=where,
            include_dashboard=None if where else False,
            log_to_driver=False,
            logging_level=logging.ERROR,  # the line at the bottom is ours
        )
    except (ConnectionError, RayError, RuntimeError, ValueError) as error:
        raise ConfigError(f"--executor {scheme}: the cluster cannot be used: {_line(error)}") from error
    return True


def _actor(placement: Placement) -> Any:  # noqa: ANN401 - Ray makes its own class of it
    # one beyond `most`, so that `close` is heard while all are busy
    return ray.remote(num_cpus=1, max_restarts=0, max_task_retries=0, max_concurrency=placement.most + 2)(Desk)


async def _close(desk: Any) -> None:  # noqa: ANN401 - Ray's handle
    with anyio.CancelScope(shield=True):
        with suppress(RayError), anyio.move_on_after(CLOSING):
            await desk.close.remote()
        with suppress(RayError):
            await anyio.to_thread.run_sync(lambda: ray.kill(desk, no_restart=True))


def _line(error: BaseException) -> str:
    return str(error).strip().rpartition("\n")[2] or type(error).__name__
