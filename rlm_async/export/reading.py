"""Reads runs from a journal: each is played again, and a ring around the playback hears every request and reply.

A journal keeps the key of a request and not its messages: a prompt grows with each turn, and code makes it
again. The keys then prove that a prompt is the one that was sent, all but the line that tells what was left
to spend (`core/moment.py`), which is as the replay finds it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import anyio.to_thread

from rlm_async.api.replaying import replay
from rlm_async.core.budget import Budget
from rlm_async.core.context import Context
from rlm_async.core.events import (
    Event,
    LimitHit,
    ModelReplied,
    NodeAdded,
    NodeAnswered,
    NodeMoved,
    RunStarted,
    StrategyChosen,
)
from rlm_async.core.graph import FINAL
from rlm_async.core.messages import Completion, Request
from rlm_async.core.query import Query
from rlm_async.core.usage import NOTHING, Usage
from rlm_async.errors import ConfigError
from rlm_async.export.splitting import marks
from rlm_async.export.tree import Cost, NodeStory, Path, Tree, Turn
from rlm_async.journal import Journal, RunRecord
from rlm_async.journal.playback import Paths
from rlm_async.models.cache import request_key
from rlm_async.ports import Model, SandboxFactory


class Ring:
    """A model around a model that hears what is asked and answered."""

    def __init__(self) -> None:
        """Nothing was heard yet."""
        self.heard: list[tuple[Request, Completion]] = []

    def around(self, model: Model) -> Model:
        """`model`, listened to."""

        async def asked(request: Request, budget: Budget) -> Completion:
            completion = await model(request, budget)
            self.heard.append((request, completion))
            return completion

        return asked


@dataclass(frozen=True, slots=True)
class Reader:
    """Where runs come from. `inputs` are contexts that a journal may not hold; `sandbox` runs their code."""

    sandbox: SandboxFactory
    inputs: Sequence[Context] = ()

    async def tree(self, journal: Journal, record: RunRecord) -> Tree:
        """A run and all its nodes. Raises ConfigError where the journal does not hold enough of it."""
        check(record)
        ring, events = Ring(), list[Event]()
        given = None if record.context.kept else self._input(record)
        replayed = await replay(
            journal, record.run, context=given, sandbox=self.sandbox, sinks=(events.append,), ring=ring.around
        )
        before, keys = await anyio.to_thread.run_sync(_then, journal, record.run)
        stories = Stories(Seen.of(events), Seen.of(before), keys)
        root = next(event.query for event in events if isinstance(event, RunStarted))
        nodes = stories.told(ring.heard)
        return Tree(record=record, marks=marks(root.prompt, root.context), nodes=nodes, same=replayed.same)

    def _input(self, record: RunRecord) -> Context:
        for context in self.inputs:
            if context.digest == record.context.digest:
                return context
        raise ConfigError(
            f"run {record.run} was kept without its input ({record.context.documents:,} documents, "
            f"{record.context.characters:,} characters): give it with --input, or record with --journal-content full"
        )


def check(record: RunRecord) -> None:
    """Raise ConfigError for a run that was kept without its words."""
    if record.content == "none":
        raise ConfigError(
            f"run {record.run} was kept without a word of what was said, so there is nothing to learn from: "
            "record with --journal-content full (the default), or no-context and give the input with --input"
        )


@dataclass(frozen=True, slots=True)
class Seen:
    """A trace by its nodes."""

    paths: Mapping[int, Path]
    queries: Mapping[int, Query]
    depths: Mapping[int, int]
    strategies: Mapping[int, str]
    answers: Mapping[int, NodeAnswered]
    limits: Mapping[int, str]
    times: Mapping[int, tuple[float, float | None]]
    states: Mapping[int, str]
    usages: Mapping[int, Usage]

    @classmethod
    def of(cls, trace: Iterable[Event]) -> Seen:
        """Sort a trace."""
        trace = list(trace)
        added = {event.node: event for event in trace if isinstance(event, NodeAdded) and not event.shared}
        over = {event.node: event for event in trace if isinstance(event, NodeMoved) and event.state in FINAL}
        usages: dict[int, Usage] = {}
        for event in trace:
            if isinstance(event, ModelReplied):
                usages[event.node] = usages.get(event.node, NOTHING) + event.usage
        ends = {node: event.at for node, event in over.items()}
        return cls(
            paths=Paths.of(trace).by_node,
            queries={node: event.query for node, event in added.items()},
            depths={node: event.depth for node, event in added.items()},
            strategies={event.node: event.strategy for event in trace if isinstance(event, StrategyChosen)},
            answers={event.node: event for event in trace if isinstance(event, NodeAnswered)},
            limits={event.node: event.resource for event in trace if isinstance(event, LimitHit)},
            times={node: (event.at, ends.get(node)) for node, event in added.items()},
            states={node: str(event.state) for node, event in over.items()},
            usages=usages,
        )


@dataclass(slots=True)
class Stories:
    """Makes nodes of what was heard in the replay (`now`) and of the costs of the run itself (`then`)."""

    now: Seen
    then: Seen
    keys: frozenset[str]
    """Of the requests that the journal knows."""
    _by_path: dict[Path, int] = field(init=False)
    _by_key: dict[str, list[int]] = field(init=False)

    def __post_init__(self) -> None:
        """Look up the nodes of the run by place and by question."""
        self._by_path = {path: node for node, path in self.then.paths.items()}
        self._by_key = {}
        for node, query in self.then.queries.items():
            self._by_key.setdefault(query.key, []).append(node)

    def told(self, heard: Iterable[tuple[Request, Completion]]) -> tuple[NodeStory, ...]:
        """All nodes, by place."""
        turns: dict[int, list[Turn]] = {}
        for request, completion in heard:
            turns.setdefault(request.place.node, []).append(self._turn(request, completion))
        nodes = sorted(self.now.queries, key=lambda node: self.now.paths.get(node, ()))
        return tuple(self._story(node, turns.get(node, [])) for node in nodes)

    def _turn(self, request: Request, completion: Completion) -> Turn:
        key = request_key(request)
        return Turn(
            messages=request.messages,
            reply=completion.text,
            model=completion.model or request.model,
            key=key,
            known=key in self.keys,
            cut=completion.finish == "length",
        )

    def _story(self, node: int, turns: list[Turn]) -> NodeStory:
        query, now = self.now.queries[node], self.now
        answered = now.answers.get(node)
        return NodeStory(
            path=now.paths.get(node, ()),
            depth=now.depths[node],
            prompt=query.prompt,
            context=query.context.digest,
            strategy=now.strategies.get(node, query.strategy),
            status=answered.status if answered else now.states.get(node, "failed"),
            limit=now.limits.get(node),
            cost=self._cost(node),
            turns=tuple(turns),
        )

    def _cost(self, node: int) -> Cost:
        """What the same node of the run had cost: that at its place, or else the one of its question."""
        key = self.now.queries[node].key
        then = self._by_path.get(self.now.paths.get(node, ()), -1)
        if then not in self._by_key.get(key, []):
            candidates = self._by_key.get(key, [])
            then = candidates[0] if len(candidates) == 1 else -1
        began, ended = self.then.times.get(then, (0.0, None))
        seconds = None if ended is None else ended - began
        return Cost(usage=self.then.usages.get(then, NOTHING if then >= 0 else Usage(nanos=None)), seconds=seconds)


def _then(journal: Journal, run: str) -> tuple[list[Event], frozenset[str]]:
    return journal.events(run), frozenset(kept.key for kept in journal.completions(run))
