"""A huge run kept in part: whole subtrees, chosen alike by all, and what is left out is counted."""

from __future__ import annotations

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

from rlm_async.core import events
from rlm_async.core.graph import State
from rlm_async.core.usage import Limits, Usage
from rlm_async.telemetry import conventions as names
from rlm_async.telemetry.sampling import SubtreeSampler, drawn, subtree_sampler
from rlm_async.telemetry.spans import SpanSink
from tests.telemetry.conftest import LEAF, QUERY, USAGE

CHILDREN, LEAVES = 40, 5


def wide_run():
    """A root, forty children, five leaves each; every leaf of the last child fails."""
    yield events.RunStarted(at=0, run="r1", started=0, query=QUERY, limits=Limits())
    yield events.NodeAdded(at=0, node=0, parent=None, depth=0, query=QUERY)
    number = 0
    for child in range(CHILDREN):
        number += 1
        parent = number
        yield events.NodeAdded(at=0, node=parent, parent=0, depth=1, query=QUERY)
        for _ in range(LEAVES):
            number += 1
            yield events.NodeAdded(at=0, node=number, parent=parent, depth=2, query=LEAF)
            yield events.ModelAsked(at=0, node=number, call=0, model="m", prompt_characters=1)
            yield events.ModelReplied(at=1, node=number, call=0, model="m", usage=USAGE)
            state = State.FAILED if child == CHILDREN - 1 else State.DONE
            yield events.NodeMoved(at=1, node=number, state=state, error="ModelRejected: no")
        yield events.NodeMoved(at=1, node=parent, state=State.DONE)
    yield events.NodeMoved(at=1, node=0, state=State.DONE)
    yield events.RunEnded(at=1, run="r1", status="complete", text="", usage=Usage())


@pytest.fixture
def sampled(exporter):
    def run(share):
        provider = TracerProvider(sampler=SubtreeSampler(share), shutdown_on_exit=False)
        provider.add_span_processor(SimpleSpanProcessor(exporter))
        sink = SpanSink(provider, {})
        for event in wide_run():
            sink(event)
        return {s.attributes[names.NODE]: s for s in exporter.get_finished_spans() if s.name == "invoke_agent rlm"}

    return run


def test_a_subtree_is_kept_whole_or_not_at_all(sampled, exporter):
    nodes = sampled(0.5)
    kept = {number for number in nodes if number and (number - 1) % (LEAVES + 1) == 0}
    assert 8 <= len(kept) <= 32
    assert set(nodes) == {0} | {child + offset for child in kept for offset in range(LEAVES + 1)}
    assert sum(span.name.startswith("chat") for span in exporter.get_finished_spans()) == len(kept) * LEAVES
    for child in kept:
        assert nodes[child].parent.span_id == nodes[0].context.span_id
        assert all(nodes[child + i].parent.span_id == nodes[child].context.span_id for i in range(1, LEAVES + 1))


def test_what_is_left_out_is_counted_on_the_node_above(sampled):
    nodes = sampled(0.0)
    assert set(nodes) == {0}
    root = nodes[0]
    assert root.attributes[names.UNSAMPLED_NODES] == CHILDREN * (LEAVES + 1)
    assert root.attributes[names.UNSAMPLED_FAILED] == LEAVES
    assert root.attributes[names.UNSAMPLED_TOKENS] == CHILDREN * LEAVES * 10
    assert root.attributes[names.FANOUT] == CHILDREN
    failed = [event for event in root.events if event.name == names.FAILED_EVENT]
    assert {event.attributes[names.ERROR_TYPE] for event in failed} == {"ModelRejected"}


def test_a_share_of_one_keeps_everything(sampled):
    assert len(sampled(1.0)) == 1 + CHILDREN * (LEAVES + 1)


def test_the_lot_of_a_node_is_the_same_whoever_draws_it():
    assert drawn(7, 3) == drawn(7, 3)
    lots = [drawn(7, node) / 2**64 for node in range(2_000)]
    assert 0.45 < sum(lot < 0.5 for lot in lots) / len(lots) < 0.55


def test_a_caller_that_is_not_sampled_is_followed(exporter):
    provider = TracerProvider(sampler=SubtreeSampler(1.0), shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    above = trace.NonRecordingSpan(trace.SpanContext(1, 2, is_remote=True, trace_flags=trace.TraceFlags(0)))
    with trace.use_span(above):
        sink = SpanSink(provider, {})
        for event in wide_run():
            sink(event)
    assert not exporter.get_finished_spans()
    assert not sink._left_out


def test_the_argument_is_a_share():
    assert subtree_sampler("0.25").get_description() == "SubtreeSampler{0.25}"
    assert subtree_sampler().get_description() == "SubtreeSampler{1.0}"
    for wrong in ("2", "-1", "half"):
        with pytest.raises(ValueError):  # noqa: PT011 - float's own text, or ours
            subtree_sampler(wrong)
