"""The copy of a worker that runs ahead, as a process: how it is made, how it speaks, and how it is sure to die.

No process in the jail may send a signal, so a copy is ended by the kernel: between it and the worker stands a
keeper, a second fork that does nothing but wait. When the worker lets go of the keeper, or dies, or the copy
has had its processor time, the keeper exits, and the parent-death signal (SIGKILL) takes the copy with it,
whatever loop it is in. The copy holds neither the wire nor the park socket; what it finds goes through a
pipe to the worker, in frames that the worker reads as the host would.
"""

from __future__ import annotations

import contextlib
import gc
import mmap
import os
import select
import signal
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NoReturn

from rlm_async.sandbox import kernel, wire
from rlm_async.sandbox.line import hint_of, payload_of
from rlm_async.sandbox.wire import Frames, Hint, Violation

CPU_SECONDS = 1.0
"""Processor time of one copy."""
ROOM = 64 << 20
"""Bytes that a copy may take besides what the worker had."""
_LEAST = 1 << 20
_TICK = 0.05
_READ = 1 << 16
_NICE = 19


class Copies:
    """Implements `runahead.Scout` with forks. `away` is called in each, to let go of what is the worker's.

    `most` is what a frame may have; `room` what the worker's own limit leaves it, in bytes.
    """

    def __init__(self, away: Callable[[], None], most: int, room: int) -> None:
        self._keeper = 0
        self._life = -1
        self.out = -1
        self._ballast: list[mmap.mmap] = []
        self.begin(away, most, room)

    def begin(self, away: Callable[[], None], most: int, room: int) -> None:
        """Serve a session that was not known when this was made."""
        self._away = away
        self._most = most
        self._room = room
        self._frames = Frames(most)

    def fork(self) -> bool:
        """As `Scout.fork`."""
        self.stop()
        out, findings = os.pipe()
        life, lifeline = os.pipe()
        try:
            keeper = kernel.fork_quietly()
        except BlockingIOError:
            for descriptor in (out, findings, life, lifeline):
                os.close(descriptor)
            return False
        if keeper:
            os.close(findings)
            os.close(life)
            self._keeper, self._life, self.out = keeper, lifeline, out
            self._frames = Frames(self._most)
            return False
        try:
            os.close(out)
            os.close(lifeline)
            self._become(life, findings)
        except BaseException:  # noqa: BLE001 - a copy that cannot be set up is none: it may not go on as the worker
            os._exit(1)
        return True

    def findings(self) -> Iterable[tuple[Mapping[str, object], bool]]:
        """As `Scout.findings`; a copy that says anything else is let go."""
        data = os.read(self.out, _READ)
        if not data:
            os.close(self.out)
            self.out = -1
            return
        try:
            for body in self._frames.feed(data):
                message = wire.decode_upward(body)
                if isinstance(message, Hint):
                    yield payload_of(message), message.sure
        except Violation:
            self.stop()

    def report(self, payload: Mapping[str, object], *, sure: bool) -> None:
        """As `Scout.report`; what is too long to travel is left out."""
        with contextlib.suppress(UnicodeError, ValueError, OverflowError, TypeError):
            data = wire.frame(hint_of(0, payload, sure=sure))
            view = memoryview(data if len(data) <= self._most else b"")
            while view:
                view = self._written(view)

    def leave(self) -> NoReturn:
        """As `Scout.leave`."""
        os._exit(0)

    def stop(self) -> None:
        """As `Scout.stop`."""
        for descriptor in (self._life, self.out):
            if descriptor >= 0:
                os.close(descriptor)
        self._life = self.out = -1
        if self._keeper:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(self._keeper, 0)
            self._keeper = 0

    def _written(self, view: memoryview) -> memoryview:
        try:
            return view[os.write(self.out, view) :]
        except OSError:
            os._exit(0)  # the worker has gone on without it

    def _become(self, life: int, findings: int) -> None:
        """In the first fork: become the keeper, which stays here, or the copy, which returns."""
        self._away()
        kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
        above, mine = os.pipe()
        copy = kernel.fork_quietly()
        if copy:
            os.close(findings)
            _keep(copy, life)
        os.close(mine)
        os.close(life)
        kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
        if _closed(above, 0.0):
            os._exit(0)  # the keeper went before the signal was set
        gc.disable()
        os.setpriority(os.PRIO_PROCESS, 0, _NICE)
        self._narrow()
        self._keeper, self._life, self.out = 0, -1, findings

    def _narrow(self) -> None:
        """Take up the room that the worker's limit leaves, all but `ROOM`: limits cannot be lowered in the jail.

        Pages that may not be touched count as address space, and cost no memory.
        """
        kept = [_taken(ROOM)]
        self._ballast = [taken for taken in _all_taken(self._room) if taken is not None]
        for taken in kept:
            if taken is not None:
                taken.close()


def _all_taken(room: int) -> Iterator[mmap.mmap | None]:
    size, total = room, 0
    while size >= _LEAST and total < room:
        taken = _taken(size)
        if taken is None:
            size //= 2
        else:
            total += size
            yield taken


def _taken(size: int) -> mmap.mmap | None:
    try:
        return mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, prot=0)
    except (OSError, ValueError):
        return None


def _keep(copy: int, life: int) -> NoReturn:
    """The keeper: wait until the worker lets go, or the copy is over."""
    clock = (~copy << 3) | 2  # the processor clock of another process, as in clock_getcpuclockid(3)
    while not _closed(life, _TICK):
        try:
            if os.waitpid(copy, os.WNOHANG)[0] or time.clock_gettime(clock) > CPU_SECONDS:
                break
        except OSError:
            break
    os._exit(0)


def _closed(descriptor: int, seconds: float) -> bool:
    """Whether the other end of a pipe on which nothing is ever sent is closed."""
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(1000 * seconds))
