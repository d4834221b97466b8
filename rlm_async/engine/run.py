"""One query's world, from its first node to its answer. Read this first.

A run opens its ledger, its graph and one task group under the deadline; submits the root; waits; cancels
what still runs for nobody; and only outside the task group makes the answer, so that callers see one
plain error and never an ExceptionGroup.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import anyio

from rlm_async.core import events
from rlm_async.core.answer import Answer, Result, RunUsage
from rlm_async.core.budget import Budget
from rlm_async.core.graph import Graph, Node, State
from rlm_async.core.query import Query
from rlm_async.core.usage import NANO, Limits, ModelInfo, Usage
from rlm_async.engine.equipment import Equipment
from rlm_async.engine.frame import ActiveFrame
from rlm_async.engine.recorder import Recorder
from rlm_async.engine.scheduler import Outcome, Scheduler
from rlm_async.engine.world import World
from rlm_async.errors import BudgetExceeded, ConfigError, InternalError, RLMError

LAST_PROMPT, LAST_REPLY = 12_000, 1_024
"""Tokens that a last turn may use at most: enough to answer from what is known, no more."""
LAST_SHARE = 16
"""What is kept back for one node's last turn is at most this fraction of what is left: one sixteenth."""
LAST_SECONDS = 120.0
"""Seconds kept back at most; below, a tenth of what is left."""


@dataclass(frozen=True, slots=True)
class Naming:
    """A run's name and the wall clock's time at its beginning, in seconds since the epoch."""

    run: str
    started: float

    @classmethod
    def now(cls, chance: Callable[[], str]) -> Naming:
        """A name that sorts by time and does not collide: `chance` gives its random end."""
        started = time.time()
        return cls(f"{time.strftime('%Y%m%dT%H%M%S', time.gmtime(started))}-{chance()}", started)


async def run(query: Query, equipment: Equipment, naming: Naming) -> Answer:
    """Answer `query`. A run that fails is an Answer too, with `error` set; raises only for settings."""
    if query.strategy not in equipment.strategies:
        known = ", ".join(sorted(equipment.strategies))
        raise ConfigError(f"there is no strategy {query.strategy!r}; choose one of: {known}")
    limits = equipment.limits
    record = Recorder(equipment.clock, equipment.sinks)
    record(events.RunStarted(at=0.0, run=naming.run, started=naming.started, query=query, limits=limits))
    ledger = Budget("the run", limits, equipment.above)
    graph = Graph(limits.fanout)
    deadline = float("inf") if limits.seconds is None else equipment.clock() + limits.seconds
    found: Result | None = None
    async with _told(record, naming, ledger), anyio.create_task_group() as tasks:

        async def answer(node: Node, budget: Budget) -> Result:
            return await _answer(world, node, budget)

        world = World(naming.run, equipment, record, Scheduler(graph, tasks, answer, record), deadline)
        outcome = world.scheduler.submit(query, ledger)
        with anyio.CancelScope(deadline=deadline) as scope:
            await outcome.ready.wait()
        if scope.cancelled_caught:
            found = _found(world)
        tasks.cancel_scope.cancel()  # whoever still runs works for nobody
    return _ended(world, ledger, outcome, found)


@asynccontextmanager
async def _told(record: Recorder, naming: Naming, ledger: Budget) -> AsyncIterator[None]:
    """A run that is cancelled from outside, or breaks, has a last event too: its views must not stay open."""
    try:
        yield
    except BaseException as error:
        cancelled = isinstance(error, anyio.get_cancelled_exc_class())
        line = "Cancelled: from outside" if cancelled else type(error).__name__
        at = record.now
        record(events.RunEnded(at=at, run=naming.run, status="failed", text="", usage=ledger.usage, error=line))
        raise


async def _answer(world: World, node: Node, budget: Budget) -> Result:
    """Open the node's frame, let its strategy answer, close everything."""
    grant = dict(node.query.grant)
    seconds = grant.pop("seconds", None)
    scope = budget.child(f"node {node.id}", **grant)
    async with ActiveFrame(world, node, scope, _deadline(world, node, seconds)) as frame:
        if node.query.strategy != "direct":
            _keep_last_turn(frame, scope)
        result = await world.equipment.strategies[node.query.strategy].answer(frame)
    record = world.record
    record(events.NodeAnswered(at=record.now, node=node.id, text=result.text, status=result.status, usage=frame.own))
    return result


