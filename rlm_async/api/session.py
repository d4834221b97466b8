"""Many turns over one context: variables persist in one sandbox, questions and answers in the history."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from rlm_async.core.answer import Answer
from rlm_async.core.context import Context
from rlm_async.core.data import Data
from rlm_async.core.profile import PLAIN, Profile
from rlm_async.core.query import Reply, SubQuery
from rlm_async.ports import Foresight, Host, Sandbox, SandboxFactory

RESET = 'answer.update(content="", ready=False)'
"""Run before each question: the answer before must not be taken for this one's."""

Asking = Callable[[str, "Session"], Awaitable[Answer]]


class CurrentHost:
    """The Host of a session's sandbox: whichever frame is asking now."""

    def __init__(self, tools: Mapping[str, str]) -> None:
        """Nobody asks yet; the worker must know the tools from its start."""
        self.frame: Host | None = None
        self._tools = tools

    @property
    def tools(self) -> Mapping[str, str]:
        """The tools of the session."""
        return self._tools

    async def spawn(self, queries: Sequence[SubQuery]) -> list[Reply]:
        """Ask the current frame."""
        if self.frame is None:
            return [Reply(error="Refused", message="no question is being answered") for _ in queries]
        return await self.frame.spawn(queries)

    async def tool(self, name: str, arguments: Sequence[Data], named: Mapping[str, Data]) -> Reply:
        """Call a tool of the current frame."""
        if self.frame is None:
            return Reply(error="Refused", message="no question is being answered")
        return await self.frame.tool(name, arguments, named)

    @property
    def run_ahead(self) -> bool:
        """Hints are passed on to the current frame, which knows whether it wants them."""
        return True

    def foresee(self, query: SubQuery, tell: Callable[[Data], None], *, sure: bool) -> None:
        """Hint to the current frame."""
        frame: object = self.frame
        if isinstance(frame, Foresight) and frame.run_ahead:
            frame.foresee(query, tell, sure=sure)

    def forgo(self) -> None:
        """The cell of the current frame is over."""
        frame: object = self.frame
        if isinstance(frame, Foresight):
            frame.forgo()

    def budget(self) -> Mapping[str, float | None]:
        """What the current frame has left."""
        return {} if self.frame is None else self.frame.budget()


class SessionSandboxes:
    """Gives the root of each turn the session's own sandbox, and every other node one of its own."""

    def __init__(self, factory: SandboxFactory, context: Context, tools: Mapping[str, str]) -> None:
        """Wrap `factory` for a session over `context`."""
        self._factory = factory
        self._context = context
        self._host = CurrentHost(tools)
        self._own: Sandbox | None = None

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """Keep the session's sandbox open for the length of the block."""
        async with self._factory.open(self._context, self._host) as sandbox:
            self._own = sandbox
            yield

    def open(self, context: Context, host: Host) -> AbstractAsyncContextManager[Sandbox]:
        """The session's sandbox for the context of the session at the root; else a new one."""
        if self._own is not None and context is self._context and self._host.frame is None:
            return self._lent(self._own, host)
        return self._factory.open(context, host)

    @asynccontextmanager
    async def _lent(self, sandbox: Sandbox, host: Host) -> AsyncIterator[Sandbox]:
        self._host.frame = host
        try:
            await sandbox.run(RESET)
            yield sandbox
        finally:
            self._host.frame = None


class Session:
    """A conversation about one context; questions are asked one after the other."""

    def __init__(self, asking: Asking, context: Context, sandboxes: SessionSandboxes, profile: Profile = PLAIN) -> None:
        """Use `RLM.session` to make one."""
        self.context = context
        self.profile = profile
        self.sandboxes = sandboxes
        self.history: tuple[tuple[str, str], ...] = ()
        """Questions and answers so far."""
        self._asking = asking

    async def ask(self, question: str) -> Answer:
        """Answer one more question; what earlier code has stored in variables is still there."""
        answer = await self._asking(question, self)
        self.history = (*self.history, (question, answer.text))
        return answer
