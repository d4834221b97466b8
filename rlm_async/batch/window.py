"""How many items are in hand at once: enough to keep the gate full, no more than that needs."""

from __future__ import annotations

from collections.abc import Callable

import anyio

FIRST = 32


class Window:
    """Lets items in. It begins small and grows by one with each item that ends while the gate has room.

    So a batch of single calls soon has as many items in hand as calls may be in flight, and one whose items
    ask much themselves has few: each item holds memory, and with code a worker process.
    """

    def __init__(self, most: int, hungry: Callable[[], bool], fixed: int | None = None) -> None:
        """At most `most` items at once, or always `fixed`; `hungry` says whether more calls could be in flight."""
        self.size = fixed or min(FIRST, most)
        self.inside = 0
        self.peak = 0
        self._most = most if fixed is None else fixed
        self._hungry = hungry
        self._freed = anyio.Event()

    async def enter(self) -> None:
        """Wait until there is room for one more item. One caller at a time."""
        while self.inside >= self.size:
            self._freed = anyio.Event()
            await self._freed.wait()
        self.inside += 1
        self.peak = max(self.peak, self.inside)

    def leave(self) -> None:
        """An item has ended."""
        self.inside -= 1
        if self.size < self._most and self._hungry():
            self.size += 1
        self._freed.set()
