"""A sandbox without walls for virtual time: code and event loop take turns, so that only waiting takes time.

While a cell computes, the loop stands still, and so does its clock; while the cell waits for sub-queries,
the loop runs. So a sweep on `rlm_async.testing.VirtualLoop` is exact and always the same: model latency is
counted, computing is not. For programs of our own only: nothing bounds what they use.
"""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager

import anyio
import anyio.abc

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
from rlm_async.sandbox.limits import CellLimits
from rlm_async.sandbox.line import request
from rlm_async.sandbox.link import Op
from rlm_async.sandbox.unjailed import interpreter
from rlm_async.sandbox.wire import Left, Query, Tool

_STACK = "rlm-async stepped cell"


class Stepped:
    """A factory of such sandboxes; implements `ports.SandboxFactory`."""

    def __init__(self, *, window: int = 1_024, lazy: bool = True) -> None:
        """Let a cell have `window` sub-queries in flight at once."""
        self._limits = CellLimits(window=window)
        self._lazy = lazy

    @asynccontextmanager
    async def open(self, context: Context, host: Host) -> AsyncIterator[SandboxPort]:
        """A session over `context`."""
        link = _Turns(host, context)
        yield _Session(interpreter(context, host, link, self._limits, lazy=self._lazy), link)


class _Ended(BaseException):
    """Nobody wants the cell's result any more; no code in it can catch this."""


class _Session:
    layers = ("policy",)

    def __init__(self, interpreter: Runs, link: _Turns) -> None:
        self._interpreter = interpreter
        self._link = link

    async def run(self, code: str) -> Output:
        """One cell."""
        began = anyio.current_time()
        async with anyio.create_task_group() as tasks:
            told = await self._link.stepped(lambda: self._interpreter.run(code), tasks)
            tasks.cancel_scope.cancel()
        return output_of(result_of(told, 0), seconds=anyio.current_time() - began)

    async def variables(self) -> Mapping[str, str]:
        """Names with their clipped reprs."""
        return self._interpreter.variables()


class _Turns:
    """Implements `link.Link` for a cell in a thread that runs only while the loop stands still for it."""

    def __init__(self, host: Host, context: Context) -> None:
        self._host = host
        self._errands = Errands(host, context)
        self._to_loop = threading.Semaphore(0)
        self._to_cell = threading.Semaphore(0)
        self._ticket = 0
        self._asked: list[tuple[int, Query | Tool]] = []
        self._dropped: list[int] = []
        self._wanted: Sequence[int] = ()
        self._replies: dict[int, object] = {}
        self._scopes: dict[int, anyio.CancelScope] = {}
        self._arrival = anyio.Event()
        self._over = False
        self._told: list[Mapping[str, object]] = []

    async def stepped(
        self, work: Callable[[], Mapping[str, object]], tasks: anyio.abc.TaskGroup
    ) -> Mapping[str, object]:
        """Run `work` in turns with the loop; its requests become tasks."""
        self._told.clear()
        self._over = False
        thread = threading.Thread(target=self._work, args=(work,), name=_STACK, daemon=True)
        thread.start()
        try:
            while not self._ended(tasks):
                await self._any()
                self._to_cell.release()
        finally:
            if thread.is_alive():  # cancelled: the thread waits for its turn, and gets it to end
                self._over = True
                self._to_cell.release()
            thread.join()
        if not self._told:
            raise SandboxCrashed("a cell ended without a result")
        return self._told[0]

    def _work(self, work: Callable[[], Mapping[str, object]]) -> None:
        try:
            self._told.append(work())
        except _Ended:
            return
        finally:
            self._wanted = ()
            self._to_loop.release()

    def _ended(self, tasks: anyio.abc.TaskGroup) -> bool:
        """Stand still until the cell waits or ends; then start what it has asked for."""
        self._to_loop.acquire()
        for ticket, message in self._asked:
            self._scopes[ticket] = anyio.CancelScope()
            tasks.start_soon(self._answer, ticket, message)
        self._asked.clear()
        for ticket in self._dropped:
            if ticket in self._scopes:
                self._scopes[ticket].cancel()
        self._dropped.clear()
        return not self._wanted

    async def _any(self) -> None:
        while not any(ticket in self._replies for ticket in self._wanted):
            await self._arrival.wait()
            self._arrival = anyio.Event()

    def call(self, op: Op, payload: object) -> int:
        """Note a request; it starts when the cell waits."""
        if not isinstance(payload, Mapping):
            raise TypeError("a payload is a dict")
        self._ticket += 1
        message = request(op, self._ticket, payload)
        if isinstance(message, Left):
            self._replies[self._ticket] = dict(self._host.budget())
        elif isinstance(message, Query | Tool):
            self._asked.append((self._ticket, message))
        return self._ticket

    def ready(self, ticket: int) -> bool:
        """Whether the reply is there."""
        return ticket in self._replies

    def wait(self, tickets: Sequence[int]) -> None:
        """Hand the turn to the loop until one of the replies is there."""
        if any(ticket in self._replies for ticket in tickets):
            return
        self._wanted = tuple(tickets)
        self._to_loop.release()
        self._to_cell.acquire()
        if self._over:
            raise _Ended

    def take(self, ticket: int) -> object:
        """The reply, once."""
        return self._replies.pop(ticket)

    def cancel(self, ticket: int) -> None:
        """Nobody waits for it any more."""
        self._dropped.append(ticket)

    async def _answer(self, ticket: int, message: Query | Tool) -> None:
        reply = Reply(error="Cancelled", message="the call was cancelled", status="failed")
        try:
            with self._scopes[ticket]:
                reply = await self._errands.work(message)()
        finally:
            del self._scopes[ticket]
            fields = {"value": reply.value, "error": reply.error, "message": reply.message, "status": reply.status}
            self._replies[ticket] = fields
            self._arrival.set()
