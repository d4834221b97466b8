"""How far a run is and what it has spent, for whoever asks from outside while it goes on."""

from __future__ import annotations

from rlm_async.core import events
from rlm_async.core.events import Event
from rlm_async.core.graph import FINAL
from rlm_async.core.usage import NANO


class Watch:
    """Counts the nodes, calls, tokens and money of one run, event by event. A sink."""

    def __init__(self) -> None:
        """Before the first event."""
        self.run = ""
        self.nodes = 0
        self.settled = 0
        self.calls = 0
        self.tokens = 0
        self.nanos = 0
        self.unpriced = 0
        """Calls whose price is unknown."""
        self.seconds = 0.0
        self.trace: list[Event] = []

    def __call__(self, event: Event) -> None:
        """Take the next event."""
        self.trace.append(event)
        self.seconds = event.at
        match event:
            case events.RunStarted():
                self.run = event.run
            case events.NodeAdded() if not event.shared:
                self.nodes += 1
            case events.NodeMoved() if event.state in FINAL:
                self.settled += 1
            case events.ModelReplied():
                self.calls += event.usage.calls
                self.tokens += event.usage.tokens
                self.nanos += event.usage.nanos or 0
                self.unpriced += event.usage.nanos is None

    @property
    def usd(self) -> float | None:
        """US dollars; None where a price is unknown."""
        return None if self.unpriced else self.nanos / NANO

    @property
    def steps(self) -> int:
        """How much has happened: only grows."""
        return self.nodes + self.settled + self.calls

    @property
    def line(self) -> str:
        """`12 of 30 nodes settled, 14 calls, 20,311 tokens`."""
        return f"{self.settled} of {self.nodes} nodes settled, {self.calls} calls, {self.tokens:,} tokens"
