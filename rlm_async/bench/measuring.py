"""What a run's trace says of it: critical path, peak, coverage, failures, costs by depth and model."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from rlm_async.bench.sim.kit.records import record_in
from rlm_async.bench.windows import Window
from rlm_async.core import events
from rlm_async.core.answer import Answer
from rlm_async.core.graph import State
from rlm_async.core.usage import Usage

_NUMBERED = re.compile(r"^\d+\. ")


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """How a run went. Times in seconds."""

    critical: float
    work: float
    longest: float
    serial: float
    peak: int
    shared: int
    cached: int
    failures: int


def course(answer: Answer) -> Course:
    """The course of an answered run, from its events."""
    asked: dict[tuple[int, int], float] = {}
    spans: list[tuple[float, float, int]] = []
    shared = cached = failures = 0
    for event in answer.trace:
        if isinstance(event, events.ModelAsked):
            asked[event.node, event.call] = event.at
        elif isinstance(event, events.ModelReplied):
            began = event.at - event.seconds if event.seconds else asked[event.node, event.call]
            spans.append((began, event.at, event.node))
            cached += event.cached
        elif isinstance(event, events.NodeAdded):
            shared += event.shared
        elif isinstance(event, events.NodeMoved):
            failures += event.state is State.FAILED and event.node != 0
    return Course(
        critical=_critical(answer, spans),
        work=sum(end - began for began, end, _ in spans),
        longest=max((end - began for began, end, _ in spans), default=0.0),
        serial=sum(end - began for began, end, node in spans if node == 0),
        peak=_peak(spans),
        shared=shared,
        cached=cached,
        failures=failures,
    )


def _critical(answer: Answer, spans: list[tuple[float, float, int]]) -> float:
    """The longest chain of model calls that had to wait for each other, were there no queue.

    A node's own calls are one after the other. Between two of them it waits for children that were added
    in between: of those the longest counts. Lazy and chained sub-queries of one cell are chained by time: a child
    that was added after another one had ended counts on top of it.
    """
    own: dict[int, list[tuple[float, float]]] = {}
    for began, end, node in spans:
        own.setdefault(node, []).append((began, end - began))
    added = {event.node: event.at for event in answer.trace if isinstance(event, events.NodeAdded) and not event.shared}
    ended = {
        event.node: event.at
        for event in answer.trace
        if isinstance(event, events.NodeMoved) and event.state in {State.DONE, State.FAILED, State.CANCELLED}
    }
    length: dict[int, float] = {}
    for place in reversed(answer.graph.nodes):
        children = sorted(child for child in place.children if child in length)
        alone = sum(seconds for _, seconds in own.get(place.id, []))
        length[place.id] = alone + _chained(children, added, ended, length)
    return length.get(0, 0.0)


def _chained(
    children: list[int], added: Mapping[int, float], ended: Mapping[int, float], length: Mapping[int, float]
) -> float:
    """The children's longest chain: those that began after others had ended come on top of these."""
    total = longest = 0.0
    until = -1.0
    for child in sorted(children, key=lambda child: added.get(child, 0.0)):
        if until >= 0 and added.get(child, 0.0) >= until:
            total, longest, until = total + longest, 0.0, -1.0
        longest = max(longest, length[child])
        until = max(until, ended.get(child, 0.0))
    return total + longest


def _peak(spans: list[tuple[float, float, int]]) -> int:
    ticks = [(round(began, 6), 1) for began, _, _ in spans] + [(round(end, 6), -1) for _, end, _ in spans]
    steps = sorted(ticks)  # at the same moment ends come first
    now = most = 0
    for _, step in steps:
        now += step
        most = max(most, now)
    return most


def coverage(window: Window, answer: Answer) -> float:
    """The part of a window that stood in the prompt of a plain completion, or of the root where it was direct."""
    if not window.units:
        return 0.0
    failed = {
        event.node for event in answer.trace if isinstance(event, events.NodeMoved) and event.state is State.FAILED
    }
    direct = {
        event.node for event in answer.trace if isinstance(event, events.StrategyChosen) and event.strategy == "direct"
    }
    seen: set[str] = set()
    for node in answer.graph.nodes:
        if (node.query.strategy == "direct" or node.id in direct) and node.id not in failed:
            for text in (node.query.prompt, node.query.context.text):
                seen.update(_units(text))
    total = sum(window.units.values())
    return sum(count for text, count in window.units.items() if text in seen) / total


def _units(text: str) -> set[str]:
    found = set()
    for line in text.splitlines():
        record = record_in(line)
        found.add(record[2] if record else _NUMBERED.sub("", line).strip())
        found.add(line.strip())
    return found


def costs(table: Mapping[str, Usage] | Mapping[int, Usage]) -> dict[str, tuple[int, int, float | None]]:
    """Calls, tokens and dollars by name."""
    return {str(name): (usage.calls, usage.tokens, usage.usd) for name, usage in table.items()}
