"""Requests made ahead of a node's code, on hints that it may ask: bounded, out of the way, and paid for in the open.

A hint becomes a request while what is spent and held for requests that nobody has asked for stays under a
share of what the node has left, and while they are few enough. It becomes a node only when the code asks the
equal query: the child's own request then finds its completion made. What fails, is cut short or is not asked
for counts for nothing but its cost.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import anyio

from rlm_async.core import events
from rlm_async.core.budget import Amount, Budget
from rlm_async.core.data import Data
from rlm_async.core.graph import Node
from rlm_async.core.messages import Completion, Guess, Place, Request
from rlm_async.core.profile import PLAIN, Profile
from rlm_async.core.query import Query
from rlm_async.core.transcript import Output
from rlm_async.core.usage import NANO, NOTHING, Limits, ModelInfo, Usage
from rlm_async.engine.world import World
from rlm_async.errors import Unanswered

SHARE = 10
"""Speculation may take one part in so many of what is left to the node, that of all other nodes included."""
WIDE, NARROW = 64, 4
"""Requests ahead of the code at most: as it seems certain to go on, and where a way out of its loop was seen."""

Tell = Callable[[Data], None]


@dataclass(eq=False)
class Foretold:
    """One hint: first in line, then a request, then a completion; in the end taken over by a node, or given up."""

    query: Query
    sure: bool
    tell: Tell
    scope: anyio.CancelScope
    guess: Guess
    over: anyio.Event = field(default_factory=anyio.Event)
    budget: Budget | None = None
    """What it has spent and held; None before it was started."""
    completions: list[tuple[Request, Completion]] = field(default_factory=list)
    taken: Usage = NOTHING
    error: str = ""
    closed: bool = False
    """Whether nobody can take it over any more."""

    async def completion(self, request: Request) -> Completion | None:
        """The completion of an equal request, if one was made and came to its own end; waits for it."""
        try:
            await self.over.wait()
        finally:
            if not self.over.is_set():
                self.scope.cancel()  # the node that asked is gone
        for i, (made, completion) in enumerate(self.completions):
            if made == request:
                del self.completions[i]
                self.taken += completion.usage
                return completion
        return None


class Speculation:
    """What is made ahead of one node's code."""

    def __init__(self, world: World, node: Node, scope: Budget, deadline: float) -> None:
        """Nothing is ahead yet; `scope` pays."""
        self._world = world
        self._node = node
        self._scope = scope
        self._purse = self._new_purse()
        self._deadline = deadline
        self._waiting: dict[str, Foretold] = {}
        self._ahead: dict[str, Foretold] = {}
        """Requests that nobody has asked for yet, by the key of their query."""
        self._claimed: list[Foretold] = []
        self._paid: list[Foretold] = []
        """Those of the claimed that are over, and what all of them have cost."""
        self._past = Amount()

    def hint(self, query: Query, tell: Tell, *, sure: bool) -> None:
        """The code may ask `query`: do so before it, as soon as there is room."""
        key = query.key
        if query.strategy != "direct" or key in self._ahead or key in self._waiting:
            return
        if self._world.scheduler.graph.find(key) is not None:
            return
        scope = anyio.CancelScope()
        self._waiting[key] = Foretold(query, sure, tell, scope, Guess(scope.cancel))
        self._start()

    def claim(self, query: Query) -> Foretold | None:
        """The code asks `query`: the request that was sent for it ahead, now the code's own."""
        key = query.key
        self._waiting.pop(key, None)
        found = self._ahead.pop(key, None)
        if found is None:
            return None
        self._claimed.append(found)
        found.guess.wanted = True
        if found.guess.queued and not found.guess.sent and not found.over.is_set():
            found.scope.cancel()  # it is still in line, behind all that somebody waits for
            found = None
        self._start()
        return found

    def forgo(self) -> None:
        """The cell is over: give up what it has not asked for, and tell what that has cost."""
        self._waiting.clear()
        left = [*self._paid, *self._claimed, *self._ahead.values()]
        for foretold in self._ahead.values():
            foretold.scope.cancel()
        self._ahead.clear()
        self._world.ahead.discard(self)
        self._claimed.clear()
        self._paid.clear()
        self._past = Amount()
        for foretold in left:
            foretold.closed = True
            if foretold.over.is_set():
                self._tell(foretold)
        self._purse = self._new_purse()

    def _new_purse(self) -> Budget:
        """A scope below the node's, which the purse of all nodes stands beside."""
        purse = self._scope.child("ahead of the code")
        purse.chain = (purse, self._world.purse, *self._scope.chain)
        return purse

    def open(self, resource: str) -> int:
        """What is spent and held for requests that the code may still ask for: calls, tokens, nano-dollars."""
        claimed = sum(_amount(foretold, resource) for foretold in self._claimed)
        return self._purse.taken(resource) - int(getattr(self._past, resource)) - claimed

    @property
    def coming(self) -> int:
        """Requests that were started and hold nothing yet."""
        return sum(not foretold.over.is_set() and not _amount(foretold, "calls") for foretold in self._ahead.values())

    def _start(self) -> None:
        for key, foretold in list(self._waiting.items()):
            if len(self._ahead) >= (WIDE if foretold.sure else NARROW) or not self._allowed():
                return
            del self._waiting[key]
            foretold.budget = self._purse.child("ahead of the code")
            self._ahead[key] = foretold
            self._world.ahead.add(self)
            self._world.scheduler.tasks.start_soon(self._make, foretold)

    def _allowed(self) -> bool:
        """Set the ceilings of what is started next to the share of what is left now; whether there is room in it."""
        self._settle()
        bounds, room = [], True
        for resource, left in self._scope.left().items():
            if left is not None:
                whole = int(left * NANO) if resource == "usd" else int(left)
                still = sum(node.open(resource) for node in self._world.ahead)
                free = (whole + still) // SHARE - still
                bounds.append((self._world.purse, resource, self._world.purse.taken(resource) + max(free, 0)))
                coming = sum(node.coming for node in self._world.ahead) if resource == "calls" else 0
                room = room and free > coming
        self._purse.bounds = (*self._scope.bounds, *bounds)
        return room

    def _settle(self) -> None:
        for foretold in [foretold for foretold in self._claimed if foretold.over.is_set()]:
            self._claimed.remove(foretold)
            self._paid.append(foretold)
            if foretold.budget is not None:
                self._past.add(foretold.budget.usage)

    async def _make(self, foretold: Foretold) -> None:
        query = foretold.query
        try:
            with foretold.scope, anyio.CancelScope(deadline=self._deadline):
                strategy = self._world.equipment.strategies[query.strategy]
                result = await strategy.answer(_Ahead(self._world, self._node, foretold))
                if not foretold.closed and not foretold.guess.wanted:
                    foretold.tell(result.value)
        except Exception as error:  # noqa: BLE001 - a boundary: what fails ahead of the code is no news to it yet
            foretold.error = type(error).__name__
        finally:
            foretold.over.set()
            if foretold.closed:
                self._tell(foretold)

    def _tell(self, foretold: Foretold) -> None:
        """Tell the trace what a request has cost for nothing."""
        usage = NOTHING if foretold.budget is None else foretold.budget.usage
        wasted = _less(usage, foretold.taken)
        if wasted.calls:
            record = self._world.record
            model = foretold.query.model
            error = foretold.error
            record(events.Speculated(at=record.now, node=self._node.id, model=model, usage=wasted, error=error))


