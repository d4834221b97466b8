"""The recursion graph: plain data, changed only here, never awaiting."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from rlm_async.core.query import Query
from rlm_async.errors import CycleRefused, FanoutExceeded, InvalidTransition


class State(StrEnum):
    """Where a node stands."""

    QUEUED = "queued"
    RUNNING = "running"
    WAITING = "waiting"
    """For its children."""
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


FINAL = frozenset({State.DONE, State.FAILED, State.CANCELLED})

MOVES: dict[State, frozenset[State]] = {
    State.QUEUED: frozenset({State.RUNNING, State.CANCELLED}),
    State.RUNNING: frozenset({State.WAITING, State.DONE, State.FAILED, State.CANCELLED}),
    State.WAITING: frozenset({State.RUNNING, State.FAILED, State.CANCELLED}),
    State.DONE: frozenset(),
    State.FAILED: frozenset(),
    State.CANCELLED: frozenset(),
}


@dataclass(slots=True, eq=False)
class Node:
    """One query at one place in the graph. `depth` is 0 at the root."""

    id: int
    query: Query
    key: str
    """`query.key`, computed once."""
    depth: int
    state: State = State.QUEUED
    parents: dict[int, Node] = field(default_factory=dict, repr=False)
    children: dict[int, Node] = field(default_factory=dict, repr=False)
    story: list[State] = field(default_factory=list)
    alone: bool = False
    """Shared with nobody: its own requests are not answered from a cache either."""

    def ancestors(self) -> Iterator[Node]:
        """Every node on a way up to the root, once each."""
        seen: set[int] = set()
        todo = list(self.parents.values())
        while todo:
            node = todo.pop()
            if node.id not in seen:
                seen.add(node.id)
                yield node
                todo.extend(node.parents.values())


class Graph:
    """All nodes of one run: a directed acyclic graph with one root."""

    def __init__(self, fanout: int) -> None:
        """Allow `fanout` children a node."""
        self.fanout = fanout
        self.nodes: list[Node] = []
        self._by_key: dict[str, Node] = {}

    def add(self, query: Query, parent: Node | None = None, *, shared: bool = True) -> tuple[Node, bool]:
        """The node for `query`, and whether it is new; an equal query that has not failed shares its node.

        Raises CycleRefused where the parent would wait for itself or for one of its ancestors, and
        FanoutExceeded where it has all the children it may have.
        """
        key = query.key
        node = self._by_key.get(key) if shared else None
        if node is not None and node.state in {State.FAILED, State.CANCELLED}:
            node = None
        if parent is not None:
            self._check(key, node, parent)
        new = node is None
        if node is None:
            depth = 0 if parent is None else parent.depth + 1
            node = Node(len(self.nodes), query, key, depth, alone=not shared)
            self.nodes.append(node)
            if shared:
                self._by_key[key] = node
        if parent is not None:
            node.parents[parent.id] = parent
            parent.children[node.id] = node
        return node, new

    def find(self, key: str) -> Node | None:
        """The node that answers a query with this key, if there is one and it has not failed."""
        node = self._by_key.get(key)
        return None if node is not None and node.state in {State.FAILED, State.CANCELLED} else node

    def move(self, node: Node, state: State) -> None:
        """The one place where a node changes state."""
        if state not in MOVES[node.state]:
            raise InvalidTransition(f"node {node.id}: {node.state} -> {state}", tuple(node.story))
        node.story.append(node.state)
        node.state = state

    def forget(self, node: Node) -> None:
        """Share this node with nobody from now on: it is being cancelled."""
        if self._by_key.get(node.key) is node:
            del self._by_key[node.key]

    @property
    def root(self) -> Node:
        """The node of the run's own query."""
        return self.nodes[0]

    def _check(self, key: str, node: Node | None, parent: Node) -> None:
        if parent.key == key or any(above.key == key for above in parent.ancestors()):
            raise CycleRefused("this very question about this very text is being answered above; ask a smaller one")
        is_another = node is None or node.id not in parent.children
        if is_another and len(parent.children) >= self.fanout:
            raise FanoutExceeded(f"a node may ask {self.fanout} sub-queries; ask fewer, about larger pieces")
