"""The host's side of the zygote: starts it, asks it for workers, and ends it."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import signal
import socket
import sys
import tempfile
import weakref
from dataclasses import asdict
from pathlib import Path
from typing import IO

import anyio
import anyio.to_thread

from rlm_async.errors import SandboxTimeout, SandboxUnavailable
from rlm_async.sandbox.process import Process
from rlm_async.sandbox.zygote import BORN, CLOSE, CONTROL, FORK, READY, RECORD, Plan

_BOOT = (
    "import json, sys\n"
    "paths, plan = json.loads(sys.argv[1])\n"
    "sys.path += [path for path in paths if path not in sys.path]\n"
    "from rlm_async.sandbox.zygote import main\n"
    "main(plan)\n"
)
_PACKAGES = ("rlm_async", "RestrictedPython", "msgspec")
_START_SECONDS = 30.0
_MOST_DESCRIPTORS = 3


class Launcher:
    """One zygote. Workers that have been asked for wait in its socket until somebody takes them."""

    def __init__(self, plan: Plan, control: socket.socket, pid: int) -> None:
        self._plan = plan
        self._control = control
        self._pid = pid
        self._asked = 0
        self._ended = weakref.finalize(self, _end, control, pid)

    @classmethod
    async def start(cls, plan: Plan) -> Launcher:
        """Exec the zygote and wait until it has loaded everything; raises SandboxUnavailable."""
        if not sys.executable or not hasattr(os, "posix_spawn"):
            raise SandboxUnavailable("a sandbox needs a POSIX system and a Python interpreter to start: sys.executable")
        control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        with theirs:
            pid, complaints = await anyio.to_thread.run_sync(_spawn, plan, theirs)
        launcher = cls(plan, control, pid)
        with complaints:
            try:
                await launcher._await_ready(complaints)
            except BaseException:
                launcher.end()
                raise
        return launcher

    @property
    def pid(self) -> int:
        """The zygote."""
        return self._pid

    @property
    def alive(self) -> bool:
        """False once it was ended; a zygote that died by itself shows at the next order."""
        return self._ended.alive

    def ask(self, count: int) -> None:
        """Have `count` workers forked. Raises SandboxUnavailable if the zygote is gone."""
        for _ in range(count):
            self._order(FORK)
            self._asked += 1

    @property
    def waiting(self) -> int:
        """Workers that were asked for and not taken."""
        return self._asked

    async def take(self) -> Process:
        """The next worker. One caller at a time."""
        with anyio.move_on_after(_START_SECONDS):
            while True:
                try:
                    data, descriptors, _, _ = socket.recv_fds(self._control, RECORD.size, _MOST_DESCRIPTORS)
                except BlockingIOError:
                    await anyio.wait_readable(self._control)
                    continue
                except OSError:
                    data, descriptors = b"", []
                self._asked -= 1
                if len(data) < RECORD.size:
                    self.end()
                    raise SandboxUnavailable("the process that forks workers has died; the next session starts another")
                kind, first = RECORD.unpack(data)
                if kind != BORN:
                    raise SandboxUnavailable(f"no worker could be forked: {os.strerror(first)}")
                return Process(first, descriptors, self)
        raise SandboxTimeout(f"no worker within {_START_SECONDS:g} s")

    def close_group(self, pid: int) -> None:
        """Have everything of a session killed and reaped; nothing happens if the zygote is gone."""
        with contextlib.suppress(SandboxUnavailable):
            self._order(CLOSE, pid)

    def end(self) -> None:
        """End the zygote, and with it every worker."""
        if self._control.fileno() >= 0:
            with contextlib.suppress(RuntimeError, OSError):
                anyio.notify_closing(self._control)
        self._ended()

    def _order(self, kind: int, first: int = 0) -> None:
        try:
            self._control.send(RECORD.pack(kind, first))
        except OSError:
            self.end()
            raise SandboxUnavailable(
                "the process that forks workers has died; the next session starts another"
            ) from None

    async def _await_ready(self, complaints: IO[bytes]) -> None:
        self._control.settimeout(0)
        with anyio.move_on_after(_START_SECONDS) as scope:
            await anyio.wait_readable(self._control)
        data = b"" if scope.cancelled_caught else self._control.recv(RECORD.size)
        if len(data) == RECORD.size and RECORD.unpack(data)[0] == READY:
            return
        last = await anyio.to_thread.run_sync(_last_line, complaints)
        raise SandboxUnavailable(f"the clean Python process for workers did not start: {last or 'no reason given'}")


def _last_line(complaints: IO[bytes]) -> str:
    complaints.seek(0)
    return complaints.read().decode("utf-8", "replace").strip().rpartition("\n")[2]


def _spawn(plan: Plan, theirs: socket.socket) -> tuple[int, IO[bytes]]:
    """Start the process; returns its number and the file that its complaints go to."""
    complaints = tempfile.TemporaryFile()  # noqa: SIM115 - the caller closes it
    try:
        return _exec(plan, theirs, complaints), complaints
    except BaseException:
        complaints.close()
        raise


def _exec(plan: Plan, theirs: socket.socket, complaints: IO[bytes]) -> int:
    argument = json.dumps([_paths(), asdict(plan)])
    null = os.open(os.devnull, os.O_RDWR)
    # Moved out of the way of the numbers they are copied to.
    control = _above(theirs.fileno())
    errors = _above(complaints.fileno())
    try:
        return os.posix_spawn(
            sys.executable,
            [sys.executable, "-I", "-S", "-B", "-X", "utf8", "-c", _BOOT, argument],
            {},
            file_actions=[
                (os.POSIX_SPAWN_DUP2, null, 0),
                (os.POSIX_SPAWN_DUP2, null, 1),
                (os.POSIX_SPAWN_DUP2, errors, 2),
                (os.POSIX_SPAWN_DUP2, control, CONTROL),
            ],
            setsid=sys.platform.startswith("linux"),
            setsigdef=[signal.SIGPIPE, signal.SIGINT, signal.SIGTERM, signal.SIGCHLD, signal.SIGUSR1],
            setsigmask=[],
        )
    finally:
        for descriptor in (null, control, errors):
            os.close(descriptor)


def _above(descriptor: int) -> int:
    import fcntl  # noqa: PLC0415 - not there on Windows, where this is never reached

    return fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 10)


def _paths() -> list[str]:
    """Where the packages lie that a worker imports; nothing else of the host's path."""
    found = []
    for name in _PACKAGES:
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.origin:
            found.append(str(Path(spec.origin).resolve().parent.parent))
    return found


def _end(control: socket.socket, pid: int) -> None:
    control.close()
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, 0)
