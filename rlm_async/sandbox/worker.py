"""The program of a jailed worker: take in a context, run cells, answer with results, until the host leaves.

It trusts the host and is not trusted by it. One thread; everything it needs is loaded before the jail
closes, because afterwards there are no files.
"""

from __future__ import annotations

import contextlib
import gc
import mmap
import os
import signal
import socket
import time
from collections.abc import Callable, Mapping
from types import FrameType
from typing import Protocol

from rlm_async.sandbox import jail, transfer, wire
from rlm_async.sandbox.checkpoint import Keeper
from rlm_async.sandbox.envelope import clean, result_of
from rlm_async.sandbox.faults import CellStopped
from rlm_async.sandbox.line import Line
from rlm_async.sandbox.link import Link
from rlm_async.sandbox.runahead import RunAhead
from rlm_async.sandbox.runahead_scout import Copies
from rlm_async.sandbox.wire import Batch, Fault, List, Open, Replay, Result, Run

STOP = signal.SIGUSR1
"""What the host sends to end a cell politely."""
_CHEAP_SECONDS = 0.005
"""Cells that ask nothing and take less are replayed after a crash rather than saved one by one."""
_MANY = 32
_PROBE = 4
_REHEARSAL = "text = context[:3].upper()\nprint(f'{text}', len(context), [n * 2 for n in range(3)])\ntext"


class Runs(Protocol):
    """What the worker needs of an interpreter."""

    def run(self, source: str) -> Mapping[str, object]:
        """One cell."""
        ...

    def variables(self) -> dict[str, str]:
        """Names with their clipped reprs."""
        ...


Maker = Callable[[object, Link, Open], Runs]
"""Makes the interpreter over a context."""


