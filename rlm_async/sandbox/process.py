"""The processes of one session, as the host holds them: a worker, its check-point, and the means to end both."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import sys
import time
from typing import Protocol

import anyio
import anyio.to_thread

from rlm_async.errors import SandboxCrashed
from rlm_async.sandbox.connection import Connection
from rlm_async.sandbox.jail import NICE
from rlm_async.sandbox.strays import cull, parent_of
from rlm_async.sandbox.worker import STOP
from rlm_async.sandbox.zygote import SEQUENCED

_LINUX = sys.platform.startswith("linux")
_NICEST = 19
_WHOLE_GROUP = 4
"""PIDFD_SIGNAL_PROCESS_GROUP of pidfd_send_signal(2), since Linux 6.9."""
_END_SECONDS = 5.0
_WAKE_SECONDS = 15.0


class Mother(Protocol):
    """The zygote, for a process that it has forked."""

    @property
    def pid(self) -> int:
        """The zygote's own."""
        ...

    def close_group(self, pid: int) -> None:
        """Kill and reap all of a session."""
        ...


class Process:
    """A worker and whatever it has forked: one process group, which it cannot leave."""

    def __init__(self, pid: int, descriptors: list[int], mother: Mother) -> None:
        wire, park, *rest = descriptors
        self.group = pid
        self.pid = pid
        self._mother = mother
        self._wire: socket.socket | None = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM, 0, fileno=wire)
        self._park = socket.socket(socket.AF_UNIX, SEQUENCED, 0, fileno=park)
        self._park.settimeout(0)
        self._leader = rest[0] if rest else -1
        self._pidfd = os.dup(self._leader) if rest else -1
        self._connection: Connection | None = None
        self._closed = False
        self._gave_way = False

    def connect(self, message_bytes: int) -> Connection:
        """The wire to the worker; once."""
        if self._wire is None:
            raise SandboxCrashed("the worker has a connection already")
        self._connection = Connection(self._wire, message_bytes)
        self._wire = None
        return self._connection

    def cpu_seconds(self) -> float:
        """Processor time of the worker by the kernel's clock; 0 where there is none to read.

        The clock's number is made from the pid as in clock_getcpuclockid(3).
        """
        if not _LINUX:
            return 0.0
        try:
            return time.clock_gettime((~self.pid << 3) | 2)
        except OSError:
            return 0.0

    async def mourn(self) -> None:
        """Raise SandboxCrashed once the worker is dead.

        The end of its wire does not tell: what it has forked may hold that open. Waits for ever where the
        system has no pidfd.
        """
        if self._pidfd < 0:
            await anyio.sleep_forever()
        await _dead(self._pidfd)
        raise SandboxCrashed("the worker died")

    def give_way(self) -> None:
        """Let the worker run when nobody else wants to: many that compute would else keep the host from running."""
        self._be_nice(_NICEST)

    def come_back(self) -> None:
        """Give it back its share, where that is allowed."""
        if self._gave_way:
            self._be_nice(NICE)

    def stop(self) -> None:
        """Ask the worker to end its cell."""
        self._signal(STOP)

    def kill(self) -> None:
        """Kill the worker, and leave its check-point."""
        self._signal(signal.SIGKILL)

    async def wake(self, message_bytes: int) -> Connection:
        """Kill the worker, wake its check-point, and connect to it; raises SandboxCrashed if there is none."""
        if self._closed:
            raise SandboxCrashed("this sandbox has ended")
        self.kill()
        if self._connection is not None:
            self._connection.close()
        if not _LINUX:
            raise SandboxCrashed("the worker died, and there are no check-points on this system")
        mine, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        mine.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self._connection = connection = Connection(mine, message_bytes)
        with theirs:
            await _dead(self._pidfd)
            self._hand(theirs)
        with anyio.move_on_after(_WAKE_SECONDS):
            pid = await connection.sender()
            self._follow(pid)
            if await anyio.to_thread.run_sync(parent_of, pid) != self._mother.pid:
                raise SandboxCrashed("the process that forks workers has died, and its sessions end with it")
            await anyio.to_thread.run_sync(cull, self.group, pid)
            return connection
        raise SandboxCrashed("the check-point of the worker did not wake up")

    async def close(self) -> None:
        """End all processes of the session and wait until they have let go; never raises, safe to call twice."""
        if self._closed:
            return
        self._closed = True
        with anyio.CancelScope(shield=True):
            self._kill_all()
            if self._connection is not None:
                self._connection.close()
            if self._wire is not None:
                self._wire.close()
            with anyio.move_on_after(_END_SECONDS):
                await _dead(self._leader)
                await _dead(self._pidfd)
                await self._emptied()
            self._mother.close_group(self.group)
            self._release()

    def abandon(self) -> None:
        """End all processes without waiting; for a worker that was never used."""
        if not self._closed:
            self._closed = True
            self._kill_all()
            self._mother.close_group(self.group)
            if self._wire is not None:
                self._wire.close()
            self._release()

    def _be_nice(self, value: int) -> None:
        self._gave_way = value == _NICEST
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, self.pid, value)

    def _release(self) -> None:
        self._park.close()
        for descriptor in {self._leader, self._pidfd} - {-1}:
            os.close(descriptor)
        self._leader = self._pidfd = -1

    def _kill_all(self) -> None:
        if self._leader >= 0:
            with contextlib.suppress(OSError):
                signal.pidfd_send_signal(self._leader, signal.SIGKILL, None, _WHOLE_GROUP)
                return
        with contextlib.suppress(OSError):
            self._signal(signal.SIGKILL)
        self._mother.close_group(self.group)

    def _signal(self, number: int) -> None:
        with contextlib.suppress(OSError):
            if self._pidfd >= 0:
                signal.pidfd_send_signal(self._pidfd, number)
            elif not self._closed:
                os.kill(self.pid, number)

    def _hand(self, theirs: socket.socket) -> None:
        try:
            socket.send_fds(self._park, [b"w"], [theirs.fileno()])
        except OSError:
            raise SandboxCrashed("the worker died, and it had no check-point to go on from") from None

    def _follow(self, pid: int) -> None:
        try:
            pidfd = os.pidfd_open(pid)
        except OSError:
            raise SandboxCrashed("the check-point of the worker died") from None
        if self._pidfd >= 0:
            os.close(self._pidfd)
        self._pidfd = pidfd
        self.pid = pid

    async def _emptied(self) -> None:
        """Wait until nobody holds the other end of the park socket."""
        while True:
            try:
                if not self._park.recv(1):
                    return
            except BlockingIOError:
                await anyio.wait_readable(self._park)
            except OSError:
                return


async def _dead(pidfd: int) -> None:
    """Wait until a process has ended."""
    if pidfd < 0:
        return
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    if not poll.poll(0):
        await anyio.wait_readable(pidfd)
