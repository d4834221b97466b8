"""Processes that hostile code has forked beside a check-point: found in /proc, and killed."""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path


def cull(group: int, keep: int) -> None:
    """Kill every process of a group but one and its children.

    All are halted first, in one step that no fork can slip through: what forks in a circle would else be
    back before it is gone. `keep` must be alive, so that the number of the group is nobody else's.
    """
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, signal.SIGSTOP)
        try:
            for pid, parent in _members(group):
                if keep not in (pid, parent):
                    _kill(pid, group)
        finally:
            os.killpg(group, signal.SIGCONT)


def parent_of(pid: int) -> int:
    """The parent of a process; 0 if it is gone."""
    try:
        return _fields(str(pid))[0]
    except OSError:
        return 0


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
    for name in os.listdir("/proc"):  # noqa: PTH208 - names are all that is wanted of a thousand entries
        with contextlib.suppress(OSError):
            if name.isdigit() and os.getpgid(int(name)) == group:
                parent, _, alive = _fields(name)
                if alive:
                    found.append((int(name), parent))
    return found


def _fields(pid: str) -> tuple[int, int, bool]:
    """Parent, group, and whether it lives; see proc_pid_stat(5)."""
    state, parent, group = Path("/proc", pid, "stat").read_bytes().rpartition(b")")[2].split()[:3]
    return int(parent), int(group), state not in (b"Z", b"X")
