"""A run played again from its journal: all of it with no model, or from one node on with a model asked anew."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import cast

import anyio
import anyio.to_thread

from rlm_async.api.keeping import Keeping, run_kept
from rlm_async.api.tools import remembered
from rlm_async.api.wiring import GIVEN, Resources, Wiring
from rlm_async.core.answer import Answer, Result
from rlm_async.core.budget import Budget
from rlm_async.core.context import Context
from rlm_async.core.data import Data
from rlm_async.core.events import CellEnded, Event, LimitHit, NodeAdded, RunEnded, RunStarted
from rlm_async.core.messages import Completion, Request
from rlm_async.core.profile import Profile
from rlm_async.core.query import Query
from rlm_async.core.usage import Limits, ModelInfo
from rlm_async.engine.equipment import Equipment
from rlm_async.engine.run import Naming
from rlm_async.errors import ConfigError, ModelRejected
from rlm_async.journal import Journal, RunRecord
from rlm_async.journal.playback import Branch, Playback
from rlm_async.models.cache import Cache
from rlm_async.ports import Frame, Model, SandboxFactory, Sink, Strategy, Tool
from rlm_async.profiles import load
from rlm_async.sandbox.factory import Sandbox
from rlm_async.strategies.folding import policy
from rlm_async.strategies.registry import strategies

GRACE = 5.0
"""Seconds for a replay of a run whose time was up, beside twice what its code took."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """How a replay ended. `recalled` requests were answered from the journal, `strayed` of them by place only."""

    answer: Answer
    recalled: int
    strayed: int
    same: bool
    """Whether the answer is, byte by byte, the one that the run had."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What is asked anew: node `node` and all below it, with another model or another question if given."""

    node: int
    model: str | None = None
    prompt: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """A run as its journal tells it, ready to be played again."""

    record: RunRecord
    query: Query
    trace: tuple[Event, ...]
    playback: Playback
    branch: Branch | None

    @classmethod
    def read(cls, journal: Journal, run: str, context: Context | None = None, change: Change | None = None) -> Played:
        """Read a run; raises ConfigError where the journal does not hold enough of it. Blocks on the disk."""
        record = journal.run(run)
        if record.content == "none":
            raise ConfigError(f"run {record.run} was kept without its content, so it cannot be played again")
        trace = tuple(journal.events(record.run))
        started = next((event for event in trace if isinstance(event, RunStarted)), None)
        if started is None:
            raise ConfigError(f"run {record.run} was broken off before it began: there is nothing to play again")
        branch = None if change is None else _branch(record, trace, change)
        return cls(
            record=record,
            query=replace(started.query, context=_input(journal, record, context)),
            trace=trace,
            playback=Playback(trace, journal.completions(record.run), journal.tools(record.run), branch),
            branch=branch,
        )

    def replayed(self, answer: Answer) -> Replayed:
        """How it ended, beside how it ended then."""
        ended = [(event.text, event.status) for event in self.trace if isinstance(event, RunEnded)]
        same = self.record.status != "interrupted" and ended[-1:] == [(answer.text, answer.status)]
        playback = self.playback
        return Replayed(answer=answer, recalled=playback.recalled, strayed=playback.strayed, same=same)


async def replay(
    journal: Journal,
    run: str,
    *,
    context: Context | None = None,
    sandbox: SandboxFactory | None = None,
    sinks: tuple[Sink, ...] = (),
    ring: Callable[[Model], Model] | None = None,
) -> Replayed:
    """Play a run again with no model: its code really runs, its requests are answered from the journal.

    run: its name, the beginning of it, or "last". context: the input, where the journal does not hold it. ring: put
    around what answers, for whoever wants to see the requests; nothing is asked ahead then, so that each is its node's.
    Raises ConfigError where the journal does not hold enough.
    """
    played = await anyio.to_thread.run_sync(Played.read, journal, run, context)
    infos = played.record.infos
    answering: Model = Cache(_nobody, played.playback)
    async with _sandboxes(sandbox) as sandboxes:
        equipment = Equipment(
            model=answering if ring is None else ring(answering),
            info=lambda name: infos.get(name) or ModelInfo(name=name),
            sandboxes=sandboxes,
            strategies=strategies(policy(played.record.folding), played.record.strategy),
            sub_model=played.record.sub_model,
            models=frozenset(infos),
            clock=anyio.current_time,
            limits=_hurried(played),
            tools=_tools(played),
            profile=_profile(played),
            sinks=(*sinks, played.playback),
            run_ahead=ring is None,
        )
        answer = await run_kept(played.query, equipment, _named(), None)
    return played.replayed(answer)


