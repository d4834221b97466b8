"""Which process writes a run, and whether it is still there: a run whose writer has gone was broken off."""

from __future__ import annotations

import os
import platform
from pathlib import Path

_PROC = Path("/proc")
_FIELDS = 20
"""Of proc(5)'s `stat` behind the name: state is the first, the start time the twentieth."""


def this_process() -> str:
    """The process that asks, told apart from any other on any machine: host, boot, number, start."""
    pid = os.getpid()
    return "|".join((platform.node(), _boot(), str(pid), _start(pid)))


def alive(owner: str) -> bool:
    """Whether the process `owner` still runs; one on another machine is taken to run."""
    host, _, rest = owner.partition("|")
    boot, _, rest = rest.partition("|")
    number, _, start = rest.partition("|")
    if host != platform.node() or not number.isdigit():
        return True
    if boot != _boot():
        return False
    return _runs(int(number)) and start == _start(int(number))


def _boot() -> str:
    return _read(_PROC / "sys/kernel/random/boot_id")


def _start(pid: int) -> str:
    """When a process began, in ticks since the boot (proc(5)); empty where it has ended or the system does not say."""
    fields = _read(_PROC / str(pid) / "stat").rpartition(")")[2].split()
    if len(fields) < _FIELDS or fields[0] in {"Z", "X"}:  # a zombie has ended; only its parent has not looked yet
        return ""
    return fields[_FIELDS - 1]


def _runs(pid: int) -> bool:
    if os.name == "nt":
        return True  # os.kill would end it; a broken-off run has to be resumed by its name there
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _read(path: Path) -> str:
    try:
        return path.read_text("ascii").strip()
    except (OSError, ValueError):
        return ""
