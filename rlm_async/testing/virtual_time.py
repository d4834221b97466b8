"""An asyncio event loop whose clock jumps: tests of hours that take no time.

trio has this as `trio.testing.MockClock`; with anyio's pytest plugin use it as
``("asyncio", {"loop_factory": VirtualLoop})``.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Mapping
from typing import Any


class _JumpingSelector(selectors.BaseSelector):
    """Waits for sockets only; a wait for time is skipped and reported to `jumped` instead."""

    def __init__(self) -> None:
        self._real = selectors.DefaultSelector()
        self.jumped = 0.0

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:  # noqa: ANN401 - as the base class has it
        return self._real.register(fileobj, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:  # noqa: ANN401 - as the base class has it
        return self._real.unregister(fileobj)

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            return self._real.select(None)
        ready = self._real.select(0)
        if not ready:
            self.jumped += max(timeout, 0.0)
        return ready

    def close(self) -> None:
        self._real.close()

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self._real.get_map()


class VirtualLoop(asyncio.SelectorEventLoop):
    """Time passes only when every task waits for it, and then at once. Starts at 0.

    Not for code that waits for threads, processes or sockets while a timer runs: the timer wins.
    """

    def __init__(self) -> None:
        """Open the loop with its own clock."""
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)

    def time(self) -> float:
        """Virtual seconds since the loop was opened."""
        return self._jumping.jumped
