"""Work beside whoever asked for it: a task that an async generator may own, a loop in a thread of its own.

An async generator must not hold a task group across a `yield` (a consumer that breaks off leaves it to be
closed from another task: see the anyio manual, "Cancellation and async generators"). So a detached task is one
of the event loop's own, which both backends can start; it is cancelled and awaited at the end.
"""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

import anyio

T = TypeVar("T")


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


def waited(work: Callable[[], Awaitable[T]]) -> T:
    """What `work` returns, for code without an event loop; inside one (a notebook) it has a thread of its own."""
    if not in_event_loop():
        return anyio.run(work)
    ended: list[T] = []
    failed: list[BaseException] = []

    def run() -> None:
        for variable in contextvars.copy_context():
            if variable.name == "current_async_library_cvar":  # sniffio: the caller's loop is not this thread's
                variable.set(None)
        try:
            ended.append(anyio.run(work))
        except BaseException as error:  # noqa: BLE001 - carried to the thread that asked, and raised there
            failed.append(error)

    caller = contextvars.copy_context()  # the caller's span, which a new thread knows nothing of
    thread = threading.Thread(target=caller.run, args=(run,), name="rlm-async")
    thread.start()
    thread.join()
    if failed:
        raise failed[0]
    return ended[0]


def in_event_loop() -> bool:
    """Whether the caller runs in an event loop."""
    try:
        anyio.get_current_task()
    except (RuntimeError, anyio.NoEventLoopError):
        return False
    return True
