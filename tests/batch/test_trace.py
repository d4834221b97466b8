"""The trace of an item is one trace, in whichever process it is answered."""

from __future__ import annotations

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from rlm_async import RLM
from rlm_async.batch.tracing import traced
from rlm_async.core.items import Item
from rlm_async.sandbox.factory import inline
from rlm_async.telemetry.spans import SpanSink
from rlm_async.testing import ScriptedModel

ITEM = Item(id="a", question="x?")


def test_an_item_that_is_handed_out_again_goes_on_in_its_trace():
    assert traced(ITEM, "b").trace == traced(ITEM, "b").trace
    assert traced(ITEM, "b").trace != traced(Item(id="c", question="x?"), "b").trace
    assert traced(ITEM, "b").trace != traced(ITEM, "other").trace


def test_the_callers_own_trace_comes_first():
    tracer = TracerProvider().get_tracer("test")
    with tracer.start_as_current_span("the caller's") as span:
        assert f"{span.get_span_context().trace_id:032x}" in traced(ITEM, "b").trace


@pytest.mark.anyio
async def test_a_run_is_part_of_the_trace_that_its_item_brings():
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    rlm = RLM(ScriptedModel("yes"), strategy="direct", sandbox=inline(), sinks=[lambda: SpanSink(provider)])
    item = traced(Item.of_record(traced(ITEM, "b").record()), "elsewhere")
    async with rlm.asker() as asker:
        await asker(item)
    spans = exporter.get_finished_spans()
    assert {f"{span.context.trace_id:032x}" for span in spans} == {item.trace.split("-")[1]}
    assert f"{spans[-1].parent.span_id:016x}" == item.trace.split("-")[2]
