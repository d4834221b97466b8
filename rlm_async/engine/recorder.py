"""The trace of a run as it is written: stamps each fact with the run's clock and hands it to the sinks."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence

import anyio

from rlm_async.core.events import Event
from rlm_async.ports import Sink

Clock = Callable[[], float]

log = logging.getLogger(__name__)


def running_clock() -> Clock:
    """The clock of the event loop that runs now, found once instead of at each look."""
    try:
        return asyncio.get_running_loop().time
    except RuntimeError:  # trio's
        return anyio.current_time


class Recorder:
    """Collects the events of one run, in order."""

    def __init__(self, clock: Clock, sinks: Sequence[Sink]) -> None:
        """Start the run's clock now; `clock` gives seconds from any beginning."""
        self._clock = clock
        self._began = clock()
        self._sinks = list(sinks)
        self.events: list[Event] = []
        self.live = any(getattr(sink, "live", False) for sink in self._sinks)
        """Whether somebody wants to hear replies grow: only then are they streamed."""

    @property
    def now(self) -> float:
        """Seconds since the run began."""
        return self._clock() - self._began

    def __call__(self, event: Event) -> None:
        """Write one event down."""
        self.events.append(event)
        self._tell(event, self._sinks)

    def tell(self, event: Event) -> None:
        """Show an event to live views only: it is no part of the trace."""
        self._tell(event, [sink for sink in self._sinks if getattr(sink, "live", False)])

    def _tell(self, event: Event, sinks: Sequence[Sink]) -> None:
        for sink in tuple(sinks):
            try:
                sink(event)
            except Exception:  # a boundary: a broken view must not take the run with it
                log.exception("a sink failed and is switched off for this run: %r", sink)
                self._sinks.remove(sink)
