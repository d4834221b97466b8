"""What the events of a run say of each of its nodes, gathered in one pass."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, fields

from rlm_async.core import events
from rlm_async.core.events import Event
from rlm_async.core.graph import FINAL, State
from rlm_async.core.query import Query
from rlm_async.core.transcript import Output
from rlm_async.core.usage import Usage


@dataclass(slots=True, eq=False)
class Cell:
    """A piece of code: when it ran, what came out, whom it asked (node, and whether that was shared)."""

    at: float
    code: str
    end: float | None = None
    output: Output | None = None
    asked: list[tuple[int, bool]] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Call:
    """A model call; without a reply it is still under way."""

    asked: events.ModelAsked
    reply: events.ModelReplied | None = None


@dataclass(slots=True, eq=False)
class Turn:
    """A model call and the code that ran because of it; a program of ours has no call before its code."""

    call: Call | None = None
    cells: list[Cell] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Seen:
    """A node as its events tell it; times in seconds of the run."""

    id: int
    depth: int
    query: Query
    at: float
    parents: list[int] = field(default_factory=list)
    """In the order in which they asked; it is drawn below the first one."""
    children: list[int] = field(default_factory=list)
    """In the order in which they were asked, shared ones included."""
    state: State = State.QUEUED
    end: float | None = None
    error: str = ""
    waits: list[tuple[float, float]] = field(default_factory=list)
    """From when to when it waited for its children."""
    waiting: float | None = None
    turns: list[Turn] = field(default_factory=list)
    strategy: str = ""
    reason: str = ""
    layers: tuple[str, ...] = ()
    opened: float | None = None
    """When it had a worker for its code."""
    answer: events.NodeAnswered | None = None
    marks: list[tuple[float, str]] = field(default_factory=list)
    """What else happened to it: when, and in words."""
    asked: list[tuple[int, bool]] = field(default_factory=list)
    """Sub-queries asked while no code ran."""
    wasted: list[Usage] = field(default_factory=list)
    """What requests cost that were made ahead of its code for nothing."""

    @property
    def calls(self) -> Iterable[Call]:
        """Its model calls, in order."""
        return (turn.call for turn in self.turns if turn.call is not None)

    @property
    def cells(self) -> Iterable[Cell]:
        """Its pieces of code, in order."""
        return (cell for turn in self.turns for cell in turn.cells)


class Gathered:
    """One run: its nodes by number, its beginning and its end. Events of unknown nodes are passed over."""

    def __init__(self, trace: Iterable[Event]) -> None:
        """Read the events, in the order in which they happened."""
        self.started: events.RunStarted | None = None
        self.ended: events.RunEnded | None = None
        self.nodes: dict[int, Seen] = {}
        self.end = 0.0
        """Of the run, or the time of its last event where it has none."""
        for event in trace:
            self.end = max(self.end, event.at)
            self._take(event)
        for node in self.nodes.values():
            if node.waiting is not None:
                node.waits.append((node.waiting, self.end))

    def _take(self, event: Event) -> None:
        match event:
            case events.RunStarted():
                self.started = event
            case events.RunEnded():
                self.ended = event
            case events.NodeAdded():
                self._added(event)
            case _:
                node = self.nodes.get(getattr(event, "node", -1))
                if node is not None:
                    _tell(node, event)

    def _added(self, event: events.NodeAdded) -> None:
        node = self.nodes.get(event.node)
        if node is None:
            node = Seen(event.node, event.depth, event.query, event.at, strategy=event.query.strategy)
            self.nodes[event.node] = node
        parent = None if event.parent is None else self.nodes.get(event.parent)
        if parent is None:
            return
        running = next((cell for turn in reversed(parent.turns) for cell in reversed(turn.cells)), None)
        asked = parent.asked if running is None or running.end is not None else running.asked
        asked.append((node.id, event.shared))
        if parent.id not in node.parents:
            node.parents.append(parent.id)
            parent.children.append(node.id)


def _tell(node: Seen, event: Event) -> None:
    match event:
        case events.NodeMoved():
            _moved(node, event)
        case events.StrategyChosen():
            node.strategy, node.reason = event.strategy, event.reason
        case events.SandboxOpened():
            node.layers, node.opened = event.layers, event.at
        case events.ModelAsked():
            node.turns.append(Turn(Call(event)))
        case events.ModelReplied():
            _replied(node, event)
        case events.CellStarted() | events.CellEnded():
            _ran(node, event)
        case _:
            _noted(node, event)


def _noted(node: Seen, event: Event) -> None:
    match event:
        case events.NodeAnswered():
            node.answer = event
            return
        case events.Speculated():
            node.wasted.append(event.usage)
            said = f"asked ahead for nothing: {event.model}, {event.usage.tokens:,} tokens"
        case events.LimitHit():
            said = f"a limit was hit: {event.resource} of {event.scope}"
        case events.QueryRefused():
            said = f"a sub-query was refused: {event.error}"
        case events.Folded():
            turns = f"{event.turns} turns" if event.turns != 1 else "1 turn"
            said = f"its history was folded: {turns}, from {event.before:,} to {event.after:,} tokens ({event.policy})"
        case _:
            said = _words(event)
    node.marks.append((event.at, said))


def _moved(node: Seen, event: events.NodeMoved) -> None:
    if node.waiting is not None:
        node.waits.append((node.waiting, event.at))
    node.waiting = event.at if event.state is State.WAITING else None
    node.state, node.error = event.state, event.error
    if event.state in FINAL:
        node.end = event.at


def _replied(node: Seen, event: events.ModelReplied) -> None:
    for call in node.calls:
        if call.reply is None and call.asked.call == event.call:
            call.reply = event
            return


def _ran(node: Seen, event: events.CellStarted | events.CellEnded) -> None:
    if isinstance(event, events.CellStarted):
        if not node.turns:
            node.turns.append(Turn())
        node.turns[-1].cells.append(Cell(event.at, event.code))
        return
    for cell in node.cells:
        if cell.end is None:
            cell.end, cell.output = event.at, event.output
            return


def _words(event: Event) -> str:
    """An event that this module does not know, by its name and its plain fields."""
    name = "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in type(event).__name__).strip()
    facts = [(item.name, getattr(event, item.name)) for item in fields(event) if item.name not in {"at", "node"}]
    said = ", ".join(f"{key} {value}" for key, value in facts if isinstance(value, str | int | float) and value != "")
    return f"{name}: {said}" if said else name
