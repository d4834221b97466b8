"""The clean process that workers are forked from: no keys, no environment, everything already loaded.

Started by exec once for a factory; it reads orders from one socket and answers with descriptors. It ends
when the socket closes, and its workers end with it (parent-death signal).
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import select
import signal
import socket
import struct
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rlm_async.sandbox import jail, kernel, worker
from rlm_async.sandbox.draft import Draft, Maker
from rlm_async.sandbox.wire import Hello

RECORD = struct.Struct("<ii")
"""An order or an answer: what, and a number."""
READY, FORK, BORN, CLOSE, FAILED = range(5)
CONTROL = 3
"""The descriptor of the socket to the host."""
_WIRE, _PARK = 3, 4
SEQUENCED = socket.SOCK_SEQPACKET if sys.platform.startswith("linux") else socket.SOCK_STREAM


@dataclass(frozen=True, slots=True)
class Plan:
    """What every worker of this zygote gets; travels as JSON in the command line."""

    maker: str
    """`module:function`, see `draft.Maker`."""
    preload: Sequence[str]
    strict: bool
    require: Sequence[str]
    layers: Sequence[str]
    """Layers that stand outside of the process itself: `policy`, `cgroup`."""
    cpu_seconds: float
    empty_root: bool
    parent: int


class Zygote:
    """Forks workers on demand, and clears away what is left of them."""

    def __init__(self, control: socket.socket, plan: Plan, draft: Draft) -> None:
        self._control = control
        self._plan = plan
        self._draft = draft
        self._open: set[int] = set()
        self._me = os.getpid()
        self._wakeup = os.pipe()
        for end in self._wakeup:
            os.set_blocking(end, False)
        signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
        signal.set_wakeup_fd(self._wakeup[1], warn_on_full_buffer=False)

    def serve(self) -> None:
        """Obey until the host is gone."""
        poll = select.poll()
        poll.register(self._control, select.POLLIN)
        poll.register(self._wakeup[0], select.POLLIN)
        parent = _pidfd(self._plan.parent)
        if parent >= 0:
            poll.register(parent, select.POLLIN)
        while True:
            ready = {fd for fd, _ in poll.poll()}
            if self._wakeup[0] in ready:
                os.read(self._wakeup[0], 4096)
                _reap()
            if parent in ready:
                return
            if self._control.fileno() in ready and not self._obey():
                return

    def _obey(self) -> bool:
        data = self._control.recv(RECORD.size, socket.MSG_WAITALL)
        if len(data) < RECORD.size:
            return False
        order, first = RECORD.unpack(data)
        if order == FORK:
            self._fork()
        elif order == CLOSE:
            self._close(first)
        return True

    def _fork(self) -> None:
        mine = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        park = socket.socketpair(socket.AF_UNIX, SEQUENCED)
        try:
            pid = os.fork()
            while pid in self._open:  # the number of a session that is not closed yet: take another
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
                pid = os.fork()
        except OSError as error:
            self._control.sendall(RECORD.pack(FAILED, error.errno or 0))
            pid = -1
        if pid == 0:
            self._become(mine[1], park[1])
        if pid > 0:
            self._open.add(pid)
            self._hand_over(pid, [mine[0].fileno(), park[0].fileno()])
        for end in (*mine, *park):
            end.close()

    def _hand_over(self, pid: int, descriptors: list[int]) -> None:
        pidfd = _pidfd(pid)
        if pidfd >= 0:
            descriptors.append(pidfd)
        socket.send_fds(self._control, [RECORD.pack(BORN, pid)], descriptors)
        if pidfd >= 0:
            os.close(pidfd)

    def _close(self, group: int) -> None:
        if group in self._open:
            self._open.discard(group)
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(group, signal.SIGKILL)
            _reap()

    def _become(self, line: socket.socket, park: socket.socket) -> None:
        try:
            _own_group()
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            os.dup2(line.fileno(), _WIRE, inheritable=False)
            os.dup2(park.fileno(), _PARK, inheritable=False)
            os.closerange(_PARK + 1, 1 << 16)
            parked = socket.socket(socket.AF_UNIX, SEQUENCED, 0, fileno=_PARK)
            plan = self._plan
            standing = jail.enter(plan.cpu_seconds, process_only=not plan.strict, empty_root=plan.empty_root)
            layers = tuple(name for name in jail.LAYERS if name in {*standing.layers, *plan.layers})
            problem = jail.missing(layers, tuple(plan.require), strict=plan.strict)
            self._draft.line.send(Hello(layers=list(layers), problem=problem))
            if os.getppid() != self._me:
                os._exit(0)  # the zygote went before the parent-death signal was set
            worker.work(self._draft, parked, standing)
        finally:
            os._exit(71)


def _own_group() -> None:
    """A process group of its own, in the zygote's session.

    A session of its own would be a scheduling group of its own where the kernel groups by session
    (sched_autogroup_enabled, sched(7)): niceness counts only within a group, so each worker would weigh as
    much as the whole host. Where the zygote has no session of its own (macOS), its workers get one.
    """
    if kernel.LINUX:
        os.setpgid(0, 0)
    else:
        os.setsid()


def _reap() -> None:
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            continue


def _pidfd(pid: int) -> int:
    try:
        return os.pidfd_open(pid) if hasattr(os, "pidfd_open") else -1
    except OSError:
        return -1


def _load(place: str) -> Maker:
    module, _, name = place.partition(":")
    maker: Maker = getattr(importlib.import_module(module), name)
    return maker


def main(settings: Mapping[str, object]) -> None:
    """The program; `settings` are the fields of a Plan."""
    plan = Plan(**settings)  # type: ignore[arg-type]  # written by the launcher
    os.closerange(CONTROL + 1, 1 << 16)
    control = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM, 0, fileno=CONTROL)
    control.set_inheritable(False)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for name in plan.preload:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    draft = Draft(_load(plan.maker), _WIRE)
    kernel.prctl(kernel.PR_SET_CHILD_SUBREAPER, 1)
    gc.collect()
    gc.freeze()
    control.sendall(RECORD.pack(READY, os.getpid()))
    Zygote(control, plan, draft).serve()
    os._exit(0)
