"""Who runs: one task for each node, started nowhere else.

Nodes are never capped; only model requests in flight are, by the gate. A node that waits for its
children holds nothing but its own memory, so no depth and no fan-out can deadlock.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import anyio
from anyio.abc import TaskGroup

from rlm_async.core.answer import Result
from rlm_async.core.budget import Budget
from rlm_async.core.events import NodeAdded, NodeMoved
from rlm_async.core.graph import FINAL, Graph, Node, State
from rlm_async.core.query import Query
from rlm_async.engine.recorder import Recorder
from rlm_async.errors import InternalError, RLMError

Answerer = Callable[[Node, Budget], Awaitable[Result]]


@dataclass(slots=True, eq=False)
class Outcome:
    """A node's result or error, perhaps still to come, and how many wait for it."""

    node: Node
    ready: anyio.Event = field(default_factory=anyio.Event)
    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)
    result: Result | None = None
    error: RLMError | None = None
    interest: int = 0
    watches: list[Watch] = field(default_factory=list)


class Watch:
    """Somebody who waits for an outcome without a task: `tell` is called when it is there, unless cancelled before."""

    __slots__ = ("_outcome", "_scheduler", "_tell", "_waiter")

    def __init__(self, scheduler: Scheduler, waiter: Node, outcome: Outcome, tell: Callable[[Outcome], None]) -> None:
        """Wait for `outcome` on behalf of `waiter`."""
        self._scheduler = scheduler
        self._waiter = waiter
        self._outcome: Outcome | None = outcome
        self._tell = tell
        if outcome.ready.is_set():
            self.over()
        else:
            outcome.watches.append(self)

    def over(self) -> None:
        """The outcome is there."""
        outcome, self._outcome = self._outcome, None
        if outcome is not None:
            self._scheduler.leave(self._waiter, [outcome])
            self._tell(outcome)

    def cancel(self) -> None:
        """Wait no longer; what nobody else waits for is cancelled too."""
        outcome, self._outcome = self._outcome, None
        if outcome is not None:
            outcome.watches.remove(self)
            self._scheduler.leave(self._waiter, [outcome])


@dataclass(eq=False)
class Scheduler:
    """Starts nodes, shares equal ones, and cancels those that nobody waits for any more."""

    graph: Graph
    tasks: TaskGroup
    answerer: Answerer
    record: Recorder
    outcomes: dict[int, Outcome] = field(default_factory=dict)
    waits: dict[int, int] = field(default_factory=dict)
    """For each node that waits, in how many places it does."""

    def submit(self, query: Query, budget: Budget, parent: Node | None = None, *, shared: bool = True) -> Outcome:
        """The outcome of `query`, shared with whoever asked the same; raises what `Graph.add` refuses."""
        node, new = self.graph.add(query, parent, shared=shared)
        parent_id = None if parent is None else parent.id
        self.record(
            NodeAdded(at=self.record.now, node=node.id, parent=parent_id, depth=node.depth, query=query, shared=not new)
        )
        if new:
            self.outcomes[node.id] = Outcome(node)
            self.tasks.start_soon(self._run, self.outcomes[node.id], budget)
        outcome = self.outcomes[node.id]
        outcome.interest += 1
        return outcome

    async def wait(self, waiter: Node | None, outcomes: Sequence[Outcome]) -> None:
        """Wait for all of them; if the waiter is cancelled, what nobody else waits for is cancelled too."""
        self._begin_wait(waiter)
        try:
            for outcome in outcomes:
                await outcome.ready.wait()
        finally:
            self.leave(waiter, outcomes)

    def watch(self, waiter: Node, outcome: Outcome, tell: Callable[[Outcome], None]) -> Watch:
        """The same without a task, for one: `tell` is called with it when it is there, perhaps at once."""
        self._begin_wait(waiter)
        return Watch(self, waiter, outcome, tell)

    def leave(self, waiter: Node | None, outcomes: Sequence[Outcome]) -> None:
        """The end of a wait, however it came."""
        for outcome in outcomes:
            outcome.interest -= 1
            if outcome.interest == 0 and not outcome.ready.is_set():
                self.graph.forget(outcome.node)
                outcome.scope.cancel()
        self._end_wait(waiter)

    async def _run(self, outcome: Outcome, budget: Budget) -> None:
        node = outcome.node
        try:
            with outcome.scope:
                self._move(node, State.RUNNING)
                outcome.result = await self.answerer(node, budget)
                self._move(node, State.DONE)
        except RLMError as error:
            self._fail(outcome, error)
        except Exception as error:  # noqa: BLE001 - a boundary: a fault in one strategy is that node's outcome, siblings live
            foreign = InternalError(f"{type(error).__name__} in node {node.id} ({node.query.strategy})")
            foreign.__cause__ = error
            self._fail(outcome, foreign)
        finally:
            if node.state not in FINAL:
                outcome.error = outcome.error or InternalError(f"node {node.id} was cancelled")
                self._move(node, State.CANCELLED)
            outcome.ready.set()
            watches, outcome.watches = outcome.watches, []
            for watch in watches:
                watch.over()

    def _fail(self, outcome: Outcome, error: RLMError) -> None:
        outcome.error = error
        self._move(outcome.node, State.FAILED, f"{type(error).__name__}: {error}")

    def _begin_wait(self, waiter: Node | None) -> None:
        if waiter is None:
            return
        self.waits[waiter.id] = self.waits.get(waiter.id, 0) + 1
        if waiter.state is State.RUNNING:
            self._move(waiter, State.WAITING)

    def _end_wait(self, waiter: Node | None) -> None:
        if waiter is None:
            return
        self.waits[waiter.id] -= 1
        if self.waits[waiter.id] == 0:
            del self.waits[waiter.id]
            if waiter.state is State.WAITING:
                self._move(waiter, State.RUNNING)

    def _move(self, node: Node, state: State, error: str = "") -> None:
        self.graph.move(node, state)
        self.record(NodeMoved(at=self.record.now, node=node.id, state=state, error=error))
