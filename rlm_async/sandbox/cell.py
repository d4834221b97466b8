"""One cell on its way: listens to the worker, answers what it may ask, and stops it at its limits."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Awaitable, Callable

import anyio
import anyio.abc
import msgspec

from rlm_async.core.context import Context
from rlm_async.core.data import Data
from rlm_async.core.query import Reply
from rlm_async.ports import Begun, Dispatch, Foresight, Host
from rlm_async.sandbox import wire
from rlm_async.sandbox.connection import Connection
from rlm_async.sandbox.errands import Errands
from rlm_async.sandbox.limits import CellLimits
from rlm_async.sandbox.process import Process
from rlm_async.sandbox.wire import Cancel, Hint, Left, Query, Result, Tool, Violation

_AGAIN_SECONDS = 0.05
_LEAST_SECONDS = 0.005
_HOG_SECONDS = 0.03
"""Processor time after which a cell gives way to whatever else wants to run."""
_SELDOM_SECONDS = 1.0
_STARVED = 20
"""A stopped worker that gets no processor is waited for this many times its grace."""


class Cell:
    """The host's half of one run of code."""

    def __init__(
        self, process: Process, connection: Connection, limits: CellLimits, host: Host, context: Context
    ) -> None:
        self._process = process
        self._connection = connection
        self._limits = limits
        self._host = host
        # the quick question first: the other one costs as much as a small cell
        self._foresight = host if getattr(host, "run_ahead", False) and isinstance(host, Foresight) else None
        self._dispatch = host if isinstance(host, Dispatch) else None
        self._errands = Errands(host, context)
        self._open: dict[int, Begun] = {}
        self.last_ticket = 0
        """The highest ticket seen."""
        self._received = self._received_bytes()
        self._hints = connection.hinted
        self._hinted = 0
        self._began = time.monotonic()
        self._cpu = process.cpu_seconds()
        self._used = 0.0
        self._busy = 0.0
        self._since = self._began
        self.calls = 0
        self.stopped = ""
        """Why the host has stopped it; empty if it has not."""

    @property
    def cpu_seconds(self) -> float:
        """Processor time so far; what was seen last where the worker has gone."""
        self._used = max(self._used, self._process.cpu_seconds() - self._cpu)
        return self._used

    @property
    def seconds(self) -> float:
        """Time on the clock so far, waiting included."""
        return time.monotonic() - self._began

    async def converse(self, tasks: anyio.abc.TaskGroup, first: int, heard: list[wire.Upward]) -> Result:
        """Read until the result; `first` is the last ticket of the cell before, `heard` what it has said already.

        Raises Violation, SandboxCrashed.
        """
        self.last_ticket = first
        while True:
            for message in heard or await self._connection.receive():
                if isinstance(message, Result):
                    return message
                self._heed(message, tasks)
            heard = []
            if self._received_bytes() - self._received > self._limits.total_bytes:
                self._halt(f"it sent more than {self._limits.total_bytes:,} bytes to the host")

    def end(self) -> None:
        """However the cell ended: what it has asked and what was foreseen for it is given up."""
        while self._open:
            self._open.popitem()[1].cancel()
        if self._foresight is not None:
            self._foresight.forgo()

    def _received_bytes(self) -> int:
        """Bytes of the worker that count against the cell: hints have an allowance of their own."""
        return self._connection.received - self._connection.hinted

    async def watch(self) -> None:
        """Have the worker give way once it computes for long; stop it at its limits: politely, then for good."""
        look = _HOG_SECONDS
        while not self.stopped:
            if look and self.cpu_seconds >= _HOG_SECONDS:
                self._process.give_way()
                look = 0.0
            left = min(self._limits.cpu_seconds - self.cpu_seconds, self._limits.wall_seconds - self._running())
            if left <= 0:
                over = self.cpu_seconds >= self._limits.cpu_seconds
                self.stopped = (
                    f"it used more than {self._limits.cpu_seconds:g} s of processor time"
                    if over
                    else f"it took more than {self._limits.wall_seconds:g} s"
                )
            else:
                await anyio.sleep(max(min(left, look or left), _LEAST_SECONDS))
                look = min(2 * look, _SELDOM_SECONDS)
        until = self.cpu_seconds + self._limits.grace_seconds
        with anyio.move_on_after(_STARVED * self._limits.grace_seconds):
            while self.cpu_seconds < until:
                self._process.stop()
                await anyio.sleep(_AGAIN_SECONDS)
        self._process.kill()

    def _halt(self, reason: str) -> None:
        if not self.stopped:
            self.stopped = reason
            self._process.kill()

    def _running(self) -> float:
        """Seconds in which no call was open."""
        if self._open:
            return self._busy
        return self._busy + time.monotonic() - self._since

    def _heed(self, message: wire.Upward, tasks: anyio.abc.TaskGroup) -> None:
        if isinstance(message, Cancel):
            begun = self._open.pop(message.id, None)
            if begun is not None:
                begun.cancel()
                self._closed()
            return
        if isinstance(message, Hint):
            self._foresee(message)
            return
        if not isinstance(message, Query | Tool | Left):
            raise Violation(f"{type(message).__name__.lower()!r} in the middle of a cell")
        if message.id <= self.last_ticket:
            raise Violation("a ticket that was used before")
        self.last_ticket = message.id
        self.calls += 1
        if self.calls > self._limits.calls:
            self._too_many(message.id)
        elif isinstance(message, Left):
            self._connection.queue(wire.Amounts(id=message.id, amounts=dict(self._host.budget())))
        else:
            self._start(message, tasks)

    def _foresee(self, hint: Hint) -> None:
        """Hints ask for nothing, so those beyond their allowance are let fall; they are as many as calls may be."""
        self._hinted += 1
        if self._hinted > 2 * self._limits.calls:
            self._halt(f"it gave more than {2 * self._limits.calls:,} hints to the host")
        within = self._connection.hinted - self._hints <= self._limits.total_bytes
        if self._foresight is None or self._hinted > self._limits.calls or not within:
            return
        query = self._errands.query(hint)

        def tell(value: Data) -> None:
            with contextlib.suppress(TypeError, ValueError, OverflowError, msgspec.MsgspecError):
                self._connection.queue(wire.Foreseen(id=hint.id, value=value))

        self._foresight.foresee(query, tell, sure=hint.sure)

    def _too_many(self, ticket: int) -> None:
        text = f"this cell has made {self._limits.calls:,} calls to the host: finish it and go on in another"
        self._reply(ticket, Reply(error="BudgetExceeded", message=text, status="failed"))
        if self.calls > 2 * self._limits.calls:
            self._halt(f"it made more than {2 * self._limits.calls:,} calls to the host")

    def _start(self, message: Query | Tool, tasks: anyio.abc.TaskGroup) -> None:
        if not self._open:
            self._busy = self._running()
        scope = self._open[message.id] = anyio.CancelScope()
        if isinstance(message, Query) and self._dispatch is not None:
            begun = self._dispatch.submit(self._errands.query(message), lambda reply: self._told(message.id, reply))
            if message.id in self._open:
                self._open[message.id] = begun
        else:
            tasks.start_soon(self._answer, message.id, scope, self._errands.work(message))

    async def _answer(self, ticket: int, scope: anyio.CancelScope, work: Callable[[], Awaitable[Reply]]) -> None:
        with scope:
            self._told(ticket, await work())

    def _told(self, ticket: int, reply: Reply) -> None:
        if self._open.pop(ticket, None) is not None:
            self._reply(ticket, reply)
            self._closed()

    def _closed(self) -> None:
        if not self._open:
            self._since = time.monotonic()

    def _reply(self, ticket: int, reply: Reply) -> None:
        told = wire.Reply(id=ticket, value=reply.value, error=reply.error, message=reply.message, status=reply.status)
        try:
            self._connection.queue(told)
        except (TypeError, ValueError, OverflowError, msgspec.MsgspecError):
            text = "the reply is no plain data that can be sent into the sandbox"
            self._connection.queue(wire.Reply(id=ticket, error="ToolError", message=text, status="failed"))
