"""Where a node's time went: queued, waiting for its children, at work; and a run's times as time stamps."""

from __future__ import annotations

from dataclasses import dataclass, field

from rlm_async.core.graph import State

_NANO = 1_000_000_000


@dataclass(slots=True, eq=False)
class Times:
    """Seconds that a node has spent in each state, kept up with each move."""

    since: float
    state: State = State.QUEUED
    _spent: dict[State, float] = field(default_factory=dict)

    def move(self, state: State, at: float) -> None:
        """The node is in `state` from `at` on."""
        self._spent[self.state] = self._spent.get(self.state, 0.0) + at - self.since
        self.state, self.since = state, at

    def spent(self, state: State, at: float) -> float:
        """Seconds in `state` until `at`."""
        return self._spent.get(state, 0.0) + (at - self.since if self.state is state else 0.0)


@dataclass(frozen=True, slots=True)
class Epoch:
    """When a run began; turns its seconds into nanoseconds since the epoch, which spans are stamped with.

    Stamps come from the events and not from a clock of the sink: a trace that is told again from a journal
    gets the times that it had.
    """

    nanos: int = 0

    @classmethod
    def at(cls, seconds: float) -> Epoch:
        """The epoch of a run that began `seconds` after 1970."""
        return cls(int(seconds * _NANO))

    def stamp(self, at: float) -> int:
        """The time stamp of `at` seconds of the run."""
        return self.nanos + int(at * _NANO)
