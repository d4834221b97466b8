"""Spans on their way out: what is dropped is counted, and nobody waits for a collector that is away."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from rlm_async.telemetry.exporting import Exporting, is_there
from rlm_async.telemetry.queue import ROUNDS, Carriage, SpanQueue
from rlm_async.telemetry.settings import ExportSettings, Route


class Collector(SpanExporter):
    """Takes spans, once it is `open`; a failing one never does."""

    def __init__(self, *, opened=True, failing=False, raising=False):
        self.taken, self.offers = [], 0
        self.open = threading.Event()
        self.offered = threading.Event()
        if opened:
            self.open.set()
        self.failing, self.raising = failing, raising

    def export(self, spans):
        self.offers += 1
        self.offered.set()
        assert self.open.wait(30)
        if self.raising:
            raise OSError("no such host")
        if self.failing:
            return SpanExportResult.FAILURE
        self.taken.extend(spans)
        return SpanExportResult.SUCCESS

    def shutdown(self):
        self.open.set()


@pytest.fixture
def carried():
    queues = []

    def make(collector, queue=1_000, batch=100, delay=0.01):
        made = SpanQueue(collector, Carriage(queue, batch, delay))
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(made)
        queues.append(made)
        return made, provider.get_tracer("test")

    yield make
    for made in queues:
        made.shutdown()


def end_spans(tracer, number):
    for n in range(number):
        tracer.start_span(str(n)).end()


def test_every_span_arrives_once_and_in_order(carried):
    collector = Collector()
    queue, tracer = carried(collector, batch=7)
    end_spans(tracer, 500)
    assert queue.flush(20, 20)
    assert [span.name for span in collector.taken] == [str(n) for n in range(500)]
    assert (queue.tally.delivered, queue.tally.dropped, queue.left) == (500, 0, 0)


def test_a_full_queue_drops_counts_and_never_waits(carried):
    collector = Collector(opened=False)
    queue, tracer = carried(collector, queue=10, batch=5, delay=3_600)
    end_spans(tracer, 5)
    assert collector.offered.wait(20)  # five are in hand now
    end_spans(tracer, 100)
    assert (queue.tally.dropped, queue.left) == (90, 15)
    collector.open.set()
    assert queue.flush(20, 20)
    assert queue.tally.delivered == 15


def test_a_collector_that_says_nothing_is_not_waited_for(carried):
    collector = Collector(opened=False)
    queue, tracer = carried(collector)
    end_spans(tracer, 3)
    assert collector.offered.wait(20)
    assert not queue.flush(seconds=20, patience=0.05)
    assert queue.left == 3


def test_a_batch_is_offered_a_few_times_and_then_counted_as_refused(carried):
    collector = Collector(opened=False, failing=True)
    queue, tracer = carried(collector, batch=10, delay=3_600)
    end_spans(tracer, 20)
    collector.open.set()
    assert queue.flush(20, 20)
    assert (queue.tally.refused, queue.tally.delivered, collector.offers) == (20, 0, 2 * ROUNDS)


def test_an_exporter_that_raises_ends_nothing(carried):
    collector = Collector(raising=True)
    queue, tracer = carried(collector)
    end_spans(tracer, 1)
    assert queue.flush(20, 20)
    collector.raising = False
    end_spans(tracer, 1)
    assert queue.flush(20, 20)
    assert (queue.tally.refused, queue.tally.delivered) == (1, 1)


def test_what_ends_after_the_end_is_counted(carried):
    queue, tracer = carried(Collector())
    queue.shutdown()
    end_spans(tracer, 2)
    assert queue.tally.dropped == 2


@contextmanager
def black_hole():
    """A port that takes connections and never answers."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(8)
        yield listening.getsockname()[1]


def dead_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def route(port):
    return Route("traces", ("otlp",), "http/protobuf", "127.0.0.1", port)


def test_a_look_tells_whether_somebody_listens():
    with black_hole() as port:
        assert is_there(route(port))
    assert not is_there(route(dead_port()))


def closed(port, collector, patience):
    """What closing an export of three spans says, where the collector is like `collector`."""
    exporting = Exporting(ExportSettings(routes=(route(port),)))
    exporting._queue = SpanQueue(collector, Carriage(100, 10, 0.01))
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(exporting._queue)
    end_spans(provider.get_tracer("test"), 3)
    return exporting.close(seconds=20, patience=patience)


def test_a_dead_port_is_not_waited_for_at_all():
    port = dead_port()
    line = closed(port, Collector(opened=False), patience=3_600)  # it would take an hour, were it waited for
    assert line == f"3 of 3 spans are lost: 3 were not taken by 127.0.0.1:{port}"


def test_a_black_hole_is_waited_for_no_longer_than_patience():
    with black_hole() as port:
        line = closed(port, Collector(opened=False), patience=0.05)
    assert line.startswith("3 of 3 spans are lost")


def test_nothing_is_said_where_everything_arrived():
    with black_hole() as port:
        assert closed(port, Collector(), patience=20) is None
