"""One Monty session as a sandbox: its state lives in a worker of Monty's, a copy of it here, for when that is lost."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import anyio
import anyio.abc
import anyio.to_thread
from pydantic_monty import (
    CollectString,
    ExternalFuture,
    ExternalSettledResult,
    FunctionSnapshot,
    FutureSnapshot,
    Monty,
    MontyComplete,
    MontyCrashedError,
    MontyError,
    MontySession,
    ResourceLimits,
    SyncSnapshot,
)

from rlm_async.core.context import Context
from rlm_async.core.data import plain
from rlm_async.core.transcript import Output, Submission
from rlm_async.errors import SandboxCrashed, SandboxUnavailable
from rlm_async.ports import Host
from rlm_async_monty.errands import Arguments, Errands
from rlm_async_monty.outcomes import Ended, clipped, ended
from rlm_async_monty.prelude import NAMES, PRELUDE
from rlm_async_monty.source import SHOWN, Cell, prepared

Given = TypeVar("Given")
_LONGEST_REPR = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Ceilings of one cell, and of the session's memory."""

    seconds: float = 10.0
    """Time in which code runs; waiting for the host does not count."""
    memory_bytes: int = 512 << 20
    output_characters: int = 100_000
    source_characters: int = 200_000


class Session:
    """Implements `ports.Sandbox`."""

    layers = ("process", "monty")

    def __init__(self, pool: Monty, limits: Limits, context: Context, host: Host) -> None:
        self._pool = pool
        self._limits = limits
        self._context = context
        self._host = host
        self._monty: MontySession | None = None
        self._worker = 0
        self._saved = b""
        self._names: set[str] = set()
        self._shadowed = True
        self._broken = False
        self._running = False

    async def open(self) -> None:
        """Take a worker. Raises SandboxUnavailable."""
        try:
            await self._check_out()
        except MontyError as error:
            raise SandboxUnavailable(f"Monty gave no session: {error}") from None

    async def close(self) -> None:
        """Give the worker back."""
        monty, self._monty = self._monty, None
        if monty is not None:
            with anyio.CancelScope(shield=True), contextlib.suppress(MontyError):
                await anyio.to_thread.run_sync(monty.__exit__, None, None, None)

    async def run(self, code: str) -> Output:
        """One cell. Safe to cancel: the next one goes on from before it."""
        if self._running:
            raise SandboxCrashed("one cell at a time: this sandbox is running one already")
        if len(code) > self._limits.source_characters:
            return Output(outcome="refused", error=ended("SourceTooLong", f"{len(code):,} characters of code").error)
        self._running = True
        began = time.monotonic()
        try:
            await self._ready()
            self._saved = await self._step(self._session.dump)
            self._broken = True
            return await self._run(prepared(code), began)
        finally:
            self._running = False

    async def variables(self) -> Mapping[str, str]:
        """Names that the code has bound, each with its clipped `repr`."""
        await self._ready()
        found = {}
        for name in sorted(self._names - NAMES - {SHOWN, "context", "answer"}):
            with contextlib.suppress(MontyError):
                found[name] = str(await self._fed(f"repr({name})"))[:_LONGEST_REPR]
        return found

    @property
    def _session(self) -> MontySession:
        if self._monty is None:
            raise SandboxCrashed("this sandbox has ended")
        return self._monty

    async def _step(self, function: Callable[..., Given], *arguments: object) -> Given:
        """One turn of Monty's, in a thread; where it is cancelled, its worker is killed."""
        try:
            return await anyio.to_thread.run_sync(function, *arguments, abandon_on_cancel=True)
        except anyio.get_cancelled_exc_class():
            self._kill()
            raise

    async def _fed(self, code: str, **inputs: object) -> object:
        return await self._step(lambda: self._session.feed_run(code, inputs=inputs or None))

    async def _check_out(self) -> None:
        limits = ResourceLimits(
            max_feed_duration_secs=self._limits.seconds,
            max_memory=self._limits.memory_bytes,
            max_suspensions=1_000_000,
        )
        self._monty = self._pool.checkout(script_name="cell.py", limits=limits)
        await self._step(self._session.__enter__)
        self._worker = self._session.worker_pid or 0
        if self._saved:
            await self._step(self._session.load_session, self._saved)
        self._shadowed = True

    async def _ready(self) -> None:
        """Go back to before a cell that was lost, and put our names back where code has rebound them."""
        if self._broken:
            await self.close()
            await self._check_out()
            self._broken = False
        if self._shadowed:
            await self._fed(PRELUDE, context=_given(self._context))
            self._shadowed = False

    def _kill(self) -> None:
        self._broken = True
        if self._worker:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._worker, signal.SIGKILL)

    async def _run(self, cell: Cell, began: float) -> Output:
        printed, errands = CollectString(), Errands(self._host)
        ending = Ended()
        answer: dict[str, object] | None = None
        try:
            await self._drive(cell, printed, errands)
            shown = await self._fed(f"None if {SHOWN} is None else repr({SHOWN})") if cell.shows else None
            answer = await self._answer(errands)
        except MontyError as error:
            ending, shown = ended(*_told(error)), None
        text = printed.output + (f"{shown}\n" if shown is not None else "")
        if ending.lost:
            await self._ready()
        else:
            self._broken = False
            self._names.update(cell.names)
            self._shadowed = bool({"context", *NAMES} & set(cell.names))
        output = Output(
            stdout=clipped(text, self._limits.output_characters),
            stdout_characters=len(text),
            error=ending.error,
            outcome=ending.outcome,
            lost=ending.lost,
            seconds=time.monotonic() - began,
        )
        return _with_answer(output, answer)

    async def _answer(self, errands: Errands) -> dict[str, object] | None:
        if errands.variable:
            return {"content": await self._fed(errands.variable), "ready": True}
        if errands.answered:
            return {"content": errands.final, "ready": True}
        found = await self._fed("answer")
        return found if isinstance(found, dict) else None

    async def _drive(self, cell: Cell, printed: CollectString, errands: Errands) -> None:
        """Run the cell to its end, doing its errands as it asks for them; raises MontyError."""
        session, answer = self._session, {"content": "", "ready": False}
        lookup = dict.fromkeys(errands.names, _stub)
        error: MontyError | None = None
        async with anyio.create_task_group() as tasks:
            later = _Later(errands, tasks)
            try:
                step = await self._step(
                    lambda: session.feed_start(
                        cell.text, inputs={"answer": answer}, external_lookup=lookup, print_callback=printed
                    )
                )
                while not isinstance(step, MontyComplete):
                    step = await self._resumed(step, later)
            except MontyError as raised:
                error = raised
            tasks.cancel_scope.cancel()
        if error is not None:
            raise error

    async def _resumed(self, step: SyncSnapshot, later: _Later) -> SyncSnapshot:
        if isinstance(step, FutureSnapshot):
            return await self._step(step.resume, await later.arrived(step.pending_call_ids))
        if isinstance(step, FunctionSnapshot) and not step.is_os_function:
            name = str(step.function_name)
            if later.errands.is_later(name):
                later.start(step)
                return await self._step(step.resume, ExternalFuture(future=...))
            result = await later.errands.settled(name, (step.args, step.kwargs))
            return await self._step(step.resume, result)
        if isinstance(step, MontyComplete):
            return step
        return await self._step(step.resume_auto)


