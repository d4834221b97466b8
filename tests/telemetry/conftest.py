"""Runs told as events, and what becomes of them in an SDK that keeps all in memory."""

from __future__ import annotations

from dataclasses import replace

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from rlm_async.core import events
from rlm_async.core.graph import State
from rlm_async.core.query import Query
from rlm_async.core.transcript import CodeError, Output
from rlm_async.core.usage import Limits, Usage
from rlm_async.errors import Retried
from rlm_async.telemetry import conventions as names

CONTENT = "the text of a reply"
QUERY = Query(prompt=CONTENT, model="openai/gpt-5", strategy="repl")
LEAF = replace(QUERY, model="gemini/flash", strategy="direct")
USAGE = Usage(calls=1, prompt_tokens=7, completion_tokens=3, cached_tokens=2, nanos=5_000_000)
STARTED = 1_700_000_000.0


def story():
    """A root whose cell asks two children, one of them shared by the other; a retry, a refusal, a failure, a fold."""
    yield events.RunStarted(at=0, run="r1", started=STARTED, query=QUERY, limits=Limits(usd=2.0))
    yield events.NodeAdded(at=0, node=0, parent=None, depth=0, query=QUERY)
    yield events.NodeMoved(at=0.5, node=0, state=State.RUNNING)
    yield events.SandboxOpened(at=0.5, node=0, layers=("policy", "seccomp"))
    yield events.ModelAsked(at=0.5, node=0, call=0, model="openai/gpt-5", prompt_characters=9)
    yield events.ModelReplied(
        at=1, node=0, call=0, model="gpt-5-2026", usage=USAGE, text=CONTENT, waited=0.25, seconds=0.125
    )
    yield events.CellStarted(at=1, node=0, cell=0, code=CONTENT)
    yield events.NodeAdded(at=1, node=1, parent=0, depth=1, query=LEAF)
    yield events.NodeAdded(at=1, node=2, parent=0, depth=1, query=QUERY)
    yield events.NodeMoved(at=1, node=0, state=State.WAITING)
    yield events.NodeAdded(at=1, node=1, parent=2, depth=2, query=LEAF, shared=True)
    yield events.QueryRefused(at=1, node=2, error=f"CycleRefused: {CONTENT}")
    yield events.ModelAsked(at=1, node=1, call=0, model="gemini/flash", prompt_characters=9)
    retries = (Retried("RateLimited", 0.5, 0.25),)
    yield events.ModelReplied(
        at=2, node=1, call=0, model="flash", usage=USAGE, text=CONTENT, waited=0.75, seconds=0.25, retries=retries
    )
    yield events.NodeAnswered(at=2, node=1, text=CONTENT, status="complete", usage=USAGE)
    yield events.NodeMoved(at=2, node=1, state=State.DONE)
    yield events.ModelAsked(at=2, node=2, call=0, model="openai/gpt-5", prompt_characters=9)
    yield events.ModelReplied(
        at=3, node=2, call=0, model="openai/gpt-5", usage=Usage(), error=f"ModelRejected: {CONTENT}"
    )
    yield events.NodeMoved(at=3, node=2, state=State.FAILED, error=f"ModelRejected: {CONTENT}")
    yield events.NodeMoved(at=3, node=0, state=State.RUNNING)
    yield events.LimitHit(at=3, node=0, scope="the run", resource="calls")
    error = CodeError("ValueError", CONTENT, 1)
    output = Output(stdout=CONTENT, error=error, outcome="error", cpu_seconds=0.01)
    yield events.CellEnded(at=4, node=0, cell=0, output=output)
    yield events.Folded(at=4, node=0, policy="older", turns=1, before=900, after=300)
    yield events.Speculated(at=4, node=0, model="gemini/flash", usage=USAGE)
    yield events.ModelAsked(at=4, node=0, call=1, model="openai/gpt-5", prompt_characters=9)
    for at in (4.25, 4.5):
        yield events.ReplyGrew(at=at, node=0, call=1, characters=4, piece="text")
    yield events.ModelReplied(at=5, node=0, call=1, model="gpt-5-2026", usage=USAGE, text=CONTENT, cached=True)
    yield events.NodeAnswered(at=5, node=0, text=CONTENT, status="partial", usage=USAGE)
    yield events.NodeMoved(at=5, node=0, state=State.DONE)
    yield events.RunEnded(at=5, run="r1", status="partial", text=CONTENT, usage=USAGE)


def tell(sink, told=None):
    for event in story() if told is None else told:
        sink(event)


@pytest.fixture
def exporter():
    return InMemorySpanExporter()


@pytest.fixture
def provider(exporter):
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    yield provider
    provider.shutdown()


def spans_of(exporter):
    """By name and node; the calls, cells and turns of the root by their number, too."""
    found = {}
    for span in exporter.get_finished_spans():
        number = span.attributes.get(names.TURN)
        found[span.name, span.attributes.get(names.NODE), *([] if number is None else [number])] = span
    assert len(found) == len(exporter.get_finished_spans())
    return found
