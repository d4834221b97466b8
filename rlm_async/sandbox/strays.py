"""Processes that hostile code has forked beside a check-point: found in /proc, and killed."""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path

_ROUNDS = 100


def cull(group: int, keep: int) -> None:
    """Kill every process of a group but one and its children, until there is none.

    Who forks faster than this kills runs into the kernel's bound on processes first.
    """
    for _ in range(_ROUNDS):
        strays = [pid for pid, parent in _members(group) if keep not in (pid, parent)]
        if not strays:
            return
        for pid in strays:
            _kill(pid, group)


def _kill(pid: int, group: int) -> None:
    """Kill a process if it is still the one that was found: its number may be another's by now."""
    with contextlib.suppress(OSError):
        pidfd = os.pidfd_open(pid)
        try:
            if _fields(str(pid))[1] == group:
                signal.pidfd_send_signal(pidfd, signal.SIGKILL)
        finally:
            os.close(pidfd)


def _members(group: int) -> list[tuple[int, int]]:
    """The living processes of a group, each with its parent."""
    found = []
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                parent, of_group, alive = _fields(entry.name)
                if of_group == group and alive:
                    found.append((int(entry.name), parent))
    return found


def _fields(pid: str) -> tuple[int, int, bool]:
    """Parent, group, and whether it lives; see proc_pid_stat(5)."""
    state, parent, group = Path("/proc", pid, "stat").read_bytes().rpartition(b")")[2].split()[:3]
    return int(parent), int(group), state not in (b"Z", b"X")
