"""A node being answered: to a node what a stack frame is to a function call."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager, nullcontext, suppress
from dataclasses import replace
from types import TracebackType
from typing import Self

import anyio

from rlm_async.core import events
from rlm_async.core.answer import Result
from rlm_async.core.budget import Budget, Keep
from rlm_async.core.data import Data
from rlm_async.core.graph import Node
from rlm_async.core.messages import Completion, Place, Request
from rlm_async.core.profile import PLAIN, Profile
from rlm_async.core.query import Query, Reply, SubQuery
from rlm_async.core.transcript import Output, Submission
from rlm_async.core.usage import NANO, NOTHING, Limits, ModelInfo, Usage
from rlm_async.engine.descent import child_query
from rlm_async.engine.hearing import Hearing
from rlm_async.engine.scheduler import Outcome
from rlm_async.engine.speculation import Speculation
from rlm_async.engine.world import World
from rlm_async.errors import BudgetExceeded, ConfigError, ModelError, RLMError
from rlm_async.ports import Begun, Sandbox

ARGUMENT_ERRORS = (LookupError, TypeError, ValueError)
"""Errors of a tool whose text is for whoever called it; the text of any other may hold a secret."""


class ActiveFrame:
    """The one implementation of the Frame port, and the Host of the node's sandbox.

    `deadline` is when, by the event loop's clock, the node has to turn to its last turn.
    """

    def __init__(self, world: World, node: Node, budget: Budget, deadline: float) -> None:
        """Open the frame of `node`; what it opens is closed when its block is left."""
        self.node = node
        self.deadline = deadline
        self.own = Usage()
        """What the node itself has spent, without its children."""
        self.found: Submission | None = None
        """The best that code has put forward so far: an answer or a draft."""
        self._world = world
        self._scope = budget
        self._session: AbstractAsyncContextManager[Sandbox] | None = None
        self._sandbox: Sandbox | None = None
        self._keep: Keep | None = None
        self._speculation: Speculation | None = None
        self._cells = 0
        self._calls = 0

    async def __aenter__(self) -> Self:
        """Found among the run's open frames until it is closed."""
        self._world.frames[self.node.id] = self
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close the sandbox, give up what was asked ahead and what was kept back."""
        try:
            if self._session is not None:
                await self._session.__aexit__(kind, error, traceback)
        finally:
            del self._world.frames[self.node.id]
            self.forgo()
            if self._keep is not None:
                self._keep.release()

    @property
    def query(self) -> Query:
        """The question at hand."""
        return self.node.query

    @property
    def depth(self) -> int:
        """0 at the root."""
        return self.node.depth

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
        """Names of the caller's functions that a node of this depth has, with one line each."""
        return {name: tool.line for name, tool in self._world.equipment.lent(self.depth).items()}

    @property
    def profile(self) -> Profile:
        """What the node is tailored to."""
        own = self._world.equipment.profile
        return own if self.query.profile == own.name else PLAIN

    @property
    def last_tokens(self) -> int:
        """Tokens kept back for the last turn."""
        return 0 if self._keep is None else self._keep.estimate.tokens

    def keep(self, estimate: Usage) -> None:
        """Keep `estimate` back for the last turn, until it is taken or the frame closes."""
        self._keep = self._scope.keep(estimate)

    def info(self, model: str) -> ModelInfo:
        """What is known of a model."""
        return self._world.equipment.info(model)

    def left(self) -> Mapping[str, float | None]:
        """What is left to this node: calls, tokens, usd, seconds, depth; None is no limit."""
        endless = self.deadline == float("inf")
        seconds = None if endless else max(0.0, self.deadline - self._world.equipment.clock())
        return {**self._scope.left(), "seconds": seconds, "depth": max(0, self.limits.depth - self.depth)}

    def budget(self) -> Mapping[str, float | None]:
        """The same, for the node's code, which does not see what was spent ahead of it and may be its own yet."""
        left = self.left()
        if self._speculation is None:
            return left
        open_ = self._speculation.open
        usd = left["usd"]
        return {
            **left,
            "calls": None if left["calls"] is None else left["calls"] + open_("calls"),
            "tokens": None if left["tokens"] is None else left["tokens"] + open_("tokens"),
            "usd": None if usd is None else usd + open_("usd") / NANO,
        }

    @property
    def run_ahead(self) -> bool:
        """Whether hints of what the code may ask are wanted."""
        return self._world.equipment.run_ahead

    def foresee(self, query: SubQuery, tell: Callable[[Data], None], *, sure: bool) -> None:
        """A hint of what the code may ask."""
        if not query.cached or query.grant:
            return
        if self._speculation is None:
            self._speculation = Speculation(self._world, self.node, self._scope, self.deadline)
        with suppress(RLMError):  # what would be refused is refused when it is asked
            self._speculation.hint(child_query(query, self.node, self._world.equipment), tell, sure=sure)

    def forgo(self) -> None:
        """The cell is over."""
        if self._speculation is not None:
            self._speculation.forgo()

    def chose(self, strategy: str, reason: str) -> None:
        """Tell the trace how this node is going to be answered; one plain completion needs nothing kept back."""
        record = self._world.record
        record(events.StrategyChosen(at=record.now, node=self.node.id, strategy=strategy, reason=reason))
        if strategy == "direct" and self._keep is not None:
            self._keep.release()

    def folded(self, policy: str, turns: int, before: int, after: int) -> None:
        """Tell the trace that the node's own history is shown shortened."""
        record = self._world.record
        record(events.Folded(at=record.now, node=self.node.id, policy=policy, turns=turns, before=before, after=after))

    async def ask(self, request: Request, *, last: bool = False) -> Completion:
        """One completion; with `last`, from the part kept back, and past the node's own deadline."""
        if last and self._keep is not None:
            self._keep.release()  # nothing suspends from here to the meter's reservation: nobody else takes it
        place = Place(self._world.name, self.node.id, self.depth)
        with _until(self._world.deadline if last else self.deadline):
            try:
                fresh = request.fresh or self.node.alone
                request = replace(request, place=place, last=last, fresh=fresh, heard=self._hearing())
                return await self._call(request)
            except BudgetExceeded as refusal:
                self._hit(refusal)
                raise
        raise self._out_of_time()

    async def run(self, code: str) -> Output:
        """Run code in this node's sandbox, opened at the first call."""
        record, cell = self._world.record, self._cells
        self._cells += 1
        with _until(self.deadline):
            sandbox = await self._opened()
            record(events.CellStarted(at=record.now, node=self.node.id, cell=cell, code=code))
            output = await sandbox.run(code)
            record(events.CellEnded(at=record.now, node=self.node.id, cell=cell, output=output))
            self.found = output.answer or output.draft or self.found
            return output
        raise self._out_of_time()

    async def spawn(self, queries: Sequence[SubQuery]) -> list[Reply]:
        """Answer sub-queries concurrently, in order; a failed one is a reply too."""
        submitted = [self._submit(asked) for asked in queries]
        outcomes = [outcome for outcome in submitted if isinstance(outcome, Outcome)]
        await self._world.scheduler.wait(self.node, outcomes)
        return [outcome if isinstance(outcome, Reply) else _reply(outcome) for outcome in submitted]

    def submit(self, query: SubQuery, tell: Callable[[Reply], None]) -> Begun:
        """Answer one sub-query, and tell whoever asked: nobody has to wait for it."""
        outcome = self._submit(query)
        if isinstance(outcome, Reply):
            tell(outcome)
            return anyio.CancelScope()
        return self._world.scheduler.watch(self.node, outcome, lambda over: tell(_reply(over)))

    async def tool(self, name: str, arguments: Sequence[Data], named: Mapping[str, Data]) -> Reply:
        """Call one of the caller's functions; its errors are the code's to handle."""
        tool = self._world.equipment.lent(self.depth).get(name)
        if tool is None:
            return Reply(error="NameError", message=f"there is no tool named {name!r}")
        try:
            return Reply(await tool(*arguments, **named))
        except RLMError as error:
            return _failure(error)
        except ARGUMENT_ERRORS as error:
            return Reply(error=type(error).__name__, message=f"{name}: {error}"[:500])
        except Exception as error:  # noqa: BLE001 - a boundary: a tool may raise anything; its text may hold a secret
            return Reply(error="RuntimeError", message=f"the tool {name} failed with {type(error).__name__}")

    async def _call(self, request: Request) -> Completion:
        record, call = self._world.record, self._calls
        self._calls += 1
        size = sum(len(message.text) for message in request.messages)
        record(
            events.ModelAsked(at=record.now, node=self.node.id, call=call, model=request.model, prompt_characters=size)
        )
        scope = self._scope.child("a call")
        completion = Completion(text="")
        error, retries = "cancelled", completion.retries
        taken = NOTHING
        try:
            made = self._world.foretold.get(self.node.id)
            foretold = None if made is None else await made.completion(request)
            if foretold is not None:
                taken = foretold.usage
            completion = foretold or await self._world.equipment.model(request, scope)
        except RLMError as failure:
            error = f"{type(failure).__name__}: {failure}"
            retries = failure.retries if isinstance(failure, ModelError) else ()
            raise
        else:
            error, retries = "", completion.retries
            return completion
        finally:
            self.own += scope.usage + taken
            record(
                events.ModelReplied(
                    at=record.now,
                    node=self.node.id,
                    call=call,
                    model=completion.model or request.model,
                    usage=scope.usage + taken,
                    text=completion.text,
                    waited=completion.waited,
                    seconds=completion.seconds,
                    attempts=completion.attempts,
                    cached=completion.cached,
                    finish=completion.finish,
                    error=error,
                    retries=retries,
                )
            )

    def _hearing(self) -> Hearing | None:
        """Who is told how the next reply grows, where somebody looks on."""
        record = self._world.record
        return Hearing(record, self.node.id, self._calls) if record.live else None

    async def _opened(self) -> Sandbox:
        if self._sandbox is None:
            session = self._world.equipment.sandboxes.open(self.query.context, self)
            self._sandbox = await session.__aenter__()
            self._session = session
            record = self._world.record
            record(events.SandboxOpened(at=record.now, node=self.node.id, layers=self._sandbox.layers))
            await self._prepared(self._sandbox)
        return self._sandbox

    async def _prepared(self, sandbox: Sandbox) -> None:
        """Run what the profile defines for the code; raises ConfigError where that does not run."""
        profile = self.profile
        if profile.preamble:
            output = await sandbox.run(profile.preamble)
            if output.error is not None:
                raise ConfigError(f"the preamble of the profile {profile.name!r} does not run: {output.error}")

    def _submit(self, asked: SubQuery) -> Outcome | Reply:
        try:
            query = child_query(asked, self.node, self._world.equipment)
            return self._node(query, asked)
        except RLMError as error:
            record = self._world.record
            record(events.QueryRefused(at=record.now, node=self.node.id, error=f"{type(error).__name__}: {error}"))
            return _failure(error)

    def _node(self, query: Query, asked: SubQuery) -> Outcome:
        """The node of a sub-query; what was asked ahead for it is its own."""
        ahead = self._speculation if asked.cached and not asked.grant else None
        made = None if ahead is None else ahead.claim(query)
        is_new = made is not None and self._world.scheduler.graph.find(query.key) is None
        outcome = self._world.scheduler.submit(query, self._scope, self.node, shared=asked.cached)
        if made is not None and is_new:
            self._world.foretold[outcome.node.id] = made
        elif made is not None:
            made.scope.cancel()  # another node has come to answer the same
        return outcome

    def _out_of_time(self) -> BudgetExceeded:
        refusal = BudgetExceeded("the run", "seconds", self.limits.seconds or 0.0, 0.0)
        self._hit(refusal)
        return refusal

    def _hit(self, refusal: BudgetExceeded) -> None:
        record = self._world.record
        record(events.LimitHit(at=record.now, node=self.node.id, scope=refusal.scope, resource=refusal.resource))


def _until(deadline: float) -> AbstractContextManager[object]:
    return nullcontext() if deadline == float("inf") else anyio.CancelScope(deadline=deadline)


def _reply(outcome: Outcome) -> Reply:
    result: Result | None = outcome.result
    if result is None:
        return _failure(outcome.error or RLMError("no answer"))
    return Reply(result.value, status=result.status)


def _failure(error: RLMError) -> Reply:
    return Reply(error=type(error).__name__, message=str(error), status="failed")
