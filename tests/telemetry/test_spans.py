"""As many node spans as nodes, each under its parent; shared nodes are links; content stays out."""

from __future__ import annotations

import json

import pytest
from opentelemetry import trace
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.trace import SpanKind, StatusCode

from rlm_async.core import events
from rlm_async.core.usage import Usage
from rlm_async.telemetry import conventions as names
from rlm_async.telemetry.content import LONGEST, Capture
from rlm_async.telemetry.details import Details
from rlm_async.telemetry.propagation import carried, continued
from rlm_async.telemetry.spans import SpanSink
from tests.telemetry.conftest import CONTENT, STARTED, spans_of, story, tell

RUN, ROOT = ("invoke_workflow rlm", None), ("invoke_agent rlm", 0)


@pytest.fixture
def spans(provider, exporter):
    tell(SpanSink(provider, {}))
    return spans_of(exporter)


def test_run_node_turn_call_and_cell_are_spans_in_a_tree(spans):
    assert sorted(name for name, *_ in spans) == sorted(
        ["invoke_workflow rlm"]
        + ["invoke_agent rlm"] * 3
        + ["rlm.turn"] * 3  # two of the root, one of node 2; the leaf's turn is its call
        + ["chat openai/gpt-5"] * 3
        + ["chat gemini/flash"]
        + ["execute_tool python"]
    )
    above = {
        ROOT: RUN,
        ("invoke_agent rlm", 1): ROOT,
        ("invoke_agent rlm", 2): ROOT,
        ("rlm.turn", 0, 0): ROOT,
        ("rlm.turn", 0, 1): ROOT,
        ("chat openai/gpt-5", 0, 0): ("rlm.turn", 0, 0),
        ("chat openai/gpt-5", 0, 1): ("rlm.turn", 0, 1),
        ("execute_tool python", 0): ("rlm.turn", 0, 0),
        ("chat gemini/flash", 1): ("invoke_agent rlm", 1),
        ("rlm.turn", 2, 0): ("invoke_agent rlm", 2),
        ("chat openai/gpt-5", 2, 0): ("rlm.turn", 2, 0),
    }
    assert {key: spans[key].parent.span_id for key in above} == {
        key: spans[parent].context.span_id for key, parent in above.items()
    }
    assert {key for key, span in spans.items() if span.kind is SpanKind.CLIENT} == {
        key for key in spans if key[0].startswith("chat")
    }


def test_a_shared_node_is_one_span_and_a_link_of_whoever_else_asked(spans):
    (link,) = spans["invoke_agent rlm", 2].links
    assert link.context.span_id == spans["invoke_agent rlm", 1].context.span_id
    assert [spans["invoke_agent rlm", node].attributes[names.FANOUT] for node in (0, 2)] == [2, 1]


def test_a_node_says_where_in_the_tree_it_is_and_from_where_it_was_asked(spans):
    leaf = spans["invoke_agent rlm", 1].attributes
    assert (leaf[names.PATH], leaf[names.DEPTH]) == ("0/1", 1)
    assert leaf[names.ASKED_IN_CELL] == 0


def test_queue_wait_and_execution_stand_apart(spans):
    root = spans[ROOT].attributes
    assert (root[names.QUEUE_SECONDS], root[names.WAIT_SECONDS], root[names.EXECUTION_SECONDS]) == (0.5, 2.0, 2.5)
    cell = spans["execute_tool python", 0].attributes
    assert (cell[names.WAIT_SECONDS], cell[names.EXECUTION_SECONDS], cell[names.CPU_SECONDS]) == (2.0, 1.0, 0.01)
    call = spans["chat gemini/flash", 1].attributes
    assert (call[names.QUEUE_SECONDS], call[names.EXECUTION_SECONDS], call[names.RETRY_SECONDS]) == (0.75, 0.25, 0.75)


def test_spans_have_the_times_of_the_events_and_not_of_whoever_tells_them(spans):
    cell = spans["execute_tool python", 0]
    assert (cell.start_time, cell.end_time) == (int((STARTED + 1) * 1e9), int((STARTED + 4) * 1e9))
    assert spans[RUN].end_time - spans[RUN].start_time == 5_000_000_000