class _Later:
    """Queries that code has started and awaits later."""

    def __init__(self, errands: Errands, tasks: anyio.abc.TaskGroup) -> None:
        self.errands = errands
        self._tasks = tasks
        self._settled: dict[int, ExternalSettledResult] = {}
        self._news = anyio.Event()

    def start(self, call: FunctionSnapshot) -> None:
        """Begin one."""
        self._tasks.start_soon(self._settle, call.call_id, str(call.function_name), (call.args, call.kwargs))

    async def arrived(self, tickets: Sequence[int]) -> dict[int, ExternalSettledResult]:
        """Results, once there is at least one of these."""
        while not (ready := [ticket for ticket in tickets if ticket in self._settled]):
            await self._news.wait()
            self._news = anyio.Event()
        return {ticket: self._settled.pop(ticket) for ticket in ready}

    async def _settle(self, ticket: int, name: str, given: Arguments) -> None:
        self._settled[ticket] = await self.errands.settled(name, given)
        self._news.set()


def _stub(*_arguments: object, **_named: object) -> None:
    """Stands for a function of the host's; never called here."""


def _given(context: Context) -> object:
    if context.shape == "text":
        return context.text
    texts = {document.name: document.text for document in context.documents}
    return list(texts.values()) if context.shape == "list" else texts


def _told(error: MontyError) -> tuple[str, str, int, str]:
    """Type, message, line and source; the line is the outermost of the cell's own."""
    if isinstance(error, MontyCrashedError):
        return "Crashed", "the worker died", 0, ""
    inner = error.exception()
    frames = error.traceback() if hasattr(error, "traceback") else []
    last = next(iter(frames), None)
    return type(inner).__name__, str(inner), last.line if last else 0, (last.source_line or "") if last else ""


def _with_answer(output: Output, answer: dict[str, object] | None) -> Output:
    if output.outcome != "ok" or answer is None or not (answer.get("ready") or answer.get("content")):
        return output
    try:
        value = Submission(plain(answer.get("content")))
    except TypeError as error:
        return replace(output, outcome="error", error=ended("TypeError", f"the answer is no plain data: {error}").error)
    return replace(output, answer=value) if answer.get("ready") else replace(output, draft=value)
