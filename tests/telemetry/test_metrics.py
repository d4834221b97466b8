"""What is measured: tokens and money once each, durations, what is in flight; nothing that has many values."""

from __future__ import annotations

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from rlm_async.core import events
from rlm_async.core.usage import Usage
from rlm_async.telemetry import conventions as names
from rlm_async.telemetry.instruments import Instruments
from rlm_async.telemetry.metrics import MetricSink
from tests.telemetry.conftest import CONTENT, story, tell


@pytest.fixture
def reader():
    return InMemoryMetricReader()


@pytest.fixture
def instruments(reader):
    provider = MeterProvider([reader], shutdown_on_exit=False)
    yield Instruments(provider)
    provider.shutdown()


def points(reader):
    """Name to its points, each as its attributes and its sum (or value)."""
    found = {}
    for resource in reader.get_metrics_data().resource_metrics:
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                found[metric.name] = [
                    (dict(point.attributes), getattr(point, "sum", getattr(point, "value", None)))
                    for point in metric.data.data_points
                ]
    return found


def total(found, name, **where):
    return sum(
        value
        for attributes, value in found[name]
        if all(attributes.get(key) == wanted for key, wanted in where.items())
    )


def test_tokens_and_money_are_counted_once_and_never_for_a_cache_hit(reader, instruments):
    tell(MetricSink(instruments))
    found = points(reader)
    assert total(found, "gen_ai.client.token.usage", **{names.TOKEN_TYPE: "input"}) == 14
    assert total(found, "gen_ai.client.token.usage", **{names.TOKEN_TYPE: "output"}) == 6
    assert total(found, "gen_ai.client.inference.usage.input_tokens") == 14 + 7  # with what was made ahead for nothing
    assert total(found, "gen_ai.client.inference.usage.cache_read.input_tokens") == 6
    assert total(found, "rlm.cost") == pytest.approx(0.015)
    assert total(found, "rlm.calls.speculative") == 1
    assert total(found, "rlm.cache.hits") == 1


def test_durations_are_those_of_the_run(reader, instruments):
    tell(MetricSink(instruments))
    found = points(reader)
    assert total(found, "gen_ai.client.operation.duration") == 0.5 + 1.0 + 1.0
    assert total(found, "gen_ai.client.operation.duration", **{names.ERROR_TYPE: "ModelRejected"}) == 1.0
    assert total(found, "gen_ai.execute_tool.duration") == 3.0
    assert total(found, "gen_ai.invoke_agent.duration", **{names.OPERATION: "invoke_workflow"}) == 5.0
    assert total(found, "gen_ai.invoke_agent.duration", **{names.OPERATION: "invoke_agent"}) == 5.0 + 2.0
    assert total(found, "gen_ai.invoke_agent.inference_calls") == 3  # of those that may make more than one
    assert total(found, "gen_ai.invoke_agent.tool_calls") == 1
    assert total(found, "rlm.call.queue.duration") == 1.0


def test_retries_refusals_and_shared_nodes_are_counted(reader, instruments):
    tell(MetricSink(instruments))
    found = points(reader)
    assert total(found, "rlm.retries", **{names.ERROR_TYPE: "RateLimited"}) == 1
    assert total(found, "rlm.refusals", **{names.LIMIT: "calls"}) == 1
    assert total(found, "rlm.refusals", **{names.ERROR_TYPE: "CycleRefused"}) == 1
    assert total(found, "rlm.nodes.shared") == 1


def test_what_is_in_flight_rises_and_falls_to_nothing(reader, instruments):
    told = list(story())
    sink = MetricSink(instruments)
    tell(sink, told[:13])
    found = points(reader)
    assert total(found, "rlm.calls.in_flight") == 1
    assert total(found, "rlm.nodes.active", **{names.STATE: "queued"}) == 2
    assert total(found, "rlm.nodes.active", **{names.STATE: "waiting"}) == 1
    tell(sink, told[13:])
    found = points(reader)
    for name in ("rlm.calls.in_flight", "rlm.nodes.active", "rlm.runs.active"):
        assert {value for _, value in found[name]} == {0}, name


def test_a_run_that_breaks_off_leaves_nothing_in_flight(reader, instruments):
    sink = MetricSink(instruments)
    tell(sink, list(story())[:13])
    sink(events.RunEnded(at=2, run="r1", status="failed", text="", usage=Usage(), error="Cancelled: from outside"))
    found = points(reader)
    for name in ("rlm.calls.in_flight", "rlm.nodes.active", "rlm.runs.active"):
        assert {value for _, value in found[name]} == {0}, name


def test_an_unknown_price_is_counted_and_not_taken_for_zero(reader, instruments):
    sink = MetricSink(instruments)
    sink(events.ModelAsked(at=0, node=0, call=0, model="mine", prompt_characters=1))
    sink(events.ModelReplied(at=1, node=0, call=0, model="mine", usage=Usage(calls=1, prompt_tokens=5, nanos=None)))
    found = points(reader)
    assert total(found, "rlm.calls.unpriced") == 1
    assert "rlm.cost" not in found


def test_no_attribute_names_a_run_a_node_or_a_text(reader, instruments):
    tell(MetricSink(instruments))
    attributes = [attributes for series in points(reader).values() for attributes, _ in series]
    assert not {names.RUN, names.NODE, names.PATH, names.CONVERSATION} & {key for found in attributes for key in found}
    assert CONTENT not in str(attributes)


def test_many_runs_share_one_set_of_instruments(reader, instruments):
    for _ in range(3):
        tell(MetricSink(instruments))
    assert total(points(reader), "rlm.cache.hits") == 3
