"""RLM: a model that reads inputs of any length, with the face of an ordinary one."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from types import TracebackType
from typing import Self

import anyio

from rlm_async.api.advising import deep_enough
from rlm_async.api.batching import BatchAsker, Fitting, InHand, Shared, batch_name, check_total, load_paths, results
from rlm_async.api.detached import detached, waited
from rlm_async.api.keeping import JournalFile, check_journal, run_kept
from rlm_async.api.lease import Lease
from rlm_async.api.lending import Lendable, Lent
from rlm_async.api.onlooker import Onlooker
from rlm_async.api.session import Session, SessionSandboxes
from rlm_async.api.settings import (
    Input,
    check_fallbacks,
    check_limits,
    check_question,
    check_rates,
    check_timeout,
    read_context,
    schema_named,
    schema_text,
    with_citations,
)
from rlm_async.api.tailoring import Tailor
from rlm_async.api.wiring import Resources, Wiring, views
from rlm_async.batch.corpora import Corpora
from rlm_async.batch.sources import Form, Given, numbered
from rlm_async.core.answer import Answer
from rlm_async.core.context import Context
from rlm_async.core.events import Event
from rlm_async.core.items import Item, ItemResult
from rlm_async.core.profile import PLAIN, Profile
from rlm_async.core.query import Query
from rlm_async.core.usage import Limits, ModelInfo, Rates
from rlm_async.engine.equipment import Equipment
from rlm_async.engine.recorder import running_clock
from rlm_async.engine.run import Naming
from rlm_async.errors import BudgetExceeded, InternalError
from rlm_async.ports import Folding, Model, SandboxFactory, Sink
from rlm_async.strategies.folding import policy
from rlm_async.strategies.registry import strategies


@dataclass(frozen=True, slots=True, kw_only=True)
class _Turn:
    """What one question adds to the settings: where to run code, what was said before, who listens."""

    sandboxes: SandboxFactory | None = None
    history: tuple[tuple[str, str], ...] = ()
    sinks: tuple[Sink, ...] = ()
    schema: str | None = None
    cite: bool = False
    profile: Profile = PLAIN
    shared: Callable[[Equipment], Equipment] | None = None
    batch: str = ""
    """Its name in the journal."""
    item: str = ""


class RLM:
    """A recursive language model over an ordinary one.

    Use it as it is, or as an async context manager: entered, it keeps its connections and warm workers
    from one question to the next; otherwise they live as long as any question is being answered.
    """

    def __init__(
        self,
        model: str | Model = "local",
        *,
        sub_model: str | Model | None = None,
        api_base: str | None = None,
        api_key: str | None = None,
        limits: Limits | None = None,
        rates: Rates | None = None,
        profile: str | Profile = "auto",
        tools: Sequence[Lendable] = (),
        strategy: str = "auto",
        run_ahead: bool = True,
        journal: JournalFile | None = None,
        sandbox: SandboxFactory | str | None = None,
        strict: bool = False,
        sinks: Sequence[Callable[[], Sink]] = (),
        model_infos: Sequence[ModelInfo] = (),
        fallbacks: Sequence[str] = (),
        folding: str | Folding = "elide",
        timeout: float = 600.0,
    ) -> None:
        """Check the settings; nothing is loaded, started or asked yet. Raises ConfigError.

        model: a litellm name ("openai/gpt-5"), "local", or any object of the Model protocol.
        sub_model: what sub-queries use; default: the same.
        api_base, api_key: of an OpenAI-compatible endpoint, or passed to litellm.
        limits, rates: what a run may cost; what the provider is spared, for each model.
        profile: what prompts and sessions are tailored to: "plain", the name of an installed plugin's, a Profile, or
            "auto", which takes the installed one that fits the context.
        tools: functions and servers' tools that model-written code may call; they run here, on the host. See at_depth.
        strategy: "auto", "repl", "guided", "direct"; or "auto:FILE", by rules that `rlm-async advise --fit` wrote.
            `auto` goes no deeper than its rules say that it pays.
        run_ahead: let copies of a worker run ahead of its code while that waits, and ask what they find it will
            ask, with a tenth of what is left at most. Never changes a result; what nobody asked for is counted in
            `usage.speculative`. False: exactly the calls of the code.
        journal: the path of a file in which runs are kept, or a Journal. A question whose run was broken off is
            taken up again where it was: what had been answered is not paid for twice.
        sandbox: where code runs; default: `Sandbox()`, jailed worker processes. Or a name: "process", "inline", or an
            installed plugin's.
        strict: raise BudgetExceeded instead of giving a partial answer.
        sinks: called once for each run, each gives a function that is handed the run's events.
        model_infos: window and price of models that the price list does not know, such as those of your own server.
        folding: what a node does with a history of its own that fills its model's window: "elide" leaves out,
        "summarise" or "summarise:MODEL" has a model tell it, "none" ends the node; or any object of that protocol.
        fallbacks: names of models that answer, in this order, where one is down.
        timeout: seconds for one attempt of a model call; what takes longer is given up and made again.
        """
        self._tailor = Tailor.of(profile)
        self.limits = check_limits(limits or Limits())
        self.strategy = strategy
        self.strict = strict
        self._sinks = (*views((api_base, api_key)), *sinks)
        folded = policy(folding) if isinstance(folding, str) else folding
        self._wiring = Wiring(
            models=(model, model if sub_model is None else sub_model),
            endpoint=(api_base, api_key),
            rates=check_rates(rates or Rates()),
            sandbox=sandbox,
            run_ahead=run_ahead,
            infos=model_infos,
            fallbacks=check_fallbacks(fallbacks),
            folding=folded,
            strategies=strategies(folded, strategy),
            timeout=check_timeout(timeout),
            journal=check_journal(journal),
            lent=Lent.of(tools),
        )
        self._lease: Lease[Resources] = Lease(self._wiring.opened)
        self._entered: list[AsyncExitStack] = []

    async def __aenter__(self) -> Self:
        """Keep connections and warm workers until the exit."""
        stack = AsyncExitStack()
        await stack.enter_async_context(self._lease.taken())
        self._entered.append(stack)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close connections and workers, once the last question has its answer."""
        await self._entered.pop().aclose()

    async def ask(
        self,
        question: str,
        context: Input = None,
        *,
        schema: Mapping[str, object] | type | str | None = None,
        cite: bool = False,
    ) -> Answer:
        """Answer a question about an input of any length.

        question: what is wanted to be known. context: a str (the text itself), a list or dict of str, a
        Path or several, a Context. schema: a JSON Schema or a pydantic class for `Answer.data`, or the name of one
        that the profile brings.
        cite: give `Answer.citations`, quotes that stand in the context letter by letter, checked by code; an
        answer without any such quote is not accepted.

        Raises ConfigError before anything runs, and what stood in the way of any answer: ModelError,
        SandboxError, BudgetExceeded, Unanswered; the error's `answer` then holds usage and trace. A limit
        that was hit gives a partial answer, or raises where `strict` is set.
        """
        check_question(question)
        text = None if isinstance(schema, str) else schema_text(schema, cite=cite)
        profile, read = await self._tailor.fit(await read_context(context))
        if isinstance(schema, str):
            text = schema_text(schema_named(schema, profile), cite=cite)
        answer = await self._answer(question, read, _Turn(schema=text, cite=cite, profile=profile))
        return with_citations(answer) if cite else answer

    def ask_sync(
        self,
        question: str,
        context: Input = None,
        *,
        schema: Mapping[str, object] | type | str | None = None,
        cite: bool = False,
    ) -> Answer:
        """`ask` for code without an event loop; works inside one too (a notebook), in a thread of its own."""
        return waited(partial(self.ask, question, context, schema=schema, cite=cite))

    async def stream(self, question: str, context: Input = None, *, pieces: bool = False) -> AsyncIterator[Event]:
        """The events of a run as they happen; the last is RunEnded, with the answer's text and status.

        With `pieces` replies are streamed where the provider can, and `ReplyGrew` tells how they come in.
        Ends the run where the consumer stops. Raises what `ask` raises, after the events that led there.
        """
        check_question(question)
        profile, read = await self._tailor.fit(await read_context(context))
        send, receive = anyio.create_memory_object_stream[Event](float("inf"))
        onlooker = Onlooker(send.send_nowait, live=pieces)
        failures: list[Exception] = []

        async def work() -> None:
            with send:
                try:
                    await self._answer(question, read, _Turn(sinks=(onlooker,), profile=profile))
                except Exception as error:  # noqa: BLE001 - carried to the consumer, and raised there
                    failures.append(error)

        with receive:
            async with detached(work):
                async for event in receive:
                    yield event
        if failures:
            raise failures[0]

    @asynccontextmanager
    async def session(self, context: Input = None) -> AsyncIterator[Session]:
        """A conversation about one context: code's variables and the history last from turn to turn."""
        profile, read = await self._tailor.fit(await read_context(context))
        async with self._lease.taken() as resources:
            tools = self._equipment(resources, profile).lent(depth=0)
            lines = {name: tool.line for name, tool in tools.items()}
            sandboxes = SessionSandboxes(resources.sandboxes, read, lines)
            async with sandboxes.opened():
                yield Session(self._ask_in_session, read, sandboxes, profile)

    async def batch(
        self,
        items: Iterable[Given] | AsyncIterable[Given],
        context: Input = None,
        *,
        schema: Mapping[str, object] | type | None = None,
        cite: bool = False,
        total: Limits | None = None,
        ordered: bool = False,
        name: str = "",
    ) -> AsyncIterator[ItemResult]:
        """The results of many questions as they come; what is wrong with one item is its result.

        items: questions, mappings with `question` and perhaps `id`, `context`, `paths`, or Items; taken as fast as
        results are. context: what the others are about, read once. total: limits of the whole batch (`calls`, `tokens`,
        `usd`, `seconds`). name: in the journal; a batch of the same name pays for no call again.
        Raises ConfigError before anything is asked; after the results there are, Refused where `total` was reached,
        ModelError where the provider failed 25 items in a row.
        """
        async with self.asker(context, schema=schema, cite=cite, total=total, name=name) as asker:
            executor = InHand(asker, self._wiring.rates.concurrency)
            async with aclosing(results(numbered(items, Form()), executor, ordered=ordered)) as found:
                async for result in found:
                    yield result

    @asynccontextmanager
    async def asker(
        self,
        context: Input = None,
        *,
        schema: Mapping[str, object] | type | None = None,
        cite: bool = False,
        total: Limits | None = None,
        name: str = "",
    ) -> AsyncIterator[BatchAsker]:
        """What answers the items of one batch, for an executor; arguments as for `batch`."""
        text = schema_text(schema, cite=cite)
        read = await read_context(context)
        async with self._lease.taken() as resources:
            await resources.check(self.limits)
            named = name or batch_name(resources, read, text)
            shared = Shared(resources, check_total(total, resources), Fitting(self._tailor.fit), named, text, cite)
            yield BatchAsker(self._ask_in_batch, Corpora(load_paths, read), shared)

    async def _ask_in_batch(self, item: Item, context: Context, shared: Shared) -> Answer:
        profile, read = await shared.fitting(context, own=item.context is not None)
        turn = _Turn(schema=shared.schema, cite=shared.cite, shared=partial(shared.applied, item=item), profile=profile)
        answer = await self._answer(item.question, read, replace(turn, batch=shared.name, item=item.id))
        return with_citations(answer) if shared.cite else answer

    async def _ask_in_session(self, question: str, session: Session) -> Answer:
        turn = _Turn(sandboxes=session.sandboxes, history=session.history, profile=session.profile)
        return await self._answer(check_question(question), session.context, turn)

    async def _answer(self, question: str, context: Context, turn: _Turn) -> Answer:
        async with self._lease.taken() as resources:
            await resources.check(self.limits)
            query = Query(
                prompt=question,
                context=context,
                model=resources.root_model,
                strategy=self.strategy,
                schema=turn.schema,
                cite=turn.cite,
                profile=turn.profile.name,
                history=turn.history,
            )
            equipment = deep_enough(self._equipment(resources, turn.profile), query)
            listening = (*(make() for make in self._sinks), *turn.sinks)
            equipment = replace(equipment, sinks=listening, sandboxes=turn.sandboxes or equipment.sandboxes)
            if turn.shared is not None:
                equipment = turn.shared(equipment)
            naming = Naming.now(lambda: secrets.token_hex(3))
            answer = await run_kept(
                query, equipment, naming, resources.keeping(turn.batch, turn.item, resume=turn.sandboxes is None)
            )
        return self._checked(answer)

    def _equipment(self, resources: Resources, profile: Profile) -> Equipment:
        return Equipment(
            model=resources.table,
            info=resources.table.info,
            sandboxes=resources.sandboxes,
            strategies=resources.strategies,
            sub_model=resources.sub_model,
            models=resources.models,
            clock=running_clock(),
            limits=self.limits,
            tools=resources.tools,
            profile=profile,
            run_ahead=self._wiring.run_ahead,
        )

    def _checked(self, answer: Answer) -> Answer:
        error = answer.error
        if answer.status == "failed":
            error = error or InternalError("a failed answer without an error")
        elif self.strict and answer.status == "partial":
            error = BudgetExceeded("the run", answer.limit or "unknown", 0.0, 0.0)
        if error is None:
            return answer
        error.answer = answer
        raise error
