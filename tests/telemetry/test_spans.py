"""As many node spans as nodes, each under its parent; shared nodes are links; content stays out."""

from __future__ import annotations

import json

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from rlm_async.core import events
from rlm_async.core.graph import State
from rlm_async.core.query import Query
from rlm_async.core.transcript import CodeError, Output
from rlm_async.core.usage import Limits, Usage
from rlm_async.telemetry import conventions as names
from rlm_async.telemetry.spans import SpanSink

CONTENT = "the text of a reply"
QUERY = Query(prompt="q", model="openai/gpt-5")


@pytest.fixture
def exporter():
    return InMemorySpanExporter()


@pytest.fixture
def provider(exporter):
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    yield provider
    provider.shutdown()


def story():
    """A root with a cell that asks two children, one of them shared by the other; one call fails."""
    usage = Usage(calls=1, prompt_tokens=7, completion_tokens=3, cached_tokens=2, nanos=5)
    yield events.RunStarted(at=0, run="r1", started=0, query=QUERY, limits=Limits())
    yield events.NodeAdded(at=0, node=0, parent=None, depth=0, query=QUERY)
    yield events.NodeMoved(at=0, node=0, state=State.RUNNING)
    yield events.SandboxOpened(at=0, node=0, layers=("policy", "seccomp"))
    yield events.CellStarted(at=0, node=0, cell=0, code=CONTENT)
    yield events.NodeAdded(at=0, node=1, parent=0, depth=1, query=QUERY)
    yield events.NodeAdded(at=0, node=2, parent=0, depth=1, query=QUERY)
    yield events.NodeAdded(at=0, node=1, parent=2, depth=1, query=QUERY, shared=True)
    yield events.ModelAsked(at=0, node=1, call=0, model="openai/gpt-5", prompt_characters=9)
    yield events.ModelReplied(
        at=1, node=1, call=0, model="gpt-5-2026", usage=usage, text=CONTENT, waited=0.5, seconds=0.25
    )
    yield events.NodeAnswered(at=1, node=1, text=CONTENT, status="complete", usage=usage)
    yield events.NodeMoved(at=1, node=1, state=State.DONE)
    yield events.ModelAsked(at=0, node=2, call=0, model="openai/gpt-5", prompt_characters=9)
    yield events.ModelReplied(
        at=1, node=2, call=0, model="openai/gpt-5", usage=Usage(), error=f"ModelRejected: {CONTENT}"
    )
    yield events.NodeMoved(at=1, node=2, state=State.FAILED, error=f"ModelRejected: {CONTENT}")
    yield events.LimitHit(at=1, node=0, scope="the run", resource="calls")
    error = CodeError("ValueError", CONTENT, 1)
    yield events.CellEnded(at=1, node=0, cell=0, output=Output(stdout=CONTENT, error=error, outcome="error"))
    yield events.NodeMoved(at=1, node=0, state=State.DONE)
    yield events.RunEnded(at=1, run="r1", status="partial", text=CONTENT, usage=usage)


def spans_of(exporter):
    return {(s.name, s.attributes.get(names.NODE)): s for s in exporter.get_finished_spans()}


def test_the_tree_of_nodes_is_the_tree_of_spans(provider, exporter):
    sink = SpanSink(provider, {})
    for event in story():
        sink(event)
    spans = spans_of(exporter)
    assert len(exporter.get_finished_spans()) == len(spans) == 1 + 3 + 2 + 1
    run, root = spans["invoke_workflow rlm", None], spans["invoke_agent rlm", 0]
    assert root.parent.span_id == run.context.span_id
    for node in (1, 2):
        agent = spans["invoke_agent rlm", node]
        assert agent.parent.span_id == root.context.span_id
        assert spans["chat openai/gpt-5", node].parent.span_id == agent.context.span_id
    assert [link.context.span_id for link in spans["invoke_agent rlm", 2].links] == [
        spans["invoke_agent rlm", 1].context.span_id
    ]


def test_tokens_stand_on_calls_only_and_times_apart(provider, exporter):
    sink = SpanSink(provider, {})
    for event in story():
        sink(event)
    spans = spans_of(exporter)
    counted = [span.name for span in spans.values() if names.INPUT_TOKENS in span.attributes]
    assert counted == ["chat openai/gpt-5"] * 2
    call = spans["chat openai/gpt-5", 1].attributes
    assert (call[names.QUEUE_SECONDS], call[names.CALL_SECONDS], call[names.CACHED_TOKENS]) == (0.5, 0.25, 2)
    assert call[names.RESPONSE_MODEL] == "gpt-5-2026"
    assert spans["invoke_agent rlm", 1].attributes[names.AGGREGATED_INPUT] == 7
    assert spans["invoke_agent rlm", 2].attributes[names.ERROR_TYPE] == "ModelRejected"
    assert spans["invoke_agent rlm", 0].attributes[names.LAYERS] == ("policy", "seccomp")
    assert [event.attributes[names.LIMIT] for event in spans["invoke_agent rlm", 0].events] == ["calls"]


@pytest.mark.parametrize(
    ("capture", "there"), [(None, False), ("NO_CONTENT", False), ("EVENT_ONLY", False), ("span_only", True)]
)
def test_content_is_there_only_where_it_is_asked_for(provider, exporter, capture, there):
    sink = SpanSink(provider, {} if capture is None else {names.CAPTURE_VARIABLE: capture})
    for event in story():
        sink(event)
    assert (CONTENT in json.dumps([json.loads(span.to_json()) for span in exporter.get_finished_spans()])) is there


def test_the_callers_span_is_the_parent(provider, exporter):
    tracer = trace.get_tracer("caller", tracer_provider=provider)
    with tracer.start_as_current_span("request") as request:
        sink = SpanSink(provider, {})
        for event in story():
            sink(event)
    run = spans_of(exporter)["invoke_workflow rlm", None]
    assert run.parent.span_id == request.get_span_context().span_id


def test_what_was_cancelled_ends_with_the_run(provider, exporter):
    sink = SpanSink(provider, {})
    for event in list(story())[:9]:
        sink(event)
    sink(events.RunEnded(at=1, run="r1", status="failed", text="", usage=Usage(), error="BudgetExceeded: seconds"))
    spans = spans_of(exporter)
    assert len(spans) == 1 + 3 + 1 + 1
    assert spans["invoke_agent rlm", 1].attributes[names.OUTCOME] == "cancelled"
    assert spans["invoke_workflow rlm", None].attributes[names.ERROR_TYPE] == "BudgetExceeded"


def test_the_conventions_are_pinned():
    assert (names.OPERATION, names.INPUT_TOKENS, names.AGENT_NAME, names.TOOL_NAME) == (
        "gen_ai.operation.name",
        "gen_ai.usage.input_tokens",
        "gen_ai.agent.name",
        "gen_ai.tool.name",
    )
    own = [value for name, value in vars(names).items() if name.isupper() and isinstance(value, str) and "." in value]
    assert all(value.startswith(("gen_ai.", "rlm.", "error.")) for value in own if not value.startswith("genai"))
