"""A parked copy of the worker from before the cell, to go on from if the cell takes the worker with it.

The copy is a fork: it shares all memory until one of the two writes. It holds no wire, sleeps on a pipe
from the worker and on a second socket from the host, and ends when the worker lets go of it, or when the
host does. Woken by the host, which hands it a fresh wire, it *is* the worker.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import time

from rlm_async.sandbox import kernel

_LET_GO = b"x"
_TRIES = 200
_PAUSE_SECONDS = 0.005


class Keeper:
    """Makes check-points of the calling process, one at a time; `possible` False makes none."""

    def __init__(self, park: socket.socket, *, possible: bool) -> None:
        self._park = park
        self._possible = possible
        self._lifeline = -1
        self._leaving = 0
        self.fresh = False
        """Whether the last `save` made one."""

    def save(self, wire: int) -> int | None:
        """Make a check-point of this moment in place of the one before.

        Returns None in the worker. In the copy, which has let go of `wire`, it returns when the host wakes
        it, with the new wire's descriptor.
        """
        self.fresh = False
        if not self._possible:
            return None
        mine, lifeline = os.pipe()
        try:
            pid = self._fork()
        except BlockingIOError:
            os.close(mine)
            os.close(lifeline)
            return None  # the check-point before it still stands
        if pid:
            os.close(mine)
            self._drop(lifeline)
            self.fresh = True
            return None
        os.close(lifeline)
        os.close(wire)
        if self._lifeline >= 0:
            os.close(self._lifeline)
            self._lifeline = -1
        self._leaving = 0
        return self._sleep(mine)

    def let_go(self) -> None:
        """In another copy of the worker, one that runs ahead: hold nothing on which a check-point listens."""
        self._park.close()
        if self._lifeline >= 0:
            os.close(self._lifeline)
        self._lifeline = -1
        self._possible = False

    def _fork(self) -> int:
        self._leaving -= _reaped()
        for _ in range(_TRIES if self._lifeline < 0 else 0):
            with contextlib.suppress(BlockingIOError):
                return kernel.fork_quietly()
            time.sleep(_PAUSE_SECONDS)  # the dead count until the zygote has buried them
        try:
            return kernel.fork_quietly()
        except BlockingIOError:
            if self._leaving <= 0:
                raise
        os.waitpid(-1, 0)  # one that was let go is on its way out
        self._leaving -= 1
        return kernel.fork_quietly()

    def _drop(self, lifeline: int) -> None:
        if self._lifeline >= 0:
            with contextlib.suppress(BrokenPipeError):  # it may have been killed meanwhile
                os.write(self._lifeline, _LET_GO)
            os.close(self._lifeline)
            self._leaving += 1
        self._lifeline = lifeline

    def _sleep(self, mine: int) -> int:
        poll = select.poll()
        poll.register(mine, select.POLLIN)
        poll.register(self._park, select.POLLIN)
        while True:
            awake = {fd for fd, _ in poll.poll()}
            if mine in awake:
                if os.read(mine, 1):
                    os._exit(0)
                poll.unregister(mine)  # the worker died: only the host can say what happens now
            elif self._park.fileno() in awake:
                return self._wake(mine)

    def _wake(self, mine: int) -> int:
        data, descriptors, _, _ = socket.recv_fds(self._park, 1, 1)
        if not data or not descriptors:
            os._exit(0)
        os.close(mine)
        kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
        return descriptors[0]


def _reaped() -> int:
    count = 0
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            count += 1
    except ChildProcessError:
        return count
    return count
