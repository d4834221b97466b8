"""A run as plain lines, for logs and pipes: what is worth knowing, and never a flood."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TextIO

from rlm_async.cli.amounts import count, duration, money
from rlm_async.cli.progress import Progress
from rlm_async.cli.streams import write_line
from rlm_async.cli.text import one_line, visible
from rlm_async.core import events
from rlm_async.core.events import Event
from rlm_async.core.graph import State
from rlm_async.core.profile import PLAIN
from rlm_async.engine.recorder import Clock

EVERY, SELDOM = 5.0, 30.0
"""Seconds between two lines of progress: in the first minute, and later."""
FAILURES = 5
"""Failed nodes that get a line of their own; the rest is in the counts."""


class Lines:
    """The view where there is no terminal. A sink."""

    period = 1.0

    def __init__(self, progress: Progress, stream: TextIO, clock: Clock) -> None:
        """Write to `stream`; `clock` gives seconds from any beginning."""
        self.progress = progress
        self._stream = stream
        self._clock = clock
        self._began = self._told = clock()
        self._failures = 0

    def __call__(self, event: Event) -> None:
        """Take the next event."""
        self.progress(event)
        match event:
            case events.RunStarted():
                self._began = self._told = self._clock()
                if event.query.profile != PLAIN.name:
                    self.say(f"profile: {event.query.profile}")
            case events.StrategyChosen(node=0):
                self.say(f"answering with {event.strategy}: {event.reason}")
            case events.NodeMoved(state=State.FAILED) if self.progress.nodes[event.node].depth:
                self._failed(event)
            case events.LimitHit() if self.progress.hits[event.resource] == 1:
                self.say(f"limit reached: {event.resource} of {event.scope}")

    def say(self, line: str) -> None:
        """Write a line."""
        write_line(visible(line), self._stream)

    def frame(self) -> Callable[[], None] | None:
        """What writes a line of progress, if there was none for a while."""
        now = self._clock()
        wait = EVERY if now - self._began < 2 * SELDOM else SELDOM
        if not self.progress.nodes or now - self._told < wait:
            return None
        self._told = now
        return partial(self.say, f"{duration(now - self._began)}: {status(self.progress)}{self._ahead(now)}")

    def close(self) -> None:
        """Nothing is left open."""

    def abandon(self) -> None:
        """Nothing is to be put right."""

    def _ahead(self, now: float) -> str:
        left, share = self.progress.seconds_left(now - self._began), self.progress.share
        return "" if left is None or share is None else f"; {share:.0%} of what is known, about {duration(left)} more"

    def _failed(self, event: events.NodeMoved) -> None:
        self._failures += 1
        if self._failures <= FAILURES:
            self.say(f"node {event.node} failed: {one_line(event.error)}")
        if self._failures == FAILURES:
            self.say("more failures are counted, not listed")


def status(progress: Progress) -> str:
    """Where a run stands, in one line."""
    states = ", ".join(f"{count(progress.states[state])} {state}" for state in State if progress.states[state])
    spent = progress.spent
    parts = [
        f"{count(len(progress.nodes), 'node')} ({states})",
        f"{count(progress.in_flight, 'call')} in flight",
        count(spent.calls, "call"),
        count(spent.tokens, "token"),
        money(spent.nanos, unknown=spent.unknown),
    ]
    return ", ".join(parts)