async def replay_from(
    journal: Journal,
    run: str,
    change: Change,
    wiring: Wiring,
    *,
    context: Context | None = None,
    sinks: tuple[Sink, ...] = (),
) -> Replayed:
    """Play a run again, ask a node and what is below it anew, and keep what comes of it as a run of its own.

    Above the node only what its new answer changes is asked. wiring: how models are reached. Raises
    ConfigError where the journal does not hold enough, or a model cannot be reached.
    """
    played = await anyio.to_thread.run_sync(Played.read, journal, run, context, change)
    record = played.record
    recorded = record.infos
    async with wiring.opened() as resources:
        asked = change.model or record.model
        if asked in GIVEN:
            raise ConfigError(f"run {record.run} was answered by an object of a program; name a model with model=")
        await resources.table.prepare([asked], record.limits)
        equipment = _live(played, resources, sinks)
        equipment = replace(
            equipment,
            info=lambda name: recorded.get(name) or resources.table.info(name),
            models=frozenset({*recorded, asked}),
        )
        keeping = Keeping(journal=journal, origin=record.run, folding=record.folding, resume=False)
        answer = await run_kept(played.query, equipment, _named(), keeping)
    return played.replayed(answer)


def _live(played: Played, resources: Resources, sinks: tuple[Sink, ...]) -> Equipment:
    record, playback = played.record, played.playback
    named = strategies(policy(record.folding), record.strategy)
    return Equipment(
        model=Cache(resources.table, playback),
        info=resources.table.info,
        sandboxes=resources.sandboxes,
        strategies={
            name: Changed(strategy, playback, cast("Branch", played.branch)) for name, strategy in named.items()
        },
        sub_model=record.sub_model,
        models=frozenset(),
        clock=anyio.current_time,
        limits=record.limits,
        tools=_tools(played),
        profile=_profile(played),
        sinks=(*sinks, playback),
    )


@dataclass(frozen=True, slots=True)
class Changed:
    """A strategy whose frames at and below the branch's node have another model, and the node another question."""

    strategy: Strategy
    playback: Playback
    branch: Branch

    async def answer(self, frame: Frame) -> Result:
        """The result of the changed query."""
        query = frame.query
        if query.key in self.playback.keys_below:
            changed = replace(query, model=self.branch.model or query.model)
            if query.key == self.branch.key and self.branch.prompt is not None:
                changed = replace(changed, prompt=self.branch.prompt)
            frame = cast("Frame", ChangedFrame(frame, changed))  # all but the query is the frame's own
        return await self.strategy.answer(frame)


class ChangedFrame:
    """A frame with another query."""

    def __init__(self, frame: Frame, query: Query) -> None:
        """Show `query` in place of the frame's own."""
        self.query = query
        self._frame = frame

    def __getattr__(self, name: str) -> object:
        """Everything else is the frame's."""
        return getattr(self._frame, name)


@dataclass(frozen=True, slots=True)
class AbsentTool:
    """A function that the run's program had lent: here only what it returned then is known."""

    name: str
    line: str
    depths: Sequence[int] | None = None

    async def __call__(self, *arguments: Data, **named: Data) -> Data:
        """Fail: the call was not made then, or it failed."""
        del arguments, named
        raise ModelRejected(
            f"the tool {self.name} belongs to another program; the journal knows no result of this call"
        )


def _tools(played: Played) -> Mapping[str, Tool]:
    record = played.record
    tools = {name: AbsentTool(name, line, record.depths.get(name)) for name, line in record.tools.items()}
    return remembered(tools, played.playback)


def _profile(played: Played) -> Profile:
    """What the run was tailored to. Raises ConfigError where the plugin that brought it is not installed."""
    return load(played.query.profile)


def _hurried(played: Played) -> Limits:
    """The run's limits. Where time was up then, it has not to be waited for again: replies take no time now."""
    limits = played.record.limits
    if not any(isinstance(event, LimitHit) and event.resource == "seconds" for event in played.trace):
        return limits
    busy = sum(event.output.cpu_seconds for event in played.trace if isinstance(event, CellEnded))
    return limits.narrowed(seconds=GRACE + 2 * busy)


def _branch(record: RunRecord, trace: tuple[Event, ...], change: Change) -> Branch:
    added = [event for event in trace if isinstance(event, NodeAdded) and event.node == change.node]
    if not added:
        raise ConfigError(f"run {record.run} has no node {change.node}; it has 0 to {record.nodes - 1}")
    return Branch(node=change.node, key=added[0].query.key, model=change.model, prompt=change.prompt)


def _input(journal: Journal, record: RunRecord, given: Context | None) -> Context:
    """The input: from the journal, or as it is given again."""
    kept = journal.context(record.context.digest)
    found = given if kept is None else kept
    if found is None:
        raise ConfigError(
            f"the input of run {record.run} is not in the journal ({record.context.documents:,} documents, "
            f"{record.context.characters:,} characters); give it again"
        )
    if found.digest != record.context.digest:
        raise ConfigError(f"the input of run {record.run} was another one: what is given has changed since then")
    return found


async def _nobody(request: Request, budget: Budget) -> Completion:
    """Stands where a model would: nothing gets this far."""
    del budget
    raise ModelRejected(f"the journal holds no reply of {request.model} to this request")


@asynccontextmanager
async def _sandboxes(given: SandboxFactory | None) -> AsyncIterator[SandboxFactory]:
    if given is not None:
        yield given
        return
    async with Sandbox() as own:
        yield own


def _named() -> Naming:
    return Naming.now(lambda: secrets.token_hex(3))


__all__ = ["Change", "Replayed", "replay", "replay_from"]