def test_tokens_stand_on_calls_only(spans):
    counted = {name for (name, *_), span in spans.items() if names.INPUT_TOKENS in span.attributes}
    assert counted == {"chat openai/gpt-5", "chat gemini/flash"}
    call = spans["chat gemini/flash", 1].attributes
    assert (call[names.INPUT_TOKENS], call[names.OUTPUT_TOKENS], call[names.CACHED_TOKENS]) == (7, 3, 2)
    assert call[names.FINISH_REASONS] == ("stop",)
    assert (call[names.RESPONSE_MODEL], call[names.PROVIDER], call[names.USD]) == ("flash", "gcp.gemini", 0.005)
    assert spans[ROOT].attributes[names.AGGREGATED_INPUT] == 7
    assert names.AGGREGATED_INPUT not in spans["invoke_agent rlm", 1].attributes  # its one call has them
    assert spans["chat openai/gpt-5", 0, 1].attributes[names.CACHE_HIT] is True
    assert spans["chat openai/gpt-5", 0, 1].attributes[names.FIRST_CHUNK] == 0.25


def test_retries_refusals_limits_and_folds_are_events_of_their_span(spans):
    def told(key):
        return [(event.name, (event.timestamp - int(STARTED * 1e9)) / 1e9) for event in spans[key].events]

    assert told(("chat gemini/flash", 1)) == [("rlm.retry", 1.5)]
    assert told(("invoke_agent rlm", 2)) == [("rlm.refusal", 1.0)]
    assert told(ROOT) == [("rlm.limit", 3.0), ("rlm.fold", 4.0), ("rlm.speculation", 4.0)]
    retry = spans["chat gemini/flash", 1].events[0].attributes
    assert (retry[names.ERROR_TYPE], retry[names.RETRY_PAUSE]) == ("RateLimited", 0.25)
    assert spans["chat openai/gpt-5", 0, 1].attributes[names.COMPACTED] is True
    assert names.COMPACTED not in spans["chat openai/gpt-5", 0, 0].attributes


def test_failures_are_named_by_their_class(spans):
    for key in (("invoke_agent rlm", 2), ("chat openai/gpt-5", 2, 0)):
        assert spans[key].attributes[names.ERROR_TYPE] == spans[key].status.description == "ModelRejected"
        assert spans[key].status.status_code is StatusCode.ERROR
    assert spans["execute_tool python", 0].attributes[names.ERROR_TYPE] == "ValueError"
    assert spans[ROOT].attributes[names.LAYERS] == ("policy", "seccomp")
    assert spans[ROOT].attributes[names.STATUS] == "partial"
    assert spans[RUN].attributes["rlm.limit.usd"] == 2.0


@pytest.mark.parametrize(
    ("capture", "there"),
    [(None, False), ("NO_CONTENT", False), ("EVENT_ONLY", False), ("true", False), ("span_only", True)],
)
def test_content_is_there_only_where_it_is_asked_for(provider, exporter, capture, there):
    tell(SpanSink(provider, {} if capture is None else {names.CAPTURE_VARIABLE: capture}))
    text = json.dumps([json.loads(span.to_json()) for span in exporter.get_finished_spans()])
    assert (CONTENT in text) is there
    held = {
        name
        for span in exporter.get_finished_spans()
        for name in span.attributes
        if CONTENT in str(span.attributes[name])
    }
    assert held <= names.CONTENT


@pytest.mark.parametrize("capture", ["SPAN_ONLY", "EVENT_ONLY", "SPAN_AND_EVENT", "NO_CONTENT"])
def test_content_goes_on_log_events_where_that_is_asked_for(provider, exporter, capture):
    kept, logs = InMemoryLogRecordExporter(), LoggerProvider(shutdown_on_exit=False)
    logs.add_log_record_processor(SimpleLogRecordProcessor(kept))
    tell(SpanSink(provider, {names.CAPTURE_VARIABLE: capture}, details=Details(logs)))
    records = [found.log_record for found in kept.get_finished_logs()]
    assert len(records) == (3 if capture in names.ON_EVENTS else 0)
    calls = {span.context.span_id for span in exporter.get_finished_spans() if span.name.startswith("chat")}
    for record in records:
        assert record.event_name == names.DETAILS
        assert record.span_id in calls
        assert CONTENT in record.attributes[names.OUTPUT_MESSAGES]
    logs.shutdown()