def _deadline(world: World, node: Node, seconds: float | None) -> float:
    """When a node turns to its last turn: its parent's own deadline less the part kept back."""
    now = world.equipment.clock()
    above = [world.frames[parent].deadline for parent in node.parents if parent in world.frames]
    end = max(above, default=world.deadline)
    if seconds is not None:
        end = min(end, now + seconds)
    if end == float("inf") or node.query.strategy == "direct":
        return end
    return end - min(LAST_SECONDS, (end - now) / 10)


def _keep_last_turn(frame: ActiveFrame, scope: Budget) -> None:
    """Keep a last turn back; the root goes on without one where even that does not fit."""
    try:
        frame.keep(_last_turn(frame.info(frame.query.model), scope))
    except BudgetExceeded:
        if frame.depth > 0:
            raise


def _last_turn(info: ModelInfo, scope: Budget) -> Usage:
    left = scope.left()
    share = 1.0
    if (tokens := left["tokens"]) is not None:
        share = min(share, tokens / LAST_SHARE / (LAST_PROMPT + LAST_REPLY))
    if info.price is not None and (usd := left["usd"]) is not None:
        whole = info.price.nanos(LAST_PROMPT, LAST_REPLY) / NANO
        share = min(share, usd / LAST_SHARE / whole) if whole else share
    prompt, reply = (max(least, int(most * share)) for least, most in ((1_000, LAST_PROMPT), (256, LAST_REPLY)))
    nanos = info.price.nanos(prompt, reply) if info.price else None
    return Usage(calls=1, prompt_tokens=prompt, completion_tokens=reply, nanos=nanos)


def _found(world: World) -> Result | None:
    """What the root's code had put forward when the time was up."""
    frame = world.frames.get(world.scheduler.graph.root.id)
    if frame is None or frame.found is None:
        return None
    return Result(frame.found.value, "seconds")


def _ended(world: World, ledger: Budget, outcome: Outcome, found: Result | None) -> Answer:
    record = world.record
    result, error = outcome.result or found, outcome.error
    if result is None and outcome.node.state is State.CANCELLED:
        error = BudgetExceeded("the run", "seconds", world.equipment.limits.seconds or 0.0, 0.0)
    if result is None and error is None:
        error = InternalError("the run ended without an answer and without an error")
    status = "failed" if result is None else result.status
    text = "" if result is None else result.text
    record(
        events.RunEnded(
            at=record.now,
            run=world.name,
            status=status,
            text=text,
            usage=ledger.usage,
            error="" if result is not None else _line(error),
        )
    )
    return Answer(
        text=text,
        data=None if result is None else result.value,
        status=status,
        limit=None if result is None else result.limit,
        error=None if result is not None else error,
        usage=_usage(ledger, world),
        run=world.name,
        graph=world.scheduler.graph,
        trace=tuple(record.events),
    )


def _usage(ledger: Budget, world: World) -> RunUsage:
    """The run's cost by model and by depth, from its trace; the total is the ledger's."""
    by_model: dict[str, Usage] = {}
    by_depth: dict[int, Usage] = {}
    recalled = speculative = Usage()
    nodes = world.scheduler.graph.nodes
    for event in world.record.events:
        if isinstance(event, events.ModelReplied):
            depth = nodes[event.node].depth
            by_model[event.model] = by_model.get(event.model, Usage()) + event.usage
            by_depth[depth] = by_depth.get(depth, Usage()) + event.usage
            recalled += event.usage if event.cached else Usage()
        elif isinstance(event, events.Speculated):
            depth = nodes[event.node].depth + 1
            by_model[event.model] = by_model.get(event.model, Usage()) + event.usage
            by_depth[depth] = by_depth.get(depth, Usage()) + event.usage
            speculative += event.usage
    return RunUsage(
        total=ledger.usage,
        recalled=recalled,
        speculative=speculative,
        seconds=world.record.now,
        by_model=by_model,
        by_depth=by_depth,
    )


def _line(error: RLMError | None) -> str:
    return "" if error is None else f"{type(error).__name__}: {error}"


__all__ = ["Limits", "Naming", "run"]
