"""A run that is played again from its journal: every request gets the reply that it got then.

A request is looked up by its key, equal ones in the order of asking. Code that depends on time, chance or
the order of answers may make another prompt than it made then; such a request gets the reply that was given
at the same place, and is counted as `strayed`. What a node was refused or never answered, it is again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import anyio

from rlm_async import errors
from rlm_async.core.events import Event, LimitHit, NodeAdded, RunEnded
from rlm_async.core.messages import Completion, Request
from rlm_async.core.usage import NOTHING
from rlm_async.errors import BudgetExceeded, ModelRejected, RLMError
from rlm_async.journal.recording import CANCELLED, taken, tools_by_key
from rlm_async.journal.records import Kept, ToolCall

OUTSIDE = "Cancelled"
"""How the error of a run begins that was cancelled from outside."""

Path = tuple[int, ...]
"""A node's place: which child it is, of which child, and so on from the root."""


@dataclass(slots=True)
class Paths:
    """The places of a run's nodes. A Sink."""

    by_node: dict[int, Path] = field(default_factory=dict)
    children: dict[int | None, int] = field(default_factory=dict)

    def __call__(self, event: Event) -> None:
        """Take the next event."""
        if not isinstance(event, NodeAdded):
            return
        ordinal = self.children[event.parent] = self.children.get(event.parent, -1) + 1
        if not event.shared:
            above = () if event.parent is None else self.by_node.get(event.parent, ())
            self.by_node[event.node] = () if event.parent is None else (*above, ordinal)

    @classmethod
    def of(cls, trace: Iterable[Event]) -> Paths:
        """The places of a run that is over."""
        paths = cls()
        for event in trace:
            paths(event)
        return paths


@dataclass(frozen=True, slots=True, kw_only=True)
class Branch:
    """From which node on a run is asked again, and what is different there; None is as it was."""

    node: int
    key: str
    """Of the node's query."""
    model: str | None = None
    prompt: str | None = None


class Playback:
    """The memory of a run that is played again (`Memo` of `models/cache.py`), and a Sink of the new one's events.

    With a `branch` whatever is at or below that node is not answered from memory, nor what is not known
    because of it; without one nothing is asked at all.
    """

    def __init__(
        self, trace: Sequence[Event], kept: Iterable[Kept], tools: Iterable[ToolCall] = (), branch: Branch | None = None
    ) -> None:
        """Play the run that `trace` and `kept` tell of."""
        self.recalled = 0
        """Requests that were answered from the journal."""
        self.strayed = 0
        """Those among them that were not the same as then."""
        self._branch = branch
        self._paths = Paths()
        self._keys: dict[str, deque[Kept]] = {}
        self._places: dict[tuple[Path, int], Kept] = {}
        self._refusals = {event.node: event for event in trace if isinstance(event, LimitHit)}
        self._whole = any(isinstance(event, RunEnded) and not event.error.startswith(OUTSIDE) for event in trace)
        self._turns: dict[int, int] = {}
        self._below: set[int] = set()
        self.keys_below: set[str] = set()
        self._tools = tools_by_key(tools)
        self._called: dict[str, int] = {}
        before = Paths.of(trace)
        self._nodes = {path: node for node, path in before.by_node.items()}
        for one in sorted(kept, key=lambda one: one.occurrence):
            self._keys.setdefault(one.key, deque()).append(one)
            self._places[before.by_node.get(one.node, (-1,)), one.turn] = one

    def __call__(self, event: Event) -> None:
        """Take an event of the new run: where its nodes are."""
        self._paths(event)
        branch = self._branch
        if branch is None or not isinstance(event, NodeAdded) or event.shared:
            return
        key = event.query.key
        if event.parent in self._below or (key == branch.key and not self._below):
            self._below.add(event.node)
            self.keys_below.add(key)

    async def recall(self, request: Request, key: str) -> Completion | None:
        """What the request was answered then; raises what it raised then. Suspends only where it was given up."""
        node = request.place.node
        if node in self._below:
            return None
        turn = self._turns[node] = self._turns.get(node, -1) + 1
        kept = self._found(key, node, turn)
        given_up = kept is not None and kept.error.partition(":")[0] == CANCELLED
        if kept is None or (given_up and self._branch is not None):
            self._missing(node)
            return None
        self.recalled += 1
        if kept.completion is not None:
            return kept.completion
        if given_up:
            return await self._given_up(node)
        raise remade_error(kept.failure)

    async def keep(self, request: Request, key: str, outcome: Completion | RLMError | None) -> None:
        """Forget it: what is asked now is for the new run's own recording."""

    def recall_tool(self, key: str) -> tuple[int, ToolCall | None]:
        """What the caller's function returned then."""
        occurrence = self._called[key] = self._called.get(key, -1) + 1
        known = self._tools.get(key)
        return occurrence, known.popleft() if known else None

    def keep_tool(self, key: str, occurrence: int, value: object) -> None:
        """Forget it, the same."""

    def _found(self, key: str, node: int, turn: int) -> Kept | None:
        known = self._keys.get(key)
        if not known:
            place = (self._paths.by_node.get(node, ()), turn)
            kept = self._places.get(place) if self._branch is None else None
            self.strayed += kept is not None
            return kept
        if len(known) > 1:
            return taken(known, node)
        last = known[0]
        if last.completion is not None:  # asked again in the same run: it was answered from memory then, and free
            known[0] = replace(last, completion=replace(last.completion, usage=NOTHING))
        return last

    def _missing(self, node: int) -> None:
        if self._branch is not None:
            return
        if (refusal := self._refusal(node)) is not None:
            raise refusal
        raise _broken_off(node)

    async def _given_up(self, node: int) -> Completion | None:
        """Wait for the end that came then: nobody wanted the reply any more, or the time was up."""
        if (refusal := self._refusal(node)) is not None:
            raise refusal
        if not self._whole:
            raise _broken_off(node)
        await anyio.sleep_forever()
        return None

    def _refusal(self, node: int) -> BudgetExceeded | None:
        """The limit that the same node ran into."""
        then = self._nodes.get(self._paths.by_node.get(node, (-1,)))
        hit = None if then is None else self._refusals.get(then)
        return None if hit is None else BudgetExceeded(hit.scope, hit.resource, 0.0, 0.0)


def _broken_off(node: int) -> ModelRejected:
    return ModelRejected(f"the journal holds no reply to a request of node {node}: the run was broken off there")


def remade_error(failure: Mapping[str, object]) -> RLMError:
    """The error that a request raised then."""
    name, message = str(failure.get("class")), str(failure.get("message", ""))
    kind = getattr(errors, name, None)
    if kind is BudgetExceeded:
        amounts = (float(str(failure.get(amount, 0.0))) for amount in ("asked", "left"))
        return BudgetExceeded(str(failure.get("scope")), str(failure.get("resource")), *amounts)
    if isinstance(kind, type) and issubclass(kind, RLMError):
        return kind(message)
    return ModelRejected(f"{name}: {message}")
