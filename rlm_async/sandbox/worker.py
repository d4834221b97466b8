"""The program of a jailed worker: take in a context, run cells, answer with results, until the host leaves.

It trusts the host and is not trusted by it. One thread; everything it needs is loaded before the jail
closes, because afterwards there are no files.
"""

from __future__ import annotations

import contextlib
import gc
import mmap
import os
import random
import signal
import socket
import time
from collections.abc import Mapping
from types import FrameType

from rlm_async.sandbox import jail, transfer, wire
from rlm_async.sandbox.checkpoint import Keeper
from rlm_async.sandbox.draft import Draft, Runs
from rlm_async.sandbox.envelope import clean, result_of
from rlm_async.sandbox.faults import CellStopped
from rlm_async.sandbox.wire import Batch, Fault, List, Open, Replay, Result, Run

STOP = signal.SIGUSR1
"""What the host sends to end a cell politely."""
_CHEAP_SECONDS = 0.05
"""Cells that ask nothing and together take less are replayed after a crash rather than saved.

By Young's rule (1974), the square root of twice a check-point's cost (some 4 ms, with the pages that both
sides copy afterwards) times the time between crashes (hundreds of ms of processor time, if one cell in fifty is).
"""
_MANY = 32
_IDLE_SECONDS = 0.005
"""A check-point waits until the host has had nothing to say for so long, or says that the next cell runs."""
_PROBE = 4


class Worker:
    """One session."""

    def __init__(self, draft: Draft, park: socket.socket, standing: jail.Standing) -> None:
        self._line = draft.line
        self._draft = draft
        self._standing = standing
        self._keeper = Keeper(park, possible=standing.fork)
        self._stoppable = False
        self._stopped = False
        self._interpreter: Runs
        self._room = 0
        self._cells = 0
        self._kept = 0
        self._since = 0.0
        self._due = False
        """Whether a check-point is to be made before the next cell."""
        self._parked = False
        """Whether one stands. Before the first one a session can be begun anew, in another worker."""
        self._answered = False
        """Whether the last cell has given the answer: most sessions end then, and what is due is not needed."""

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
        random.seed(first.seed)
        with contextlib.suppress(PermissionError):  # the host is nicer than that already (`nice`), and so is this
            os.setpriority(os.PRIO_PROCESS, 0, jail.NICE)
        # Where the kernel does not bound how many processes there are, no copies run ahead.
        self._interpreter = self._draft.interpreter(context, first, self._let_go if self._standing.fork else None)
        gc.freeze()
        gc.enable()
        while True:
            message = self._next()
            if isinstance(message, Run):
                if self._due and self._save():
                    continue  # woken in the place of the worker that ran it
                self._run(message)
            elif isinstance(message, Replay):
                self._replay(message.cells)
            elif isinstance(message, List):
                self._line.send(wire.Names(names=clean(self._interpreter.variables())))

    def _next(self) -> wire.Downward:
        """The host's next order; what is due is made while it has none."""
        if self._due and not self._answered and self._line.idle(_IDLE_SECONDS):
            self._save()
        return self._line.next()

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
        self._since += spent
        dear = self._line.calls > calls or self._since > _CHEAP_SECONDS or self._cells - self._kept >= _MANY
        self._due = self._standing.fork and dear
        self._answered = outcome.get("answer") is not None
        if not self._answer(order.cell, outcome, spent):
            self._due = False  # the host is about to go back to before this cell
        self._draft.ahead.end()

    def _answer(self, cell: int, outcome: Mapping[str, object], spent: float) -> bool:
        """Send the result; whether what the cell left behind is to stay."""
        try:
            result = result_of(outcome, cell)
            result.cpu_seconds = spent
            result.kept = self._kept
            result.parked = self._parked or self._due
            result.stopped = self._stopped
            result.exhausted = self._exhausted(result)
            self._line.send(result)
        except (ValueError, MemoryError) as error:
            told = Fault(type=type(error).__name__, message=f"the cell's result cannot be sent: {error}")
            result = Result(
                cell=cell, outcome="contained", error=told, cpu_seconds=spent, kept=self._kept, stopped=self._stopped,
                parked=self._parked or self._due,
            )  # fmt: skip
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

    def _save(self) -> bool:
        """Make a check-point. A copy that is woken comes out of the same call, as the worker: then it is True.

        It makes no check-point of its own before the host has cleared away what the dead worker left behind,
        and has sent a `Replay`: a process that is forked while its group is being halted may stay halted.
        """
        before = self._kept, self._since
        self._kept, self._since, self._due = self._cells, 0.0, False
        descriptor = self._keeper.save(self._line.fd)
        if descriptor is not None:
            self._parked = False  # it is the worker now
            self._line.attach(descriptor)
            self._line.send(wire.Awake(cells=self._cells))
        elif self._keeper.fresh:
            self._parked = True
        else:
            self._kept, self._since = before
        return descriptor is not None

    def _replay(self, cells: list[str]) -> None:
        self._line.offline = True
        for source in cells:
            self._interpreter.run(source)
            self._cells += 1
        self._line.offline = False
        self._due = self._standing.fork
        self._line.send(wire.Ready())

    def _on_stop(self, _number: int, _frame: FrameType | None) -> None:
        if self._stoppable and not self._line.busy:
            self._stoppable = False
            self._stopped = True
            raise CellStopped


def work(draft: Draft, park: socket.socket, standing: jail.Standing) -> None:
    """Serve one session and leave the process; never returns."""
    status = 0
    try:
        Worker(draft, park, standing).serve()
    except (EOFError, OSError):
        status = 0  # the host has left
    except BaseException:  # noqa: BLE001 - nobody is left to tell; the status says it
        status = 70
    finally:
        os._exit(status)
