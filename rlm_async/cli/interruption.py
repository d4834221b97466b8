"""What Ctrl-C, SIGTERM and SIGHUP do: the first ends the work in good order, the second the process at once."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
"""Windows has no SIGHUP."""
SIGNALLED = 128
"""A shell's exit status of a process that a signal ended is this and the signal's number."""


class Interruption:
    """Takes the signals of this process; `signal` is the number of the first one, None before."""

    def __init__(self, cancel: Callable[[], None], abandon: Callable[[], None]) -> None:
        """`cancel` is called in the event loop, once; `abandon` right before the process ends at once."""
        self.signal: int | None = None
        self._cancel = cancel
        self._abandon = abandon
        self._loop = asyncio.get_running_loop()

    def __call__(self, number: int, _: FrameType | None) -> None:
        """Take a signal: a Python-level handler runs even while something keeps the event loop busy."""
        if self.signal is None:
            self.signal = number
            self._loop.call_soon_threadsafe(self._cancel)
            return
        try:
            self._abandon()
        finally:
            os._exit(SIGNALLED + number)


@contextmanager
def interruptible(cancel: Callable[[], None], abandon: Callable[[], None]) -> Iterator[Interruption]:
    """Take the signals for the length of the block; main thread of an asyncio loop only."""
    interruption = Interruption(cancel, abandon)
    before = {number: signal.signal(number, interruption) for number in SIGNALS if _heard(number)}
    try:
        yield interruption
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _heard(number: int) -> bool:
    """Whether the signal is not ignored already: `nohup` ignores SIGHUP, a shell's `&` SIGINT."""
    return signal.getsignal(number) is not signal.SIG_IGN
