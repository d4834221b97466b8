"""A control group of its own for each session, where the system lets us make one: all its processes share one bound.

Only version 2 counts, and only a directory that was handed to us: one that a user other than root may write
to, one that systemd has marked as delegated, or the one that `RLM_ASYNC_CGROUP` names. It must hand memory
and pids on to its children. Source: cgroups(7); Linux `Documentation/admin-guide/cgroup-v2.rst`; systemd's
`CGROUP_DELEGATION`.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from rlm_async.errors import SandboxUnavailable

VARIABLE = "RLM_ASYNC_CGROUP"
_NEEDED = frozenset({"memory", "pids"})
_PROCESSES = 8
"""The worker, its check-point, what runs ahead, and the dead that are not buried yet."""
_CPU_WEIGHT = 20
"""Of 100 that others have: model-written code gives way to its host."""
_OVERHEAD = 64 << 20
_MARKS = ("user.delegate", "trusted.delegate")


@dataclass(frozen=True, slots=True)
class Bounds:
    """What all processes of one session may use together."""

    memory_bytes: int
    processes: int = _PROCESSES

    @classmethod
    def of(cls, memory_bytes: int, context_bytes: int) -> Bounds:
        """For a worker of these limits and its check-point, which may come to share nothing."""
        return cls(2 * (memory_bytes + 2 * context_bytes) + _OVERHEAD)


@dataclass(frozen=True, slots=True)
class Group:
    """The control group of one session."""

    path: Path

    def end(self) -> bool:
        """Remove it; False while one of its processes has not gone."""
        try:
            self.path.rmdir()
        except FileNotFoundError:
            return True
        except OSError:
            return False
        return True


@dataclass(frozen=True, slots=True)
class Delegation:
    """A directory below which groups may be made."""

    path: Path

    def enter(self, pid: int, bounds: Bounds) -> Group:
        """Put a process into a new group. Raises SandboxUnavailable where that fails: nothing runs unbounded then."""
        group = Group(self.path / f"rlm-async-{os.getpid()}-{pid}")
        try:
            group.path.mkdir()
            _write(group.path / "memory.max", bounds.memory_bytes)
            _write(group.path / "pids.max", bounds.processes)
            for name, value in (("memory.swap.max", 0), ("cpu.weight", _CPU_WEIGHT)):
                if (group.path / name).exists():
                    _write(group.path / name, value)
            _write(group.path / "cgroup.procs", pid)
        except OSError as error:
            group.end()
            raise SandboxUnavailable(f"no control group could be made in {self.path}: {error.strerror}") from error
        return group


def find(environment: Mapping[str, str]) -> Delegation | None:
    """The directory to use, None where there is none. A named one that will not do is SandboxUnavailable."""
    named = environment.get(VARIABLE)
    if named:
        path = Path(named)
        if lacking := _lacks(path):
            raise SandboxUnavailable(f"{VARIABLE}={named}: {lacking}")
        return Delegation(path)
    home = own(Path("/proc/self/mountinfo"), Path("/proc/self/cgroup"))
    return None if home is None else below(*home)


def own(mounts: Path, groups: Path) -> tuple[Path, Path] | None:
    """Where version 2 is mounted, and this process's own group in it."""
    try:
        roots = [line.split() for line in mounts.read_text().splitlines() if " - cgroup2 " in line]
        mine = [line[3:] for line in groups.read_text().splitlines() if line.startswith("0::")]
    except OSError:
        return None
    if not roots or not mine:
        return None
    root = Path(roots[0][4])
    return root, root / mine[0].lstrip("/")


def below(root: Path, mine: Path) -> Delegation | None:
    """The nearest directory from a group of ours upwards that was handed to us, and hands on what is needed."""
    if not mine.is_relative_to(root):
        return None
    for path in (mine, *mine.parents):
        if not _lacks(path) and _is_ours(path):
            return Delegation(path)
        if path == root:
            break
    return None


def _lacks(path: Path) -> str:
    """Why a directory cannot hold groups for sessions; empty if it can."""
    try:
        handed = set((path / "cgroup.subtree_control").read_text().split())
    except OSError:
        return "this is no control group of version 2 that can be read"
    if not handed >= _NEEDED:
        missing = " ".join(f"+{name}" for name in sorted(_NEEDED - handed))
        return f"it does not hand on memory and pids: write {missing!r} to its cgroup.subtree_control"
    if not os.access(path, os.W_OK) or not os.access(path / "cgroup.procs", os.W_OK):
        return "it may not be written to"
    return ""


def _is_ours(path: Path) -> bool:
    """Whether it was handed to this user: root may write everywhere, and needs the mark of systemd."""
    if os.geteuid() != 0:
        return True
    for mark in _MARKS:
        with contextlib.suppress(OSError):
            return os.getxattr(path, mark) == b"1"
    return False


def _write(path: Path, value: int) -> None:
    path.write_text(f"{value}\n")
