"""A sandbox without walls, for code that is trusted: the same language, in a thread of this very process.

It says what it is: its only layer is `policy`. A cell that loops cannot be stopped, memory is not bounded,
and a hole in the policy is a hole in the host. For tests, notebooks and code of one's own.
"""

from __future__ import annotations

import contextlib
import queue
import time
from collections.abc import AsyncIterator, Mapping, Sequence

import anyio
import anyio.abc
import anyio.from_thread
import anyio.to_thread

from rlm_async.core.context import Context
from rlm_async.core.query import Reply
from rlm_async.core.transcript import Output
from rlm_async.errors import SandboxCrashed
from rlm_async.ports import Host
from rlm_async.ports import Sandbox as SandboxPort
from rlm_async.sandbox.draft import Runs
from rlm_async.sandbox.envelope import result_of
from rlm_async.sandbox.errands import Errands
from rlm_async.sandbox.intake import output_of
from rlm_async.sandbox.interpreter import Interpreter, Settings
from rlm_async.sandbox.limits import CellLimits
from rlm_async.sandbox.line import request
from rlm_async.sandbox.link import Link, Op
from rlm_async.sandbox.wire import Left, Query, Tool


class Inline:
    """A factory of unjailed sandboxes; implements `ports.SandboxFactory`."""

    def __init__(self, *, cell: CellLimits | None = None, lazy: bool = True) -> None:
        self._limits = cell or CellLimits()
        self._lazy = lazy

    @contextlib.asynccontextmanager
    async def open(self, context: Context, host: Host) -> AsyncIterator[SandboxPort]:
        """A session over `context`."""
        link = _ThreadLink(host, context)
        yield _Session(interpreter(context, host, link, self._limits, lazy=self._lazy), link)

    async def aclose(self) -> None:
        """Nothing to end: there is no process."""


def interpreter(context: Context, host: Host, link: Link, limits: CellLimits, *, lazy: bool) -> Interpreter:
    """What runs a session's cells in this process, over the texts themselves."""
    texts = {document.name: document.text for document in context.documents}
    shapes: dict[str, str | list[str] | dict[str, str]] = {
        "text": context.text if context.shape == "text" else "",
        "list": [document.text for document in context.documents],
    }
    settings = Settings(
        output_characters=limits.output_characters,
        source_characters=limits.source_characters,
        answer_bytes=limits.answer_bytes,
        window=limits.window,
        lazy=lazy,
        tools=dict(host.tools),
    )
    return Interpreter(shapes.get(context.shape, texts), link, settings)


class _Session:
    layers = ("policy",)

    def __init__(self, interpreter: Runs, link: _ThreadLink) -> None:
        self._interpreter = interpreter
        self._link = link
        self._busy = False

    async def run(self, code: str) -> Output:
        """One cell, in a thread. Cancelling leaves the thread to end by itself, and the session unusable till then."""
        if self._busy:
            raise SandboxCrashed("an inline cell that was cancelled, or runs beside this one, has not ended")
        began = time.monotonic()
        async with anyio.create_task_group() as tasks:
            self._link.tasks = tasks
            told = await anyio.to_thread.run_sync(self._work, code, abandon_on_cancel=True)
            tasks.cancel_scope.cancel()
        return output_of(result_of(told, 0), seconds=time.monotonic() - began)

    async def variables(self) -> Mapping[str, str]:
        """Names with their clipped reprs."""
        return self._interpreter.variables()

    def _work(self, code: str) -> Mapping[str, object]:
        self._busy = True
        try:
            return self._interpreter.run(code)
        finally:
            self._busy = False


class _ThreadLink:
    """Implements `link.Link` for code in a thread: requests become tasks of the loop that started it."""

    def __init__(self, host: Host, context: Context) -> None:
        self._host = host
        self._errands = Errands(host, context)
        self._ticket = 0
        self._arrived: queue.SimpleQueue[tuple[int, object]] = queue.SimpleQueue()
        self._replies: dict[int, object] = {}
        self._scopes: dict[int, anyio.CancelScope] = {}
        self.tasks: anyio.abc.TaskGroup

    def call(self, op: Op, payload: object) -> int:
        """Start a request on the loop."""
        if not isinstance(payload, Mapping):
            raise TypeError("a payload is a dict")
        self._ticket += 1
        message = request(op, self._ticket, payload)
        if isinstance(message, Left):
            self._arrived.put((self._ticket, dict(self._host.budget())))
        elif isinstance(message, Query | Tool):
            anyio.from_thread.run_sync(self._start, self._ticket, message)
        return self._ticket

    def ready(self, ticket: int) -> bool:
        """Whether the reply is there."""
        while not self._arrived.empty():
            self._store(*self._arrived.get())
        return ticket in self._replies

    def wait(self, tickets: Sequence[int]) -> None:
        """Block this thread until one of the replies is there."""
        while not any(ticket in self._replies for ticket in tickets):
            with contextlib.suppress(queue.Empty):
                self._store(*self._arrived.get(timeout=1))
            anyio.from_thread.check_cancelled()

    def take(self, ticket: int) -> object:
        """The reply, once."""
        return self._replies.pop(ticket)

    def cancel(self, ticket: int) -> None:
        """Nobody waits for it any more."""
        scope = self._scopes.get(ticket)
        if scope is not None:
            anyio.from_thread.run_sync(scope.cancel)

    def _store(self, ticket: int, reply: object) -> None:
        self._replies[ticket] = reply

    def _start(self, ticket: int, message: Query | Tool) -> None:
        self._scopes[ticket] = anyio.CancelScope()
        self.tasks.start_soon(self._answer, ticket, message)

    async def _answer(self, ticket: int, message: Query | Tool) -> None:
        reply = Reply(error="Cancelled", message="the call was cancelled", status="failed")
        try:
            with self._scopes[ticket]:
                reply = await self._errands.work(message)()
        finally:
            del self._scopes[ticket]
            fields = {"value": reply.value, "error": reply.error, "message": reply.message, "status": reply.status}
            self._arrived.put((ticket, fields))