def test_captured_content_is_clipped_and_holds_no_secret():
    environment = {
        names.CAPTURE_VARIABLE: "SPAN_ONLY",
        "MY_API_KEY": "hunter2hunter2",
        "OTEL_EXPORTER_OTLP_HEADERS": "x-key=letmein99",
        "HOME": "/home/somebody",
    }
    capture = Capture.of(environment, ["handed-in"])
    said = capture.text("hunter2hunter2 letmein99 handed-in sk-proj-abcdefghijkl http://u:pw@host /home/somebody")
    assert said == "*** *** *** *** http://***@host /home/somebody"
    long = capture.text("x" * (LONGEST - 5) + "hunter2hunter2" + "y" * 99)
    assert "hunter2"[:3] not in long
    assert long.endswith("characters more)")
    assert json.loads(capture.message("user", 'a "b"'))[0]["parts"][0]["content"] == 'a "b"'


def test_the_callers_span_is_the_parent(provider, exporter):
    tracer = trace.get_tracer("caller", tracer_provider=provider)
    with tracer.start_as_current_span("request") as request:
        tell(SpanSink(provider, {}))
    run = spans_of(exporter)[RUN]
    assert run.parent.span_id == request.get_span_context().span_id


def test_a_callers_trace_goes_through_a_record(provider, exporter):
    tracer = trace.get_tracer("caller", tracer_provider=provider)
    with tracer.start_as_current_span("request") as request:
        record = carried()
    assert set(record) == {"traceparent"}
    with continued(record):
        tell(SpanSink(provider, {}))
    run = spans_of(exporter)[RUN]
    assert run.parent.span_id == request.get_span_context().span_id
    assert run.context.trace_id == request.get_span_context().trace_id
    assert carried() == {}


@pytest.mark.parametrize("record", [{}, {"traceparent": "nonsense"}, {"traceparent": f"00-{'0' * 32}-{'0' * 16}-01"}])
def test_a_record_without_a_trace_begins_one_of_its_own(provider, exporter, record):
    with continued(record):
        tell(SpanSink(provider, {}))
    assert spans_of(exporter)[RUN].parent is None


def test_what_was_cancelled_ends_with_the_run(provider, exporter):
    tell(SpanSink(provider, {}), list(story())[:13])
    assert not exporter.get_finished_spans()[2:]
    sink = SpanSink(provider, {})
    exporter.clear()
    tell(sink, list(story())[:13])
    sink(events.RunEnded(at=2, run="r1", status="failed", text="", usage=Usage(), error="Cancelled: from outside"))
    spans = spans_of(exporter)
    assert len(spans) == 1 + 3 + 1 + 1 + 1 + 1
    assert {spans[key].attributes[names.OUTCOME] for key in spans if key[0].startswith("invoke_agent")} == {"cancelled"}
    assert spans["chat gemini/flash", 1].attributes[names.OUTCOME] == "cancelled"
    assert spans[RUN].attributes[names.ERROR_TYPE] == "Cancelled"


def test_without_a_provider_nothing_is_kept():
    sink = SpanSink(trace.NoOpTracerProvider(), {})
    tell(sink)
    assert not sink._nodes
    assert not sink._contexts


def test_the_conventions_are_pinned():
    assert (names.VERSION, names.OPERATION, names.INPUT_TOKENS, names.AGENT_NAME, names.TOOL_NAME) == (
        "genai 0.1.0 (development)",
        "gen_ai.operation.name",
        "gen_ai.usage.input_tokens",
        "gen_ai.agent.name",
        "gen_ai.tool.name",
    )
    values = [value for name, value in vars(names).items() if name.isupper() and isinstance(value, str)]
    own = [value for value in values if "." in value and value != names.VERSION]
    assert all(value.startswith(("gen_ai.", "rlm.", "error.", "sandbox.")) for value in own)


@pytest.mark.parametrize(
    ("model", "provider"),
    [("openai/gpt-5", "openai"), ("bedrock/claude", "aws.bedrock"), ("local:0.5b", "local"), ("mine", "unknown")],
)
def test_providers_have_the_names_of_the_conventions(model, provider):
    assert names.provider_of(model) == provider


def test_the_name_of_an_error_that_code_has_made_up_is_content():
    assert names.code_error("ZeroDivisionError") == "ZeroDivisionError"
    assert names.code_error("BudgetExceeded") == "BudgetExceeded"
    assert names.code_error("TheKeyIs_sk_1234567890") == "_OTHER"
