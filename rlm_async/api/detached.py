"""A task that an async generator may own: it ends with the generator, in whichever task that is closed.

An async generator must not hold a task group across a `yield` (a consumer that breaks off leaves it to be
closed from another task: see the anyio manual, "Cancellation and async generators"). So the work runs in a
task of the event loop's own, which both backends can start, and is cancelled and awaited at the end.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import anyio


@asynccontextmanager
async def detached(work: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
    """Run `work`, which must not raise, beside the block; at its end cancel it and wait until it is gone."""
    scope = anyio.CancelScope()
    ended = anyio.Event()

    async def run() -> None:
        try:
            with scope:
                await work()
        finally:
            ended.set()

    try:
        keep = asyncio.get_running_loop().create_task(run())  # held: the loop itself keeps only a weak reference
    except RuntimeError:
        keep = None
        import trio  # noqa: PLC0415 - no asyncio loop is running, so it is trio's, and then trio is there

        trio.lowlevel.spawn_system_task(run, context=contextvars.copy_context())  # with the caller's span
    try:
        yield
    finally:
        scope.cancel()
        with anyio.CancelScope(shield=True):
            await ended.wait()
        del keep


def in_event_loop() -> bool:
    """Whether the caller runs in an event loop."""
    try:
        anyio.get_current_task()
    except (RuntimeError, anyio.NoEventLoopError):
        return False
    return True
