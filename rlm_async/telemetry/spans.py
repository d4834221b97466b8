"""A run as OpenTelemetry spans: the run, its nodes, their model calls and their cells.

`invoke_workflow rlm` > `invoke_agent rlm` (one a node) > `chat {model}` and `execute_tool python`. A node
that several parents asked for is one span under the first, with a link on each further asker's own span.
Queue, wait and execution time stand apart. Content is left out unless the standard variable asks for it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer, TracerProvider

from rlm_async.core import events
from rlm_async.core.graph import FINAL
from rlm_async.core.usage import Usage
from rlm_async.telemetry import conventions as names

Attributes = dict[str, str | int | float | bool | tuple[str, ...]]


class SpanSink:
    """Takes the events of one run. Started in the caller's context, so the caller's span is the parent."""

    def __init__(self, provider: TracerProvider | None = None, environment: Mapping[str, str] = os.environ) -> None:
        """Use `provider`, or the one that the program has set up; without any, spans cost next to nothing."""
        self._tracer: Tracer = trace.get_tracer("rlm_async", tracer_provider=provider)
        self._content = environment.get(names.CAPTURE_VARIABLE, "").upper() in names.CAPTURING
        self._run: Span | None = None
        self._name = ""
        self._nodes: dict[int, Span] = {}
        self._contexts: dict[int, trace.SpanContext] = {}
        self._calls: dict[tuple[int, int], Span] = {}
        self._cells: dict[tuple[int, int], Span] = {}

    def __call__(self, event: events.Event) -> None:
        """Start, mark or end the span that the event is about."""
        match event:
            case events.RunStarted():
                self._start_run(event)
            case events.NodeAdded():
                self._add_node(event)
            case events.NodeMoved() if event.state in FINAL:
                self._end_node(event)
            case events.ModelAsked():
                self._start_call(event)
            case events.ModelReplied():
                self._end_call(event)
            case events.CellStarted() | events.CellEnded():
                self._cell(event)
            case events.RunEnded():
                self._end_run(event)
            case _:
                self._mark(event)

    def _start_run(self, event: events.RunStarted) -> None:
        self._name = event.run
        attributes: Attributes = {
            names.OPERATION: "invoke_workflow",
            names.CONVERSATION: event.run,
            names.RUN: event.run,
            names.REQUEST_MODEL: event.query.model,
            names.CONTEXT_CHARACTERS: event.query.context.characters,
        }
        self._run = self._tracer.start_span("invoke_workflow rlm", attributes=attributes)

    def _add_node(self, event: events.NodeAdded) -> None:
        parent = self._run if event.parent is None else self._nodes.get(event.parent, self._run)
        if event.shared:
            if parent is not None and event.node in self._contexts:
                parent.add_link(self._contexts[event.node], {names.SHARED: True, names.NODE: event.node})
            return
        attributes: Attributes = {
            names.OPERATION: "invoke_agent",
            names.AGENT_NAME: "rlm",
            names.AGENT_ID: f"{self._name}/{event.node}",
            names.RUN: self._name,
            names.NODE: event.node,
            names.DEPTH: event.depth,
            names.STRATEGY: event.query.strategy,
            names.REQUEST_MODEL: event.query.model,
            names.CONTEXT_CHARACTERS: event.query.context.characters,
        }
        span = self._tracer.start_span("invoke_agent rlm", context=_within(parent), attributes=attributes)
        self._nodes[event.node] = span
        self._contexts[event.node] = span.get_span_context()

    def _end_node(self, event: events.NodeMoved) -> None:
        span = self._nodes.pop(event.node, None)
        if span is None:
            return
        span.set_attribute(names.OUTCOME, str(event.state))
        if event.error:
            span.set_attribute(names.ERROR_TYPE, event.error.partition(":")[0])
            span.set_status(Status(StatusCode.ERROR, event.error if self._content else event.error.partition(":")[0]))
        span.end()

    def _start_call(self, event: events.ModelAsked) -> None:
        attributes: Attributes = {
            names.OPERATION: "chat",
            names.PROVIDER: event.model.partition("/")[0] if "/" in event.model else "unknown",
            names.REQUEST_MODEL: event.model,
            names.PROMPT_CHARACTERS: event.prompt_characters,
            names.RUN: self._name,
            names.NODE: event.node,
        }
        span = self._tracer.start_span(
            f"chat {event.model}",
            context=_within(self._nodes.get(event.node)),
            kind=SpanKind.CLIENT,
            attributes=attributes,
        )
        self._calls[event.node, event.call] = span

    def _end_call(self, event: events.ModelReplied) -> None:
        span = self._calls.pop((event.node, event.call), None)
        if span is None:
            return
        usage = event.usage
        span.set_attributes(
            {
                names.RESPONSE_MODEL: event.model,
                names.INPUT_TOKENS: usage.prompt_tokens,
                names.OUTPUT_TOKENS: usage.completion_tokens,
                names.CACHED_TOKENS: usage.cached_tokens,
                names.QUEUE_SECONDS: event.waited,
                names.CALL_SECONDS: event.seconds,
                names.ATTEMPTS: event.attempts,
                names.CACHE_HIT: event.cached,
                **_money(usage),
            }
        )
        if event.error:
            kind = event.error.partition(":")[0]
            span.set_attribute(names.ERROR_TYPE, kind)
            span.set_status(Status(StatusCode.ERROR, kind))
        elif self._content:
            said = [{"role": "assistant", "parts": [{"type": "text", "content": event.text}]}]
            span.set_attribute(names.OUTPUT_MESSAGES, json.dumps(said, ensure_ascii=False))
        span.end()

    def _cell(self, event: events.CellStarted | events.CellEnded) -> None:
        key = (event.node, event.cell)
        if isinstance(event, events.CellStarted):
            attributes: Attributes = {
                names.OPERATION: "execute_tool",
                names.TOOL_NAME: "python",
                names.TOOL_CALL: f"{event.node}.{event.cell}",
                names.RUN: self._name,
                names.NODE: event.node,
            }
            if self._content:
                attributes[names.TOOL_ARGUMENTS] = event.code
            context = _within(self._nodes.get(event.node))
            self._cells[key] = self._tracer.start_span("execute_tool python", context=context, attributes=attributes)
            return
        span = self._cells.pop(key, None)
        if span is None:
            return
        output = event.output
        span.set_attributes({names.OUTCOME: output.outcome, names.CPU_SECONDS: output.cpu_seconds})
        if output.error is not None:
            span.set_attribute(names.ERROR_TYPE, output.error.type)
        if self._content:
            span.set_attribute(names.TOOL_RESULT, output.stdout)
        span.end()

    def _mark(self, event: events.Event) -> None:
        span = self._nodes.get(getattr(event, "node", -1))
        if span is None:
            return
        match event:
            case events.StrategyChosen():
                span.set_attributes({names.STRATEGY: event.strategy, names.REASON: event.reason})
            case events.SandboxOpened():
                span.set_attribute(names.LAYERS, event.layers)
            case events.LimitHit():
                span.add_event("rlm.limit", {names.LIMIT: event.resource, names.SCOPE: event.scope})
            case events.NodeAnswered():
                span.set_attributes({names.STATUS: event.status, **_aggregated(event.usage)})

    def _end_run(self, event: events.RunEnded) -> None:
        for span in (*self._cells.values(), *self._calls.values(), *self._nodes.values()):
            span.set_attribute(names.OUTCOME, "cancelled")
            span.end()
        if self._run is None:
            return
        self._run.set_attributes({names.STATUS: event.status, **_aggregated(event.usage)})
        if event.error:
            kind = event.error.partition(":")[0]
            self._run.set_attribute(names.ERROR_TYPE, kind)
            self._run.set_status(Status(StatusCode.ERROR, kind))
        self._run.end()


def _within(span: Span | None) -> Context | None:
    return None if span is None else trace.set_span_in_context(span)


def _money(usage: Usage) -> Attributes:
    return {} if usage.usd is None else {names.USD: usage.usd}


def _aggregated(usage: Usage) -> Attributes:
    return {
        names.AGGREGATED_INPUT: usage.prompt_tokens,
        names.AGGREGATED_OUTPUT: usage.completion_tokens,
        **_money(usage),
    }
