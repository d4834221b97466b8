"""What the kernel forbids a worker: every layer is tried, reported by name, and required where asked for.

Two steps: `enter` while no input has been read, then `lock` once the size of the context is known and
before its first byte. After `lock` nothing can be undone by the process itself.
"""

from __future__ import annotations

import os
import resource
import signal
from dataclasses import dataclass

from rlm_async.sandbox import kernel, landlock, seccomp

LAYERS = (
    "policy",
    "process",
    "uid",
    "rlimits",
    "no_new_privs",
    "namespaces",
    "mount",
    "landlock",
    "seccomp",
    "cgroup",
    "checkpoints",
)
"""All that a sandbox may name in `layers` and `require`; `checkpoints` is no wall, but may be relied on."""
_FIRST_UID = 0x70000000
"""A range that systemd's UIDS-GIDS list calls unused; each worker has the uid `_FIRST_UID + pid`."""
_NOBODY = 65534
_PROCESSES = 8
"""The worker, its check-point, a copy that runs ahead and its keeper; as many may still be on their way out."""
_FILES = 16
NICE = 5
"""Model-written code gives way to its host."""
_MS_RDONLY, _MS_NOSUID, _MS_NODEV, _MS_NOEXEC, _MS_REC, _MS_PRIVATE = 1, 2, 4, 8, 16384, 1 << 18
_COUNTS_BY_NAMESPACE = (5, 14)
"""Since Linux 5.14 RLIMIT_NPROC counts the processes of a user in each user namespace by itself."""
FIXES = {
    "uid": "start the host as root, or do without",
    "no_new_privs": "needs Linux 3.5 or newer",
    "namespaces": "allow unprivileged user namespaces (user.max_user_namespaces) or start the host as root",
    "mount": "allow unprivileged user namespaces or start the host as root",
    "landlock": "needs Linux 5.13 or newer with landlock in the lsm= list",
    "seccomp": "needs Linux with CONFIG_SECCOMP_FILTER on x86-64 or aarch64",
    "cgroup": "start the host in a delegated group (systemd-run --scope -p Delegate=yes), or name a v2 group that "
    "hands on memory and pids in RLM_ASYNC_CGROUP",
    "checkpoints": "needs Linux, and either root or user namespaces; without it there is no run-ahead either",
    "rlimits": "needs a POSIX system",
}


@dataclass(frozen=True, slots=True)
class Standing:
    """How far the jail stands: its layers so far, and what `lock` needs to know."""

    layers: tuple[str, ...]
    fork: bool
    base_bytes: int


def enter(cpu_seconds: float, *, process_only: bool, empty_root: bool = False) -> Standing:
    """Give up all that can be given up before the size of the context is known."""
    layers = ["process"]
    base = _address_space()
    os.environ.clear()
    if process_only and not kernel.LINUX:
        return Standing(tuple(layers), fork=False, base_bytes=base)
    namespaces, private_users = _separate()
    mounted = empty_root and _hide_files()
    unique = _become_nobody()
    kernel.drop_capabilities()
    kernel.prctl(kernel.PR_SET_DUMPABLE, 0)
    kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
    bounded = unique or (private_users and _kernel_version() >= _COUNTS_BY_NAMESPACE)
    _limit(cpu_seconds, bounded=bounded)
    if unique:
        layers.append("uid")
    layers.append("rlimits")
    if kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1):
        layers.append("no_new_privs")
    layers += ["namespaces"] * namespaces + ["mount"] * mounted
    if landlock.deny_all():
        layers.append("landlock")
    if seccomp.available():
        layers.append("seccomp")
    if bounded:
        layers.append("checkpoints")
    return Standing(tuple(layers), fork=bounded, base_bytes=base)


def lock(standing: Standing, memory_bytes: int) -> None:
    """Bound the address space to the interpreter plus `memory_bytes`, and close the filter; for good."""
    if "rlimits" in standing.layers:
        most = standing.base_bytes + memory_bytes
        for limit in (resource.RLIMIT_AS, resource.RLIMIT_DATA):
            resource.setrlimit(limit, (most, most))
    if "seccomp" in standing.layers and not seccomp.install(fork=standing.fork):
        raise OSError("the kernel refused the seccomp filter")


def missing(layers: tuple[str, ...], required: tuple[str, ...], *, strict: bool) -> str:
    """The first layer that is wanted and does not stand, with what to do about it; empty if none."""
    wanted = [*required, *(("no_new_privs", "seccomp") if strict else ())]
    for name in wanted:
        if name not in layers:
            return f"the layer {name!r} is required and cannot be had here: {FIXES.get(name, 'not supported')}"
    if strict and not {"landlock", "mount"} & set(layers):
        return f"mode 'strict' needs 'landlock' or 'mount', and has neither: {FIXES['landlock']}"
    return ""


def _separate() -> tuple[bool, bool]:
    """Namespaces of its own for network, IPC and host name; and whether the users are private too."""
    flags = kernel.CLONE_NEWNET | kernel.CLONE_NEWIPC | kernel.CLONE_NEWUTS
    if os.geteuid() == 0 and kernel.unshare(flags):
        return True, False
    if kernel.unshare(flags | kernel.CLONE_NEWUSER):
        return True, True
    return False, kernel.unshare(kernel.CLONE_NEWUSER)


def _hide_files() -> bool:
    """An empty, read-only root: where there is no Landlock."""
    if not kernel.unshare(kernel.CLONE_NEWNS):
        return False
    if not kernel.mount("none", "/", None, _MS_REC | _MS_PRIVATE):
        return False
    flags = _MS_RDONLY | _MS_NOSUID | _MS_NODEV | _MS_NOEXEC
    if not kernel.mount("empty", "/proc", "tmpfs", flags, "size=4k"):
        return False
    os.chroot("/proc")
    os.chdir("/")
    return True


def _become_nobody() -> bool:
    """A user id that no other process has; whether there is one. Root only."""
    if os.geteuid() != 0:
        return False
    for uid in (_FIRST_UID + os.getpid(), _NOBODY):
        try:
            os.setgroups([])
            os.setresgid(uid, uid, uid)
            os.setresuid(uid, uid, uid)
        except OSError:
            continue  # a container that maps few ids: the next one, or stay
        return uid != _NOBODY
    return False


def _limit(cpu_seconds: float, *, bounded: bool) -> None:
    whole_session = int(600 + 20 * cpu_seconds)
    for name, value in (
        ("RLIMIT_CORE", 0),
        ("RLIMIT_FSIZE", 0),
        ("RLIMIT_MEMLOCK", 0),
        ("RLIMIT_MSGQUEUE", 0),
        ("RLIMIT_NOFILE", _FILES),
        ("RLIMIT_NPROC", _PROCESSES if bounded else 0),
        ("RLIMIT_CPU", whole_session),
    ):
        limit = getattr(resource, name, None)
        if limit is not None:
            resource.setrlimit(limit, (value, value))


def _address_space() -> int:
    try:
        with open("/proc/self/statm", "rb") as statm:  # noqa: PTH123 - runs in every worker: no pathlib here
            return int(statm.read().split()[0]) * resource.getpagesize()
    except OSError:
        return 1 << 28


def _kernel_version() -> tuple[int, int]:
    major, minor = os.uname().release.split(".")[:2]
    return int(major), int("".join(filter(str.isdigit, minor)) or 0)
