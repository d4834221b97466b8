"""Spans on their way out: a queue that never makes a run wait, and says what it had to drop.

The SDK's own batch processor keeps 2,048 spans, drops the rest with a line of log, and waits up to half a
minute at the end for a collector that is not there. A thread takes spans from the queue in batches; at the
end it is waited for only as long as something still arrives.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from opentelemetry.context import _SUPPRESS_INSTRUMENTATION_KEY, Context, attach, detach, set_value
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

log = logging.getLogger(__name__)

ROUNDS = 3
"""How often a batch is offered; each time the exporter itself tries for its own timeout (10 s)."""


@dataclass(frozen=True, slots=True)
class Carriage:
    """How many spans may wait, how many go together, and every how many seconds."""

    queue: int
    batch: int
    delay: float


@dataclass(slots=True)
class Tally:
    """What has become of the spans so far."""

    delivered: int = 0
    dropped: int = 0
    """The queue was full."""
    refused: int = 0
    """The collector would not have them, however often they were offered."""


class SpanQueue(SpanProcessor):
    """Hands ended spans to an exporter, from a thread of its own."""

    def __init__(self, exporter: SpanExporter, carriage: Carriage, clock: Callable[[], float] = time.monotonic) -> None:
        """Begin to carry; `clock` gives seconds from any beginning."""
        self.tally = Tally()
        self._exporter = exporter
        self._carriage = carriage
        self._clock = clock
        self._queue: deque[ReadableSpan] = deque()
        self._hand: Sequence[ReadableSpan] = ()
        self._progress = clock()
        """When something was last delivered, or else when the oldest batch in hand was taken up."""
        self._wake = threading.Event()
        self._moved = threading.Condition()
        self._closing = False
        self._thread = threading.Thread(target=self._carry, name="rlm-async-spans", daemon=True)
        self._thread.start()

    @property
    def left(self) -> int:
        """Spans that are not delivered yet."""
        return len(self._queue) + len(self._hand)

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Nothing is to do before a span has ended."""

    def on_end(self, span: ReadableSpan) -> None:
        """Take a span; where there is no room, count it and go on."""
        if span.context is None or not span.context.trace_flags.sampled:
            return
        if self._closing or len(self._queue) >= self._carriage.queue:
            self.tally.dropped += 1
            return
        self._queue.append(span)
        if len(self._queue) >= self._carriage.batch and not self._wake.is_set():
            self._wake.set()

    def shutdown(self) -> None:
        """Take no more, and wait for nothing."""
        self._closing = True
        self._wake.set()
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Wait until all is delivered, `timeout_millis` at most; whether it is."""
        return self.flush(timeout_millis / 1_000, timeout_millis / 1_000)

    def flush(self, seconds: float, patience: float) -> bool:
        """Wait until all is delivered: `seconds` at most, and `patience` since something last was.

        A collector that did not answer while the run went on has used up its patience already.
        """
        end = self._clock() + seconds
        self._wake.set()
        with self._moved:
            while self.left:
                now = self._clock()
                since = self._progress if self._hand else now
                left = min(end, since + patience) - now
                if left <= 0:
                    return False
                self._moved.wait(min(left, 0.05))
        return True

    def _carry(self) -> None:
        # An exporter's own HTTP requests are no part of anybody's trace. The key has no public name.
        token = attach(set_value(_SUPPRESS_INSTRUMENTATION_KEY, value=True))
        while not self._closing:
            self._wake.wait(self._carriage.delay)
            self._wake.clear()
            while self._queue and not self._closing:
                self._deliver()
        detach(token)

    def _deliver(self) -> None:
        """Offer one batch until it is taken or given up."""
        with self._moved:  # nobody may find both the queue and the hand empty
            self._progress = self._clock()
            self._hand = [self._queue.popleft() for _ in range(min(self._carriage.batch, len(self._queue)))]
        for _ in range(ROUNDS):
            if self._taken(self._hand):
                self.tally.delivered += len(self._hand)
                break
            if self._closing:
                return
        else:
            self.tally.refused += len(self._hand)
        with self._moved:
            self._hand = ()
            self._progress = self._clock()
            self._moved.notify_all()

    def _taken(self, batch: Sequence[ReadableSpan]) -> bool:
        try:
            return self._exporter.export(batch) is SpanExportResult.SUCCESS
        except Exception:
            # A boundary: an exporter may raise anything, and the thread must live on. Its text may hold a header.
            log.debug("an exporter of spans failed", exc_info=True)
            return False
