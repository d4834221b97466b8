"""One request at work: let in, run, told, and charged, however it ends."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass

import anyio
from starlette.types import Receive

from rlm_async.api import RLM
from rlm_async.api.lowering import lowered
from rlm_async.core.answer import Answer
from rlm_async.core.data import Data
from rlm_async.core.events import Event, ModelReplied, Speculated
from rlm_async.core.usage import Usage
from rlm_async.errors import RLMError
from rlm_async.serve import faults, replies
from rlm_async.serve.faults import Fault
from rlm_async.serve.keys import Account, Hold
from rlm_async.serve.replies import Chunk, Naming
from rlm_async.serve.streaming import Emit, gone
from rlm_async.serve.wire import Wanted

DONE = "[DONE]"
log = logging.getLogger("rlm_async.serve")


@dataclass(frozen=True, slots=True)
class Shape:
    """How one of the two interfaces tells an answer."""

    whole: Callable[[Answer, Naming], dict[str, Data]]
    opening: Callable[[Naming], list[Chunk]]
    chunks: Callable[[Answer, Naming, bool], Iterator[Chunk]]
    failed: Callable[[Naming, Fault], Chunk]
    numbered: bool
    """Whether events carry a number, and end without a last line of their own."""


def _chat_chunks(answer: Answer, name: Naming, usage: bool) -> Iterator[Chunk]:  # noqa: FBT001 - as the shape has it
    return ((None, chunk) for chunk in replies.chat_chunks(answer, name, usage=usage))


CHAT = Shape(
    whole=replies.completion,
    opening=lambda name: [(None, replies.chat_opening(name))],
    chunks=_chat_chunks,
    failed=lambda _, fault: (None, fault.body),
    numbered=False,
)
RESPONSES = Shape(
    whole=replies.response,
    opening=replies.response_opening,
    chunks=lambda answer, name, _: replies.response_chunks(answer, name),
    failed=lambda name, fault: replies.response_failed(name, fault.code or fault.kind, fault.message),
    numbered=True,
)


class Tally:
    """Adds up what a run pays, call by call: a run that is broken off has no answer that could tell. A sink."""

    def __init__(self) -> None:
        """Nothing is paid yet."""
        self.usage = Usage()

    def __call__(self, event: Event) -> None:
        """Take one event."""
        if (isinstance(event, ModelReplied) and not event.cached) or isinstance(event, Speculated):
            self.usage += event.usage


class Job:
    """A request that has been read."""

    def __init__(
        self, rlm: RLM, wanted: Wanted, account: Account, busy: Callable[[], AbstractContextManager[None]]
    ) -> None:
        """`rlm` is under the limits that the request asks for; `busy` counts it while it is under way."""
        self._rlm = rlm
        self._wanted = wanted
        self._account = account
        self._busy = busy
        self._open = ExitStack()
        self._hold: Hold | None = None

    def admit(self) -> None:
        """Let it in; raises Fault. Whoever admits a job must have it answered or told, which lets go of it."""
        self._hold = self._open.enter_context(self._account.admitted(self._rlm.limits))
        self._open.enter_context(self._busy())

    async def answered(self, receive: Receive) -> Answer | None:
        """The answer, or None where the client has hung up; raises Fault and what `ask` raises."""
        self.admit()
        answers: list[Answer] = []
        errors: list[RLMError] = []
        with self._open:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(gone, receive, tasks.cancel_scope)
                try:
                    answers.append(await self._run())
                except RLMError as error:
                    errors.append(error)
                tasks.cancel_scope.cancel()
        if errors:
            raise errors[0]
        return answers[0] if answers else None

    async def told(self, emit: Emit, shape: Shape, name: Naming) -> None:
        """Stream the answer, or what stood in its way."""
        number = 0

        async def send(chunk: Chunk) -> None:
            nonlocal number
            event, data = chunk
            if shape.numbered:
                data = {"type": event, "sequence_number": number, **data}
            number += 1
            await emit(event, data)

        with self._open:
            for chunk in shape.opening(name):
                await send(chunk)
            try:
                answer = await self._run()
            except RLMError as error:
                await send(shape.failed(name, faults.of(error)))
            else:
                for chunk in shape.chunks(answer, name, self._wanted.usage):
                    await send(chunk)
            if not shape.numbered:
                await emit(None, DONE)

    async def _run(self) -> Answer:
        hold, tally = self._hold, Tally()
        if hold is None:
            raise RuntimeError("a job runs only once it is let in")
        rlm = lowered(self._rlm, hold.limits, [lambda: tally])
        posed, said = self._wanted.posed, "broken off"
        try:
            answer = await rlm.ask(posed.question, posed.context, schema=self._wanted.schema)
            said = answer.status
        except RLMError as error:
            said = type(error).__name__
            raise
        else:
            return answer
        finally:
            hold.usage = tally.usage
            log.info(
                "%s asked %s about %d characters: %s, %d tokens",
                self._account.key.name,
                self._wanted.model,
                posed.context.characters,
                said,
                tally.usage.tokens,
            )
