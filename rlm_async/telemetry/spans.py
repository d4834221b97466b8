"""A run as OpenTelemetry spans: the run, its nodes, their turns, model calls and cells.

`invoke_workflow rlm` > `invoke_agent rlm` (one a node, under the node that asked first) > `rlm.turn` >
`chat {model}` and `execute_tool python`. A node that several asked for is one span, and each further asker
has a link to it. Content is left out unless the standard variable asks for it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

from opentelemetry import trace
from opentelemetry.trace import Span, SpanContext, Tracer, TracerProvider

from rlm_async.core import events
from rlm_async.core.graph import FINAL, State
from rlm_async.core.usage import Limits
from rlm_async.telemetry import conventions as names
from rlm_async.telemetry.branch import Attributes, Branch, Pen, aggregated, fail
from rlm_async.telemetry.content import Capture
from rlm_async.telemetry.details import Details
from rlm_async.telemetry.times import Epoch, Times


class SpanSink:
    """Takes the events of one run. Started in the caller's context, so the caller's span is the parent."""

    def __init__(
        self,
        provider: TracerProvider | None = None,
        environment: Mapping[str, str] = os.environ,
        *,
        secrets: Iterable[str] = (),
        details: Details | None = None,
    ) -> None:
        """Use `provider`, or the one that the program has set up; without any, an event costs next to nothing.

        `secrets` are cut out of what is captured, should content be wanted; `details` takes it as log events.
        """
        self._tracer: Tracer = trace.get_tracer(names.SCOPE, tracer_provider=provider)
        self._capture = Capture.of(environment, secrets)
        self._details = details if self._capture.on_events else None
        self._pen = Pen(self._tracer, Epoch(), self._capture, "")
        self._run: Span | None = None
        self._nodes: dict[int, Branch] = {}
        self._left_out: dict[int, Branch | None] = {}
        """Nodes without a span, and the nearest node above that has one."""
        self._contexts: dict[int, SpanContext] = {}
        self._added = 0

    def __call__(self, event: events.Event) -> None:
        """Start, mark or end the span that the event is about."""
        if isinstance(event, events.RunStarted):
            self._start_run(event)
        elif self._run is not None:
            self._follow(event)

    def _follow(self, event: events.Event) -> None:
        match event:
            case events.NodeAdded():
                self._add_node(event)
            case events.NodeMoved():
                self._move_node(event)
            case events.RunEnded():
                self._end_run(event)
            case events.RunStarted():
                return
            case _ if (branch := self._nodes.get(event.node)) is not None:
                self._within(branch, event)
            case events.ModelReplied():
                self._count_tokens(event)

    def _start_run(self, event: events.RunStarted) -> None:
        query = event.query
        attributes: Attributes = {
            names.OPERATION: "invoke_workflow",
            names.AGENT_NAME: "rlm",
            names.CONVERSATION: event.run,
            names.RUN: event.run,
            names.REQUEST_MODEL: query.model,
            names.STRATEGY: query.strategy,
            names.CONTEXT_CHARACTERS: query.context.characters,
            names.CONTEXT_DOCUMENTS: len(query.context.documents),
            **_ceilings(event.limits),
        }
        if self._capture.on_spans:
            attributes[names.INPUT_MESSAGES] = self._capture.message("user", query.prompt)
        self._pen = Pen(self._tracer, Epoch.at(event.started), self._capture, event.run)
        start = self._pen.epoch.stamp(event.at)
        span = self._tracer.start_span("invoke_workflow rlm", attributes=attributes, start_time=start)
        self._run = span if span.is_recording() else None  # nobody listens, or the whole run is sampled out

    def _add_node(self, event: events.NodeAdded) -> None:
        asker = None if event.parent is None else self._nodes.get(event.parent)
        if event.shared:
            if asker is not None and event.node in self._contexts:
                asker.span.add_link(self._contexts[event.node], {names.SHARED: True, names.NODE: event.node})
                asker.fanout += 1
            return
        self._added += 1
        if asker is not None:
            asker.fanout += 1
        if event.parent in self._left_out:
            self._leave_out(event.node, self._left_out[event.parent])
            return
        path = str(event.node) if asker is None else f"{asker.path}/{event.node}"
        span = self._node_span(event, asker, path)
        if not span.is_recording():
            self._leave_out(event.node, asker)
            return
        query = event.query
        branch = Branch(self._pen, event.node, span, path, query.prompt, Times(event.at), query.strategy != "direct")
        self._nodes[event.node] = branch
        self._contexts[event.node] = span.get_span_context()

    def _node_span(self, event: events.NodeAdded, asker: Branch | None, path: str) -> Span:
        query = event.query
        attributes: Attributes = {  # given at the start: samplers see these
            names.OPERATION: "invoke_agent",
            names.AGENT_NAME: "rlm",
            names.CONVERSATION: self._pen.run,
            names.NODE: event.node,
            names.PATH: path,
            names.DEPTH: event.depth,
            names.STRATEGY: query.strategy,
            names.REQUEST_MODEL: query.model,
        }
        if query.context.characters:
            attributes[names.CONTEXT_CHARACTERS] = query.context.characters
        if query.sample:
            attributes[names.SAMPLE] = query.sample
        if self._capture.on_spans:
            attributes[names.INPUT_MESSAGES] = self._capture.message("user", query.prompt)
        parent = self._run
        if asker is not None:
            attributes.update(asker.place)
            parent = asker.span
        context = None if parent is None else trace.set_span_in_context(parent)
        start = self._pen.epoch.stamp(event.at)
        return self._tracer.start_span("invoke_agent rlm", context=context, attributes=attributes, start_time=start)

    def _leave_out(self, node: int, above: Branch | None) -> None:
        """The sampler wants no span of this node, and so of nothing below it: the node above counts it."""
        self._left_out[node] = above
        if above is not None:
            above.unsampled += 1

    def _move_node(self, event: events.NodeMoved) -> None:
        branch = self._nodes.get(event.node)
        if branch is None:
            above = self._left_out.get(event.node)
            if above is not None and event.state is State.FAILED:
                above.unsampled_failed += 1
                facts: Attributes = {names.NODE: event.node, names.ERROR_TYPE: names.error_type(event.error)}
                above.mark(names.FAILED_EVENT, event.at, facts)
            return
        branch.times.move(event.state, event.at)
        if event.state in FINAL:
            del self._nodes[event.node]
            branch.end(event.at, str(event.state), event.error)

    def _within(self, branch: Branch, event: events.Event) -> None:
        match event:
            case events.ModelAsked():
                branch.asked(event)
            case events.ModelReplied():
                self._replied(branch, event)
            case events.ReplyGrew():
                branch.heard(event)
            case events.CellStarted():
                branch.started_cell(event)
            case events.CellEnded():
                branch.ended_cell(event)
            case events.NodeAnswered():
                branch.answered(event)
                self._tell_answer(branch.span, event.text)
            case _:
                _mark(branch, event)

    def _replied(self, branch: Branch, event: events.ModelReplied) -> None:
        span = branch.replied(event)
        if span is not None and self._details is not None and not event.error:
            question = None if branch.looping else branch.question
            self._details.tell(span, event, question, self._capture, self._pen.epoch.stamp(event.at))

    def _tell_answer(self, span: Span, text: str) -> None:
        if self._capture.on_spans:
            span.set_attribute(names.OUTPUT_MESSAGES, self._capture.message("assistant", text, "stop"))

    def _count_tokens(self, event: events.ModelReplied) -> None:
        above = self._left_out.get(event.node)
        if above is not None:
            above.unsampled_tokens += event.usage.tokens

    def _end_run(self, event: events.RunEnded) -> None:
        run, self._run = self._run, None
        if run is None:
            return
        for branch in self._nodes.values():
            branch.end(event.at, "cancelled")
        self._nodes.clear()
        run.set_attributes({names.STATUS: event.status, names.NODES: self._added, **aggregated(event.usage)})
        self._tell_answer(run, event.text)
        if event.error:
            fail(run, event.error)
        run.end(self._pen.epoch.stamp(event.at))


def _mark(branch: Branch, event: events.Event) -> None:
    """What is an attribute or an event of a node's span."""
    match event:
        case events.StrategyChosen():
            branch.looping = event.strategy != "direct"
            branch.span.set_attributes({names.STRATEGY: event.strategy, names.REASON: event.reason})
        case events.SandboxOpened():
            branch.span.set_attribute(names.LAYERS, event.layers)
        case events.LimitHit():
            branch.mark(names.LIMIT_EVENT, event.at, {names.LIMIT: event.resource, names.SCOPE_OF_LIMIT: event.scope})
        case events.QueryRefused():
            branch.mark(names.REFUSAL_EVENT, event.at, {names.ERROR_TYPE: names.error_type(event.error)})
        case events.Speculated():
            wasted: Attributes = {names.REQUEST_MODEL: event.model, **aggregated(event.usage)}
            branch.mark(names.SPECULATION_EVENT, event.at, wasted)
        case events.Folded():
            branch.folded = True
            facts: Attributes = {
                names.FOLD_POLICY: event.policy,
                names.FOLD_TURNS: event.turns,
                names.FOLD_BEFORE: event.before,
                names.FOLD_AFTER: event.after,
            }
            branch.mark(names.FOLD_EVENT, event.at, facts)


def _ceilings(limits: Limits) -> Attributes:
    """The limits that are set, as `rlm.limit.NAME`."""
    values = {"depth": limits.depth, "calls": limits.calls, "tokens": limits.tokens, "usd": limits.usd}
    values["seconds"] = limits.seconds
    return {f"{names.LIMIT}.{name}": value for name, value in values.items() if value is not None}
