"""An event that may be set from another thread: each thread may run an event loop of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

import anyio


class Alarm:
    """Wakes the one task that made it and waits for it, from whichever thread. Spent once it has rung."""

    __slots__ = ("_event", "_thread", "_wake")

    def __init__(self) -> None:
        """To be made inside the event loop whose task is going to wait."""
        self._event = anyio.Event()
        self._thread = threading.get_ident()
        self._wake = _waker()

    async def wait(self) -> None:
        """Sleep until it rings."""
        await self._event.wait()

    def ring(self) -> bool:
        """Wake the task; False where its event loop has ended, and it with it."""
        try:
            if threading.get_ident() == self._thread:
                self._event.set()
            else:
                self._wake(self._event.set)
        except RuntimeError:  # what both asyncio and trio say of a loop that is over
            return False
        return True


def _waker() -> Callable[[Callable[[], None]], object]:
    try:
        return asyncio.get_running_loop().call_soon_threadsafe
    except RuntimeError:
        import trio  # noqa: PLC0415 - no asyncio loop is running, so it is trio's, and then trio is there

        return trio.lowlevel.current_trio_token().run_sync_soon
