"""A run as OpenTelemetry metrics: tokens, durations, what is in flight and queued, cache hits, money."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from rlm_async.core import events
from rlm_async.core.graph import FINAL, State
from rlm_async.core.usage import Usage
from rlm_async.telemetry import conventions as names
from rlm_async.telemetry.instruments import Attributes, Instruments
from rlm_async.telemetry.times import Times

AT_ONCE = 0.001
"""Seconds; who waits less has not waited. A histogram costs ten times as much as what surrounds it."""


@dataclass(slots=True, eq=False)
class _Active:
    """A node that has not ended."""

    added: float
    depth: int
    model: str
    times: Times
    looping: bool
    calls: int = 0
    cells: int = 0


class MetricSink:
    """Takes the events of one run. Every attribute has few values: none is a node, a run or a text."""

    def __init__(self, instruments: Instruments) -> None:
        """Measure with `instruments`, which other runs share; nothing while nobody reads them."""
        self._instruments = instruments
        self._nodes: dict[int, _Active] = {}
        self._calls: dict[tuple[int, int], events.ModelAsked] = {}
        self._cells: dict[tuple[int, int], float] = {}
        self._model = ""
        self._handlers: dict[type, Callable[..., None]] = {
            events.RunStarted: self._start_run,
            events.NodeAdded: self._add_node,
            events.NodeMoved: self._move_node,
            events.ModelAsked: self._ask,
            events.ModelReplied: self._reply,
            events.CellStarted: self._start_cell,
            events.CellEnded: self._end_cell,
            events.LimitHit: self._hit_limit,
            events.QueryRefused: self._refuse,
            events.Speculated: self._speculate,
            events.RunEnded: self._end_run,
        }
        if instruments.idle:
            self._handlers.clear()

    def __call__(self, event: events.Event) -> None:
        """Measure what the event tells."""
        handler = self._handlers.get(type(event))
        if handler is not None:
            handler(event)

    def _start_run(self, event: events.RunStarted) -> None:
        self._model = event.query.model
        self._instruments.runs.add(1, (), {})

    def _hit_limit(self, event: events.LimitHit) -> None:
        self._instruments.refusals.add(1, (names.LIMIT, event.resource), {names.LIMIT: event.resource})

    def _refuse(self, event: events.QueryRefused) -> None:
        kind = names.error_type(event.error)
        self._instruments.refusals.add(1, (names.ERROR_TYPE, kind), {names.ERROR_TYPE: kind})

    def _speculate(self, event: events.Speculated) -> None:
        """What was made ahead for nothing was paid for all the same."""
        base: Attributes = {
            names.OPERATION: "chat",
            names.PROVIDER: names.provider_of(event.model),
            names.REQUEST_MODEL: event.model,
        }
        key = (event.model, "")
        self._instruments.speculative.add(event.usage.calls, key, base)
        self._count_sums(event.usage, key, base)

    def _start_cell(self, event: events.CellStarted) -> None:
        self._cells[event.node, event.cell] = event.at

    def _add_node(self, event: events.NodeAdded) -> None:
        if event.shared:
            self._instruments.shared.add(1, (), {})
            return
        self._nodes[event.node] = _Active(
            event.at, event.depth, event.query.model, Times(event.at), event.query.strategy != "direct"
        )
        self._count_node(1, State.QUEUED)

    def _move_node(self, event: events.NodeMoved) -> None:
        node = self._nodes.get(event.node)
        if node is None:
            return
        self._count_node(-1, node.times.state)
        node.times.move(event.state, event.at)
        if event.state not in FINAL:
            self._count_node(1, event.state)
            return
        del self._nodes[event.node]
        attributes: Attributes = {
            names.OPERATION: "invoke_agent",
            names.AGENT_NAME: "rlm",
            names.REQUEST_MODEL: node.model,
            names.DEPTH: node.depth,
            names.OUTCOME: str(event.state),
            **_failed(event.error),
        }
        if node.looping:  # a plain completion is one call, which is measured as such, and no cell
            self._instruments.node.record(event.at - node.added, attributes)
            self._instruments.node_calls.record(node.calls, attributes)
            self._instruments.node_cells.record(node.cells, attributes)

    def _ask(self, event: events.ModelAsked) -> None:
        self._calls[event.node, event.call] = event
        self._count_call(1, event.model)
        if event.node in self._nodes:
            self._nodes[event.node].calls += 1

    def _reply(self, event: events.ModelReplied) -> None:
        asked = self._calls.pop((event.node, event.call), None)
        if asked is None:
            return
        self._count_call(-1, asked.model)
        base: Attributes = {
            names.OPERATION: "chat",
            names.PROVIDER: names.provider_of(asked.model),
            names.REQUEST_MODEL: asked.model,
            names.RESPONSE_MODEL: event.model,
        }
        key = (asked.model, event.model)
        for retried in event.retries:
            self._instruments.retries.add(1, (*key, retried.error), base | {names.ERROR_TYPE: retried.error})
        if event.cached:
            self._instruments.hits.add(1, key, base)
            return  # nothing was asked: no operation, no tokens, no money
        self._instruments.call.record(event.at - asked.at, base | _failed(event.error))
        if event.waited > AT_ONCE:
            self._instruments.queue.record(event.waited, base)
        self._count_usage(event, key, base)

    def _count_usage(self, event: events.ModelReplied, key: tuple[str, str], base: Attributes) -> None:
        usage, instruments = event.usage, self._instruments
        instruments.tokens.record(usage.prompt_tokens, base | {names.TOKEN_TYPE: "input"})
        instruments.tokens.record(usage.completion_tokens, base | {names.TOKEN_TYPE: "output"})
        self._count_sums(usage, key, base)

    def _count_sums(self, usage: Usage, key: tuple[str, str], base: Attributes) -> None:
        instruments = self._instruments
        text = base | {names.TOKEN_MODALITY: "text"}
        instruments.input.add(usage.prompt_tokens, key, text)
        instruments.output.add(usage.completion_tokens, key, text)
        if usage.cached_tokens:
            instruments.cached.add(usage.cached_tokens, key, text)
        if usage.usd is None:
            instruments.unpriced.add(1, key, base)
        elif usage.usd:
            instruments.usd.add(usage.usd, key, base)

    def _count_node(self, amount: int, state: State) -> None:
        self._instruments.nodes.add(amount, (state,), {names.STATE: str(state)})

    def _count_call(self, amount: int, model: str) -> None:
        self._instruments.in_flight.add(amount, (model,), {names.REQUEST_MODEL: model})

    def _end_cell(self, event: events.CellEnded) -> None:
        began = self._cells.pop((event.node, event.cell), None)
        if began is None:
            return
        error = {} if event.output.error is None else {names.ERROR_TYPE: names.code_error(event.output.error.type)}
        attributes: Attributes = {
            names.OPERATION: "execute_tool",
            names.TOOL_NAME: "python",
            names.OUTCOME: event.output.outcome,
            **error,
        }
        self._instruments.cell.record(event.at - began, attributes)
        if event.node in self._nodes:
            self._nodes[event.node].cells += 1

    def _end_run(self, event: events.RunEnded) -> None:
        for node in self._nodes.values():
            self._count_node(-1, node.times.state)
        for asked in self._calls.values():
            self._count_call(-1, asked.model)
        self._nodes.clear()
        self._calls.clear()
        self._instruments.runs.add(-1, (), {})
        attributes: Attributes = {
            names.OPERATION: "invoke_workflow",
            names.AGENT_NAME: "rlm",
            names.REQUEST_MODEL: self._model,
            names.STATUS: event.status,
            **_failed(event.error),
        }
        self._instruments.node.record(event.at, attributes)


def _failed(error: str) -> Attributes:
    return {names.ERROR_TYPE: names.error_type(error)} if error else {}
