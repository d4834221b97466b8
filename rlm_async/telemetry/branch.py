"""One node's span, and the spans of its turns, model calls and cells while they are open."""

from __future__ import annotations

from dataclasses import dataclass, field

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer

from rlm_async.core import events
from rlm_async.core.graph import State
from rlm_async.core.usage import Usage
from rlm_async.telemetry import conventions as names
from rlm_async.telemetry.content import Capture
from rlm_async.telemetry.times import Epoch, Times

Attributes = dict[str, str | int | float | bool | tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Pen:
    """What every span of a run is written with."""

    tracer: Tracer
    epoch: Epoch
    capture: Capture
    run: str


@dataclass(slots=True, eq=False)
class _Open:
    """A call or a cell on its way.

    It has nothing below it, so its span is made when it ends: attributes given at once cost less than added ones.
    """

    name: str
    began: float
    context: Context
    attributes: Attributes
    kind: SpanKind = SpanKind.INTERNAL
    waited: float = 0.0
    """Of the node, before it."""


@dataclass(slots=True, eq=False)
class Branch:
    """A node whose span is open. Times are seconds of the run."""

    pen: Pen
    node: int
    span: Span
    path: str
    question: str
    times: Times
    looping: bool = True
    """Whether it answers in turns; a plain completion has one, which is the call itself."""
    folded: bool = False
    """Whether its history was made shorter."""
    fanout: int = 0
    turns: int = 0
    unsampled: int = 0
    """Nodes below it that were left out."""
    unsampled_failed: int = 0
    unsampled_tokens: int = 0
    _turn: Span | None = None
    _calls: dict[int, _Open] = field(default_factory=dict)
    _cells: dict[int, _Open] = field(default_factory=dict)

    @property
    def context(self) -> Context:
        """For the spans of its children."""
        return trace.set_span_in_context(self.span)

    @property
    def place(self) -> Attributes:
        """In which cell, or else turn, it is now: what a child was asked from."""
        if self._cells:
            return {names.ASKED_IN_CELL: next(reversed(self._cells))}
        return {names.ASKED_IN_TURN: self.turns - 1} if self.turns else {}

    def asked(self, event: events.ModelAsked) -> None:
        """A model call begins, and a turn with it."""
        self._begin_turn(event.at)
        attributes: Attributes = {
            names.OPERATION: "chat",
            names.PROVIDER: names.provider_of(event.model),
            names.REQUEST_MODEL: event.model,
            names.PROMPT_CHARACTERS: event.prompt_characters,
            names.NODE: self.node,
        }
        if self.looping:
            attributes[names.TURN] = self.turns - 1
        if self.folded:
            attributes[names.COMPACTED] = True
        if self.pen.capture.on_spans and not self.looping:
            attributes[names.INPUT_MESSAGES] = self.pen.capture.message("user", self.question)
        name = f"chat {event.model}"
        self._calls[event.call] = _Open(name, event.at, self._below, attributes, SpanKind.CLIENT)

    def heard(self, event: events.ReplyGrew) -> None:
        """A piece of a reply has come; the first one is timed."""
        call = self._calls.get(event.call)
        if call is not None:
            call.attributes.setdefault(names.FIRST_CHUNK, event.at - call.began)

    def replied(self, event: events.ModelReplied) -> Span | None:
        """A model call has ended, well or not; its span."""
        call = self._calls.pop(event.call, None)
        if call is None:
            return None
        call.attributes.update(_call_facts(event))
        if not event.error and self.pen.capture.on_spans:
            said = self.pen.capture.message("assistant", event.text, event.finish)
            call.attributes[names.OUTPUT_MESSAGES] = said
        span = self._made(call)
        for retried in event.retries:
            facts: Attributes = {names.ERROR_TYPE: retried.error, names.RETRY_PAUSE: retried.pause}
            span.add_event(names.RETRY_EVENT, facts, self.pen.epoch.stamp(min(call.began + retried.at, event.at)))
        if event.error:
            fail(span, event.error)
        span.end(self.pen.epoch.stamp(event.at))
        return span

    def started_cell(self, event: events.CellStarted) -> None:
        """A piece of code begins to run."""
        attributes: Attributes = {
            names.OPERATION: "execute_tool",
            names.TOOL_NAME: "python",
            names.TOOL_TYPE: "function",
            names.TOOL_CALL: f"{self.node}.{event.cell}",
            names.NODE: self.node,
            names.CELL: event.cell,
        }
        if self.pen.capture.on_spans:
            attributes[names.TOOL_ARGUMENTS] = self.pen.capture.text(event.code)
        waited = self.times.spent(State.WAITING, event.at)
        self._cells[event.cell] = _Open("execute_tool python", event.at, self._below, attributes, waited=waited)

    def ended_cell(self, event: events.CellEnded) -> None:
        """A piece of code has run."""
        cell = self._cells.pop(event.cell, None)
        if cell is None:
            return
        output, at = event.output, event.at
        waited = self.times.spent(State.WAITING, at) - cell.waited
        facts: Attributes = {
            names.OUTCOME: output.outcome,
            names.WAIT_SECONDS: waited,
            names.EXECUTION_SECONDS: max(0.0, at - cell.began - waited),
            names.CPU_SECONDS: output.cpu_seconds,
        }
        cell.attributes.update(facts)
        if self.pen.capture.on_spans:
            cell.attributes[names.TOOL_RESULT] = self.pen.capture.text(output.stdout)
        span = self._made(cell)
        if output.error is not None:
            fail(span, names.code_error(output.error.type))
        if output.outcome == "refused":
            kind = names.code_error(output.error.type) if output.error is not None else "refused"
            span.add_event(names.REFUSAL_EVENT, {names.ERROR_TYPE: kind}, self.pen.epoch.stamp(at))
        span.end(self.pen.epoch.stamp(at))

    def answered(self, event: events.NodeAnswered) -> None:
        """The node has its answer. What a plain completion has used stands on its one call."""
        facts = aggregated(event.usage) if self.looping else {}
        if self.looping or event.status != "complete":
            facts[names.STATUS] = event.status
        if facts:
            self.span.set_attributes(facts)

    def mark(self, name: str, at: float, facts: Attributes) -> None:
        """A span event on the node."""
        self.span.add_event(name, facts, self.pen.epoch.stamp(at))

    def end(self, at: float, outcome: str, error: str = "") -> None:
        """The node has ended, and with it whatever is still open below it."""
        for left in (*self._cells.values(), *self._calls.values()):
            left.attributes[names.OUTCOME] = "cancelled"
            self._made(left).end(self.pen.epoch.stamp(at))
        self._cells.clear()
        self._calls.clear()
        self._end_turn(at)
        facts: Attributes = {
            names.OUTCOME: outcome,
            names.QUEUE_SECONDS: self.times.spent(State.QUEUED, at),
            names.EXECUTION_SECONDS: self.times.spent(State.RUNNING, at),
        }
        if self.looping:
            facts[names.WAIT_SECONDS] = self.times.spent(State.WAITING, at)
        if self.fanout:
            facts[names.FANOUT] = self.fanout
        if self.looping:
            facts[names.TURNS] = self.turns
        if self.unsampled:
            facts[names.UNSAMPLED_NODES] = self.unsampled
            facts[names.UNSAMPLED_FAILED] = self.unsampled_failed
            facts[names.UNSAMPLED_TOKENS] = self.unsampled_tokens
        self.span.set_attributes(facts)
        if error:
            fail(self.span, error)
        self.span.end(self.pen.epoch.stamp(at))

    @property
    def _below(self) -> Context:
        """For the spans of its calls and cells."""
        return self.context if self._turn is None else trace.set_span_in_context(self._turn)

    def _made(self, ended: _Open) -> Span:
        return self.pen.tracer.start_span(
            ended.name,
            context=ended.context,
            kind=ended.kind,
            attributes=ended.attributes,
            start_time=self.pen.epoch.stamp(ended.began),
        )

    def _begin_turn(self, at: float) -> None:
        if self._calls:
            return  # a second call beside the first is of the same turn
        self._end_turn(at)
        self.turns += 1
        if self.looping:
            attributes: Attributes = {names.TURN: self.turns - 1, names.NODE: self.node}
            self._turn = self._made(_Open("rlm.turn", at, self.context, attributes))

    def _end_turn(self, at: float) -> None:
        if self._turn is not None:
            self._turn.end(self.pen.epoch.stamp(at))
            self._turn = None


def _call_facts(event: events.ModelReplied) -> Attributes:
    usage = event.usage
    facts: Attributes = {
        names.RESPONSE_MODEL: event.model,
        names.INPUT_TOKENS: usage.prompt_tokens,
        names.OUTPUT_TOKENS: usage.completion_tokens,
        names.QUEUE_SECONDS: event.waited,
        names.EXECUTION_SECONDS: event.seconds,
        **money(usage),
    }
    if usage.cached_tokens:
        facts[names.CACHED_TOKENS] = usage.cached_tokens
    if event.cached:
        facts[names.CACHE_HIT] = True
    if event.attempts > 1:
        facts[names.ATTEMPTS] = event.attempts
    if not event.error:
        facts[names.FINISH_REASONS] = (event.finish,)
    if event.retries:
        last = event.retries[-1]
        facts[names.RETRY_SECONDS] = last.at + last.pause
    return facts


def money(usage: Usage) -> Attributes:
    """The price in US dollars; nothing where it is unknown."""
    return {} if usage.usd is None else {names.USD: usage.usd}


def aggregated(usage: Usage) -> Attributes:
    """A sum over calls: under names of its own, or backends would count tokens twice."""
    return {
        names.AGGREGATED_INPUT: usage.prompt_tokens,
        names.AGGREGATED_OUTPUT: usage.completion_tokens,
        **money(usage),
    }


def fail(span: Span, error: str) -> None:
    """Mark a span as failed, by the class of the error alone: its text may hold content."""
    kind = names.error_type(error)
    span.set_attribute(names.ERROR_TYPE, kind)
    span.set_status(Status(StatusCode.ERROR, kind))
