"""How far a run is, kept up to date event by event: what the tree, the lines and the summary show.

Each event costs the same however many nodes there are (a shared node: one step for each of its parents);
nothing is ever counted anew.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field

from rlm_async.cli.labels import label
from rlm_async.cli.text import one_line
from rlm_async.core import events
from rlm_async.core.data import as_text
from rlm_async.core.events import Event
from rlm_async.core.graph import FINAL, State
from rlm_async.core.usage import Limits, Usage

WINDOW = 60
"""Seconds over which rates are taken."""


@dataclass(slots=True)
class Spent:
    """A sum of usages in which an unknown price hides nothing: the known part stays known."""

    calls: int = 0
    tokens: int = 0
    nanos: int = 0
    unknown: bool = False
    """Whether some price was unknown."""

    def add(self, usage: Usage) -> None:
        """Count a usage in."""
        self.calls += usage.calls
        self.tokens += usage.tokens
        self.nanos += usage.nanos or 0
        self.unknown = self.unknown or usage.nanos is None

    def join(self, other: Spent) -> None:
        """Count another sum in."""
        self.calls += other.calls
        self.tokens += other.tokens
        self.nanos += other.nanos
        self.unknown = self.unknown or other.unknown


@dataclass(slots=True, eq=False)
class Seen:
    """A node as it is seen from outside."""

    id: int
    depth: int
    label: str
    model: str
    strategy: str
    since: float
    """When its state last changed, in seconds of the run."""
    state: State = State.QUEUED
    parents: list[int] = field(default_factory=list)
    """The first one is whose child it is drawn as."""
    eldest: tuple[int, str] | None = None
    """Its first own child, and that one's prompt: what siblings' labels are compared with."""
    children: list[int] = field(default_factory=list)
    """In the order in which they were asked, shared ones included."""
    live: dict[int, None] = field(default_factory=dict)
    """Children that have not ended, in order."""
    busy: dict[int, None] = field(default_factory=dict)
    """Those of them that have begun, in that order."""
    worth: float = 0.0
    """How much of its children is done: each counts one once it has ended, and before what its own children say."""
    states: Counter[State] = field(default_factory=Counter)
    """Of the children."""
    failed: list[int] = field(default_factory=list)
    spent: Spent = field(default_factory=Spent)
    """By the node itself and by those of its children that have ended."""
    asking: dict[int, float] = field(default_factory=dict)
    """Its model calls in flight, and since when."""
    heard: dict[int, int] = field(default_factory=dict)
    """Of those, how many characters have come so far."""
    cell: float | None = None
    """Since when its code runs."""
    error: str = ""


class Flow:
    """Calls and tokens of the last minute."""

    def __init__(self) -> None:
        """Nothing has flowed yet."""
        self._seconds: deque[tuple[int, Spent]] = deque()
        self._sum = Spent()

    def add(self, at: float, usage: Usage) -> None:
        """Count a usage at a second of the run."""
        if not self._seconds or self._seconds[-1][0] != int(at):
            self._seconds.append((int(at), Spent()))
        self._seconds[-1][1].add(usage)
        self._sum.add(usage)
        self._forget(at)

    def per_minute(self, now: float) -> tuple[float, float]:
        """Calls and tokens a minute."""
        self._forget(now)
        share = WINDOW / min(max(now, 1.0), WINDOW)
        return self._sum.calls * share, self._sum.tokens * share

    def _forget(self, now: float) -> None:
        while self._seconds and self._seconds[0][0] < now - WINDOW:
            _, old = self._seconds.popleft()
            self._sum.calls -= old.calls
            self._sum.tokens -= old.tokens


class Progress:
    """What is known of one run so far. A sink: call it with each event."""

    def __init__(self) -> None:
        """Before the first event."""
        self.started: events.RunStarted | None = None
        self.ended: events.RunEnded | None = None
        self.nodes: dict[int, Seen] = {}
        self.states: Counter[State] = Counter()
        self.spent = Spent()
        self.flow = Flow()
        self.prompt_tokens = 0
        self.in_flight = 0
        self.retried = 0
        """Attempts that failed and were made again."""
        self.layers: tuple[str, ...] | None = None
        self.hits: Counter[str] = Counter()
        """How often which limit said no."""
        self.draft: str | None = None
        """The best that the root's code has put forward."""
        self.at = 0.0
        """Of the last event, in seconds of the run."""
        self._handlers: dict[type, Callable[..., None]] = {
            events.RunStarted: self._run_started,
            events.NodeAdded: self._node_added,
            events.NodeMoved: self._node_moved,
            events.StrategyChosen: self._strategy_chosen,
            events.SandboxOpened: self._sandbox_opened,
            events.ModelAsked: self._model_asked,
            events.ReplyGrew: self._reply_grew,
            events.ModelReplied: self._model_replied,
            events.CellStarted: self._cell_started,
            events.CellEnded: self._cell_ended,
            events.LimitHit: self._limit_hit,
            events.Speculated: self._speculated,
            events.RunEnded: self._run_ended,
        }

    @property
    def limits(self) -> Limits:
        """The run's ceilings."""
        return Limits() if self.started is None else self.started.limits

    def __call__(self, event: Event) -> None:
        """Take the next event."""
        self.at = event.at
        handler = self._handlers.get(type(event))
        if handler is not None:
            handler(event)

    @property
    def share(self) -> float | None:
        """How much of the tree known now is done, 0 to 1, each subtree counting alike; None before it has children."""
        root = self.nodes.get(0)
        return None if root is None or not root.children else _share(root)

    def seconds_left(self, now: float) -> float | None:
        """An estimate for what is known now, from the pace so far; None where there is too little to tell."""
        share = self.share
        ended = sum(self.states[state] for state in FINAL)
        working = self.states[State.QUEUED] + self.states[State.RUNNING]
        few, little = 5, 0.02
        if self.ended or share is None or ended < few or working < few or not little <= share < 1:
            return None
        return now * (1 - share) / share

    def _run_started(self, event: events.RunStarted) -> None:
        self.started = event

    def _node_added(self, event: events.NodeAdded) -> None:
        if event.node not in self.nodes:
            query = event.query
            name = self._named(event)
            self.nodes[event.node] = Seen(event.node, event.depth, name, query.model, query.strategy, event.at)
            self.states[State.QUEUED] += 1
        node = self.nodes[event.node]
        if event.parent is None or event.parent in node.parents:
            return
        node.parents.append(event.parent)
        parent = self.nodes[event.parent]
        before = _share(parent)
        parent.children.append(node.id)
        parent.states[node.state] += 1
        if node.state in FINAL:
            parent.worth += 1
        else:
            parent.live[node.id] = None
            if node.state is not State.QUEUED:
                parent.busy[node.id] = None
        self._pass_on(parent, before)

    def _named(self, event: events.NodeAdded) -> str:
        """A label that tells the node from its siblings; with the second child the first one gets its own."""
        prompt = event.query.prompt
        parent = None if event.parent is None else self.nodes[event.parent]
        if parent is None:
            return label(prompt)
        if parent.eldest is None:
            parent.eldest = (event.node, prompt)
            return label(prompt)
        eldest, sibling = parent.eldest
        if len(parent.children) == 1:
            self.nodes[eldest].label = label(sibling, prompt)
        return label(prompt, sibling)

    def _node_moved(self, event: events.NodeMoved) -> None:
        node = self.nodes[event.node]
        self.states[node.state] -= 1
        self.states[event.state] += 1
        for number in node.parents:
            parent = self.nodes[number]
            parent.states[node.state] -= 1
            parent.states[event.state] += 1
            if event.state in FINAL:
                self._end_child(parent, node, first=number == node.parents[0])
            else:
                parent.busy[node.id] = None
            if event.state is State.FAILED:
                parent.failed.append(node.id)
        node.state, node.since, node.error = event.state, event.at, one_line(event.error)
        if event.state in FINAL:
            node.asking.clear()
            node.cell = None
            if node.parents:
                self.nodes[node.parents[0]].spent.join(node.spent)

    def _end_child(self, parent: Seen, node: Seen, *, first: bool) -> None:
        """A child has ended; until then it counted for its first parent by its own children."""
        parent.live.pop(node.id, None)
        parent.busy.pop(node.id, None)
        before = _share(parent)
        parent.worth += 1 - (_share(node) if first else 0.0)
        self._pass_on(parent, before)

    def _pass_on(self, node: Seen, before: float) -> None:
        """Tell the nodes above, each by its first parent, how the share of `node` has changed."""
        while node.parents and node.state not in FINAL:
            change = _share(node) - before
            node = self.nodes[node.parents[0]]
            before = _share(node)
            node.worth += change

    def _strategy_chosen(self, event: events.StrategyChosen) -> None:
        self.nodes[event.node].strategy = event.strategy

    def _sandbox_opened(self, event: events.SandboxOpened) -> None:
        self.layers = event.layers

    def _model_asked(self, event: events.ModelAsked) -> None:
        self.in_flight += 1
        self.nodes[event.node].asking[event.call] = event.at

    def _reply_grew(self, event: events.ReplyGrew) -> None:
        self.nodes[event.node].heard[event.call] = event.characters

    def _model_replied(self, event: events.ModelReplied) -> None:
        self.in_flight -= 1
        node = self.nodes[event.node]
        node.asking.pop(event.call, None)
        node.heard.pop(event.call, None)
        node.spent.add(event.usage)
        self.spent.add(event.usage)
        self.flow.add(event.at, event.usage)
        self.prompt_tokens += event.usage.prompt_tokens
        self.retried += len(event.retries)

    def _speculated(self, event: events.Speculated) -> None:
        """What was asked ahead for nothing was paid for, too."""
        self.nodes[event.node].spent.add(event.usage)
        self.spent.add(event.usage)
        self.flow.add(event.at, event.usage)
        self.prompt_tokens += event.usage.prompt_tokens

    def _cell_started(self, event: events.CellStarted) -> None:
        self.nodes[event.node].cell = event.at

    def _cell_ended(self, event: events.CellEnded) -> None:
        node = self.nodes[event.node]
        node.cell = None
        found = event.output.answer or event.output.draft
        if found is not None and node.depth == 0:
            self.draft = as_text(found.value)

    def _limit_hit(self, event: events.LimitHit) -> None:
        self.hits[event.resource] += 1

    def _run_ended(self, event: events.RunEnded) -> None:
        self.ended = event


def _share(node: Seen) -> float:
    """How much of a node's children is done, 0 to 1."""
    return node.worth / len(node.children) if node.children else 0.0
