"""A sandbox as the rest of the package sees it: run code, list variables; implements `ports.Sandbox`."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace

import anyio

from rlm_async.core.context import Context
from rlm_async.core.transcript import CodeError, OutcomeKind, Output
from rlm_async.errors import SandboxCrashed, SandboxTimeout, SandboxUnavailable
from rlm_async.ports import Foresight, Host
from rlm_async.sandbox import transfer, wire
from rlm_async.sandbox.cell import Cell
from rlm_async.sandbox.intake import output_of
from rlm_async.sandbox.limits import CellLimits
from rlm_async.sandbox.process import Process
from rlm_async.sandbox.wire import Awake, Batch, Hello, Names, Ready, Result, Violation

_OPEN_SECONDS = 60.0
_THREADED = 1 << 22
"""Characters from which measuring a text is left to a thread."""
_SLACK = 1 << 20
_NAMES_SECONDS = 10.0
_AT_ONCE_SECONDS = 0.02
"""Cells that take less are not worth three tasks."""


@dataclass(frozen=True, slots=True)
class Ways:
    """How code's sub-queries may overlap: waited for only where their values are needed; run ahead of."""

    lazy: bool = True
    run_ahead: bool = True


class Session:
    """One worker and its namespace."""

    def __init__(self, process: Process, limits: CellLimits, context: Context, host: Host, ways: Ways) -> None:
        self._process = process
        self._limits = limits
        self._context = context
        self._host = host
        self._ways = ways
        self._connection = process.connect(self._most)
        self._layers: tuple[str, ...] = ()
        self._log: list[tuple[str, bool]] = []
        """Cells since the check-point, each with whether it can be run again for the same effect."""
        self._first = 0
        """How many cells came before the log."""
        self._parked = False
        """Whether there is a check-point. Before the first one the log holds all cells, each to be run again."""
        self._seed = secrets.randbits(63)
        self._ticket = 0
        self._cells = 0
        self._broken = False
        self._closed = False
        self._running = False

    @property
    def _most(self) -> int:
        return max(self._limits.message_bytes, self._limits.answer_bytes) + _SLACK

    @property
    def layers(self) -> tuple[str, ...]:
        """The walls around it."""
        return self._layers

    @property
    def pid(self) -> int:
        """The worker."""
        return self._process.pid

    async def begin(self, anew: Callable[[], Awaitable[Process]]) -> None:
        """Give the worker the context; raises SandboxUnavailable, SandboxTimeout, SandboxCrashed.

        `anew` gives another worker in place of one that was killed, bounded as that one was.
        """
        self._anew = anew
        await self._greet()
        await self._load()

    async def _greet(self) -> None:
        """Hear from the worker that it is jailed; raises SandboxUnavailable if a required layer is missing."""
        hello = await self._next()
        if not isinstance(hello, Hello):
            raise SandboxCrashed("the worker broke the protocol: it did not say hello")
        if hello.problem:
            raise SandboxUnavailable(hello.problem)
        self._layers = tuple(hello.layers)

    async def _load(self) -> None:
        """Send the context; raises SandboxTimeout, SandboxCrashed."""
        with anyio.move_on_after(_OPEN_SECONDS):
            await self._send_context()
            if isinstance(await self._next(), Ready):
                return
            raise SandboxCrashed("the worker broke the protocol while it took in the context")
        raise SandboxTimeout(f"the worker did not take in its context within {_OPEN_SECONDS:g} s")

    async def run(self, code: str) -> Output:
        """Run one cell. Safe to cancel: the worker is killed, and the next cell goes on from before this one."""
        if self._running:
            raise SandboxCrashed("one cell at a time: this sandbox is running one already")
        if len(code) > self._limits.source_characters:
            return _too_long(len(code), self._limits.source_characters)
        self._running = True
        try:
            if self._broken:
                await self._restore()
            return await self._run(code)
        finally:
            self._running = False

    async def variables(self) -> Mapping[str, str]:
        """Names that the code has bound, each with its clipped `repr`."""
        if self._broken:
            await self._restore()
        self._broken = True
        with anyio.move_on_after(_NAMES_SECONDS):
            self._connection.queue(wire.List())
            await self._connection.flush()
            message = await self._next()
            if isinstance(message, Names):
                self._broken = False
                return message.names
            raise SandboxCrashed("the worker broke the protocol: it was asked for its variables")
        raise SandboxTimeout("the worker did not list its variables")

    async def close(self) -> None:
        """End every process of the session; shielded and bounded."""
        self._closed = True
        await self._process.close()

    async def _next(self) -> wire.Upward:
        try:
            messages = await self._connection.receive()
        except Violation as violation:
            raise SandboxCrashed(f"the worker broke the protocol: {violation}") from None
        if len(messages) > 1:
            raise SandboxCrashed("the worker broke the protocol: it spoke out of turn")
        return messages[0]

    async def _send_context(self) -> None:
        limits, connection = self._limits, self._connection
        shape = self._context.shape
        texts = [(document.name, document.text) for document in self._context.documents]
        batches = transfer.batches(texts)
        heavy = any(len(text) > _THREADED and not text.isascii() for _, text in texts)
        connection.queue(
            wire.Open(
                memory_bytes=limits.memory_bytes,
                context_bytes=sum(text.__sizeof__() for _, text in texts),
                output_characters=limits.output_characters,
                source_characters=limits.source_characters,
                answer_bytes=limits.answer_bytes,
                message_bytes=limits.message_bytes,
                window=limits.window,
                lazy=self._ways.lazy,
                run_ahead=self._ways.run_ahead and isinstance(self._host, Foresight) and self._host.run_ahead,
                tools=dict(self._host.tools),
                shape="dict" if shape == "corpus" else shape,
                documents=len(texts),
                seed=self._seed,
            )
        )
        while True:
            batch = await anyio.to_thread.run_sync(next, batches, None) if heavy else next(batches, None)
            if batch is None:
                break
            connection.queue(Batch(documents=[(name, len(text), code) for name, text, code in batch]))
            await connection.flush()
            for piece in transfer.pieces(batch):
                await connection.send_raw(piece)
        await connection.flush()

    async def _run(self, code: str) -> Output:
        cell = Cell(self._process, self._connection, self._limits, self._host, self._context)
        self._broken = True
        result: Result | None = None
        reason = ""
        try:
            result = await self._converse(cell, code)
        except Violation as violation:
            await self.close()
            raise SandboxCrashed(f"the worker broke the protocol: {violation}") from None
        except SandboxCrashed as crash:
            reason = cell.stopped or str(crash)
        finally:
            cell.end()
            if result is None:
                self._process.kill()
        self._ticket = cell.last_ticket
        if result is not None and not result.stopped and not result.exhausted:
            self._broken = False
            self._note(code, result, replayable=cell.calls == 0)
            return _output(result, cell)
        return await self._stopped(cell, result, reason)

    async def _converse(self, cell: Cell, code: str) -> Result:
        self._process.come_back()
        self._cells += 1
        self._connection.queue(wire.Run(code=code, cell=self._cells))
        heard = await self._heard_at_once()
        result: Result | None = None
        if len(heard) == 1 and isinstance(heard[0], Result):
            result, cell.last_ticket = heard[0], self._ticket
        else:
            result = await self._talked(cell, heard)
        if result is None:
            raise SandboxCrashed("the worker died")
        if result.cell != self._cells:
            raise Violation("the result of another cell")
        return result

    async def _heard_at_once(self) -> list[wire.Upward]:
        """Send the cell, and wait a moment for what it says: most cells need nobody to watch over them."""
        with anyio.move_on_after(_AT_ONCE_SECONDS):
            await self._connection.flush()
            return await self._connection.receive()
        return []

    async def _talked(self, cell: Cell, heard: list[wire.Upward]) -> Result | None:
        """Listen, answer, and watch the cell's limits until there is a result."""
        result: Result | None = None
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._connection.pump)
                tasks.start_soon(cell.watch)
                tasks.start_soon(self._process.mourn)
                result = await cell.converse(tasks, self._ticket, heard)
                tasks.cancel_scope.cancel()
        except BaseExceptionGroup as group:
            raise _single(group) from None
        return result

    async def _stopped(self, cell: Cell, result: Result | None, reason: str) -> Output:
        """Go back to the check-point, and say what that cost."""
        if result is not None and "checkpoints" not in self._layers:
            self._broken = False
            told = f"The cell was stopped: {cell.stopped or 'the memory is full'}. Variables are as it left them."
            return _output(result, cell, outcome="contained", lost=told)
        cpu, seconds = cell.cpu_seconds, cell.seconds
        why = cell.stopped or reason
        lost = await self._restore()
        if result is not None and not result.stopped:
            told = "The memory was full; variables are as they were before the cell."
            return _output(result, cell, outcome="contained", lost=lost or told)
        told = lost or "What it assigned is lost; variables are as they were before the cell."
        error = CodeError("Stopped", f"the cell was stopped: {why}")
        if result is None:
            return Output(outcome="killed", error=error, lost=told, seconds=seconds, cpu_seconds=cpu)
        return _output(result, cell, outcome="killed", lost=told, error=error)

    async def _restore(self) -> str:
        """Go back to before the cell; returns what else is lost, for the model."""
        self._broken = True
        if self._closed:
            raise SandboxCrashed("this sandbox has ended")
        try:
            lost = await self._catch_up(await self._woken() if self._parked else await self._begun_anew())
        except SandboxCrashed:
            await self.close()
            raise
        self._ticket = 0
        self._broken = False
        return lost

    async def _woken(self) -> int:
        """Go on in the check-point; how many cells of the log it has seen."""
        self._connection = await self._process.wake(self._most)
        return self._behind(await self._next())

    async def _begun_anew(self) -> int:
        """Go on in another worker, which has seen no cell: there is no check-point, and all can be run again."""
        await self._process.close()
        self._process = await self._anew()
        self._connection = self._process.connect(self._most)
        await self.begin(self._anew)
        return 0

    def _behind(self, awake: wire.Upward) -> int:
        done = awake.cells - self._first if isinstance(awake, Awake) else -1
        if not 0 <= done <= len(self._log):
            raise SandboxCrashed("the worker broke the protocol: a check-point of no known state")
        return done

    async def _catch_up(self, done: int) -> str:
        behind = self._log[done:]
        lost = ""
        if not all(replayable for _, replayable in behind):
            lost = f"Variables are as they were before the last {len(behind) + 1} cells."
            del self._log[done:]
            behind = []
        if not behind and not self._parked:
            return lost
        with anyio.move_on_after(_OPEN_SECONDS):
            self._connection.queue(wire.Replay(cells=[code for code, _ in behind]))
            await self._connection.flush()
            if isinstance(await self._next(), Ready):
                return lost
        raise SandboxCrashed("the check-point could not be brought up to date")

    def _note(self, code: str, result: Result, *, replayable: bool) -> None:
        self._parked = self._parked or result.parked
        self._log.append((code, replayable))
        gone = min(max(0, result.kept - self._first), len(self._log))
        del self._log[:gone]
        self._first += gone


def _single(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The one error that matters: the first that is no group."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _output(
    result: Result, cell: Cell, *, outcome: OutcomeKind | None = None, lost: str = "", error: CodeError | None = None
) -> Output:
    whole = output_of(result, seconds=cell.seconds, cpu_seconds=cell.cpu_seconds)
    if not lost:
        return whole
    return replace(
        whole, outcome=outcome or whole.outcome, error=error or whole.error, lost=lost, answer=None, draft=None
    )


def _too_long(size: int, most: int) -> Output:
    text = f"{size:,} characters of code; {most:,} is the most: put long texts into files or the context"
    return Output(outcome="refused", error=CodeError("SourceTooLong", text))