class Worker:
    """One session."""

    def __init__(self, line: Line, park: socket.socket, standing: jail.Standing, maker: Maker) -> None:
        self._line = line
        self._standing = standing
        self._maker = maker
        self._keeper = Keeper(park, possible=standing.fork)
        self._stoppable = False
        self._stopped = False
        self._ahead: RunAhead | None = None
        self._interpreter: Runs
        self._room = 0
        self._cells = 0
        self._kept = 0
        self._since = 0.0

    def serve(self) -> None:
        """Open the session and run cells until the host closes the wire."""
        signal.signal(STOP, self._on_stop)
        gc.disable()  # nothing to find in what is being set up, and the search costs milliseconds
        first = self._line.receive_exactly()
        if not isinstance(first, Open):
            raise TypeError("a session starts with 'open'")
        self._room = first.memory_bytes
        jail.lock(self._standing, first.memory_bytes + 2 * first.context_bytes)
        context = self._context(first)
        self._line.message_bytes = first.message_bytes
        self._line.send(wire.Ready())  # the rest happens while the host is still thinking of a first cell
        with contextlib.suppress(PermissionError):  # the host is nicer than that already (`nice`), and so is this
            os.setpriority(os.PRIO_PROCESS, 0, jail.NICE)
        self._ahead = self._sent_ahead(first)
        self._interpreter = self._maker(context, self._ahead or self._line, first)
        gc.freeze()
        gc.enable()
        self._save()
        while True:
            message = self._line.next()
            if isinstance(message, Run):
                self._run(message)
            elif isinstance(message, Replay):
                self._replay(message.cells)
            elif isinstance(message, List):
                self._line.send(wire.Names(names=clean(self._interpreter.variables())))

    def _sent_ahead(self, first: Open) -> RunAhead | None:
        """The line with copies that run ahead, where they are wanted and the kernel bounds how many there are."""
        if not first.run_ahead or not self._standing.fork:
            return None
        room = first.memory_bytes + 2 * first.context_bytes
        return RunAhead(self._line, Copies(self._let_go, first.message_bytes, room), first.window)

    def _let_go(self) -> None:
        """In a copy: close all that only the worker may speak or listen on."""
        self._line.let_go()
        self._keeper.let_go()

    def _context(self, first: Open) -> object:
        texts: dict[str, str] = {}
        unnamed: list[str] = []
        while len(unnamed) < first.documents:
            batch = self._line.receive_exactly()
            if not isinstance(batch, Batch):
                raise TypeError("documents come in batches")
            for name, characters, code in batch.documents:
                text = transfer.receive(self._line.fd, characters, code)
                unnamed.append(text)
                texts[name] = text
        if first.shape == "text":
            return unnamed[0] if unnamed else ""
        return unnamed if first.shape == "list" else texts

    def _run(self, order: Run) -> None:
        began = time.process_time()
        calls = self._line.calls
        self._stopped = False
        self._stoppable = True
        try:
            outcome = self._interpreter.run(order.code)
        except CellStopped:
            outcome = {"outcome": "contained"}
        finally:
            self._stoppable = False
        self._line.forget()
        self._cells += 1
        spent = time.process_time() - began
        stays = self._answer(order.cell, outcome, spent)
        if self._ahead is not None:
            self._ahead.end()
        if not stays:
            return  # the host is about to go back to the check-point that stands
        self._since += spent
        if self._line.calls > calls or self._since > _CHEAP_SECONDS or self._cells - self._kept >= _MANY:
            self._save()

    def _answer(self, cell: int, outcome: Mapping[str, object], spent: float) -> bool:
        """Send the result; whether what the cell left behind is to stay."""
        try:
            result = result_of(outcome, cell)
            result.cpu_seconds = spent
            result.kept = self._kept
            result.stopped = self._stopped
            result.exhausted = self._exhausted(result)
            self._line.send(result)
        except (ValueError, MemoryError) as error:
            told = Fault(type=type(error).__name__, message=f"the cell's result cannot be sent: {error}")
            result = Result(
                cell=cell, outcome="contained", error=told, cpu_seconds=spent, kept=self._kept, stopped=self._stopped
            )
            self._line.send(result)
        return not result.stopped and not result.exhausted

    def _exhausted(self, result: Result) -> bool:
        """Whether what the cell left behind fills the memory, so that nothing more could run."""
        if result.error is None or result.error.type != "MemoryError":
            return False
        try:
            mmap.mmap(-1, self._room // _PROBE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS).close()
        except OSError:
            return True
        return False

    def _save(self) -> None:
        """Make a check-point. A copy that is woken comes out of the same call, as the worker.

        It makes no check-point of its own before the host has cleared away what the dead worker left behind,
        and has sent a `Replay`: a process that is forked while its group is being halted may stay halted.
        """
        before = self._kept, self._since
        self._kept, self._since = self._cells, 0.0
        descriptor = self._keeper.save(self._line.fd)
        if descriptor is not None:
            self._line.attach(descriptor)
            self._line.send(wire.Awake(cells=self._cells))
        elif not self._keeper.fresh:
            self._kept, self._since = before

    def _replay(self, cells: list[str]) -> None:
        self._line.offline = True
        for source in cells:
            self._interpreter.run(source)
            self._cells += 1
        self._line.offline = False
        self._line.send(wire.Ready())
        self._save()

    def _on_stop(self, _number: int, _frame: FrameType | None) -> None:
        if self._stoppable and not self._line.busy:
            self._stoppable = False
            self._stopped = True
            raise CellStopped


def rehearse(maker: Maker) -> None:
    """Run a cell for nobody in the zygote, so that what happens at the first time has happened in every worker."""
    reader, writer = os.pipe()
    limits = {"memory_bytes": 0, "context_bytes": 0, "answer_bytes": 1 << 20, "message_bytes": 1 << 20}
    sizes = {"output_characters": 1000, "source_characters": 1000, "window": 1, "documents": 1}
    first = Open(**limits, **sizes, lazy=True, run_ahead=False, tools={}, shape="text")
    interpreter = maker("a context", Line(writer), first)
    _encode(interpreter.run(_REHEARSAL))
    interpreter.variables()
    os.close(reader)
    os.close(writer)


def _encode(outcome: Mapping[str, object]) -> None:
    wire.decode_downward(wire.frame(Run(code="", cell=0))[4:])
    wire.frame(result_of(outcome, 0))


def work(wire_fd: int, park: socket.socket, standing: jail.Standing, maker: Maker) -> None:
    """Serve one session and leave the process; never returns."""
    status = 0
    try:
        Worker(Line(wire_fd), park, standing, maker).serve()
    except (EOFError, OSError):
        status = 0  # the host has left
    except BaseException:  # noqa: BLE001 - nobody is left to tell; the status says it
        status = 70
    finally:
        os._exit(status)
