"""Where two runs parted: the first thing in one that is not so in the other, in the order in which it happened."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from rlm_async.core.data import as_text
from rlm_async.core.events import CellEnded, CellStarted, Event, ModelReplied, NodeAdded, NodeAnswered, StrategyChosen
from rlm_async.core.query import Query
from rlm_async.core.transcript import Output
from rlm_async.journal.playback import Path, Paths

Kind = Literal["question", "strategy", "reply", "code", "output", "answer", "end"]


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing that happened at a node: `number` counts the node's facts, `turn` its replies so far."""

    place: Path
    node: int
    number: int
    turn: int
    kind: Kind
    text: str


@dataclass(frozen=True, slots=True)
class Parting:
    """The first difference; None where one of the two runs had nothing there any more."""

    one: Fact | None
    other: Fact | None

    @property
    def fact(self) -> Fact:
        """The one of the two that there is."""
        return self.one or self.other  # type: ignore[return-value]  # one of them is there


def parting(one: Iterable[Event], other: Iterable[Event]) -> Parting | None:
    """Where two traces part; None where they tell the same, however the siblings were interleaved."""
    first, second = facts(one), facts(other)
    known = {(fact.place, fact.number): fact for fact in second}
    for fact in first:
        counterpart = known.pop((fact.place, fact.number), None)
        if counterpart is None or (counterpart.kind, counterpart.text) != (fact.kind, fact.text):
            return Parting(fact, counterpart)
    rest = next((fact for fact in second if (fact.place, fact.number) in known), None)
    return None if rest is None else Parting(None, rest)


def facts(trace: Iterable[Event]) -> list[Fact]:
    """What happened in a run, node by node, in order; times and costs left out."""
    events = list(trace)
    paths = Paths.of(events).by_node
    counts: dict[int, int] = {}
    turns: dict[int, int] = {}
    found: list[Fact] = []
    for event in events:
        for node, kind, text in _told(event):
            turns[node] = turns.get(node, 0) + (kind == "reply")
            number = counts[node] = counts.get(node, -1) + 1
            found.append(Fact(paths.get(node, ()), node, number, turns[node], kind, text))
    return found


def _told(event: Event) -> Sequence[tuple[int, Kind, str]]:  # noqa: PLR0911 - one line a kind of event
    match event:
        case NodeAdded(shared=False):
            return [(event.node, "question", _question(event.query))]
        case StrategyChosen():
            return [(event.node, "strategy", event.strategy)]
        case ModelReplied():
            return [(event.node, "reply", f"({event.error})" if event.error else event.text)]
        case CellStarted():
            return [(event.node, "code", event.code)]
        case CellEnded():
            return [(event.node, "output", _output(event.output))]
        case NodeAnswered():
            return [(event.node, "answer", event.text)]
        case _:
            return []


def _question(query: Query) -> str:
    about = f"context {query.context.digest}, {query.context.characters:,} characters"
    return f"{query.prompt}\n({query.model}, {query.strategy}; {about})"


def _output(output: Output) -> str:
    parts = [output.stdout] if output.stdout else []
    if output.error is not None:
        parts.append(str(output.error))
    if output.answer is not None:
        parts.append(f"answer: {as_text(output.answer.value)}")
    return "\n".join(parts)
