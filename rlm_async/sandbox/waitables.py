"""What tasks wait for: anything that says when it is done and which replies would bring it forward."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Protocol


class Waitable(Protocol):
    """Something that will be done: a call, a task, a timer, a lock."""

    def done(self) -> bool:
        """Whether there is nothing left to wait for."""
        ...

    def tickets(self) -> Sequence[int]:
        """Replies of the host that would bring it forward; empty where only other tasks can."""
        ...

    def abandon(self) -> None:
        """Nobody waits for it any more: stop what it costs."""
        ...


class Free:
    """The half of a waitable that costs nothing: no replies, nothing to stop."""

    __slots__ = ()

    def tickets(self) -> Sequence[int]:
        """None: only other tasks bring it forward."""
        return ()

    def abandon(self) -> None:
        """Nothing to stop."""


class Wait:
    """Awaiting a waitable: gives the turn away until it is done."""

    __slots__ = ("_target",)

    def __init__(self, target: Waitable) -> None:
        self._target = target

    def __await__(self) -> Generator[Waitable, None, None]:
        while not self._target.done():
            yield self._target


class Timer(Free):
    """A moment in the scheduler's own time, in seconds since the start."""

    __slots__ = ("due", "fired")

    def __init__(self, due: float) -> None:
        self.due = due
        self.fired = False

    def done(self) -> bool:
        """Whether the moment is past."""
        return self.fired