class _Ahead:
    """The Frame of a request made ahead: it asks the model, and keeps what it said."""

    def __init__(self, world: World, node: Node, foretold: Foretold) -> None:
        self._world = world
        self._node = node
        self._foretold = foretold

    @property
    def query(self) -> Query:
        """The question that may come."""
        return self._foretold.query

    @property
    def depth(self) -> int:
        """That of the node it would become."""
        return self._node.depth + 1

    @property
    def limits(self) -> Limits:
        """The run's limits."""
        return self._world.equipment.limits

    @property
    def sub_model(self) -> str:
        """The model that answers sub-queries."""
        return self._world.equipment.sub_model

    @property
    def tools(self) -> Mapping[str, str]:
        """None: nothing may be called ahead of the code."""
        return {}

    @property
    def profile(self) -> Profile:
        """What the node would be tailored to."""
        own = self._world.equipment.profile
        return own if self.query.profile == own.name else PLAIN

    @property
    def last_tokens(self) -> int:
        """Nothing is kept back."""
        return 0

    def info(self, model: str) -> ModelInfo:
        """What is known of a model."""
        return self._world.equipment.info(model)

    def left(self) -> Mapping[str, float | None]:
        """What is left of the share."""
        return {} if self._foretold.budget is None else dict(self._foretold.budget.left())

    def chose(self, strategy: str, reason: str) -> None:
        """It is no node, and has no trace."""

    def folded(self, policy: str, turns: int, before: int, after: int) -> None:
        """As above."""

    async def ask(self, request: Request, *, last: bool = False) -> Completion:
        """One completion, kept for the node that may come; raises Unanswered where it was cut short."""
        budget = self._foretold.budget
        if last or budget is None:
            raise Unanswered("no last turn ahead of the code")
        place = Place(self._world.name, self._node.id, self.depth)
        sent = replace(request, place=place, guess=self._foretold.guess)
        completion = await self._world.equipment.model(sent, budget.child("a call"))
        if completion.finish == "length":
            raise Unanswered("cut short: with the whole budget it might have been longer")
        self._foretold.completions.append((request, completion))
        return completion

    async def run(self, code: str) -> Output:
        """Never: only plain completions are made ahead."""
        raise Unanswered(f"no code is run ahead of the code ({len(code)} characters)")


def _amount(foretold: Foretold, resource: str) -> int:
    return 0 if foretold.budget is None else foretold.budget.taken(resource)


def _less(usage: Usage, taken: Usage) -> Usage:
    known = usage.nanos is not None and taken.nanos is not None
    return Usage(
        calls=usage.calls - taken.calls,
        prompt_tokens=usage.prompt_tokens - taken.prompt_tokens,
        completion_tokens=usage.completion_tokens - taken.completion_tokens,
        cached_tokens=usage.cached_tokens - taken.cached_tokens,
        nanos=(usage.nanos or 0) - (taken.nanos or 0) if known else None,
    )
