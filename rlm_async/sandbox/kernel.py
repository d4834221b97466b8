"""The few calls of the kernel that Python does not wrap, through ctypes."""

from __future__ import annotations

import ctypes
import sys

LINUX = sys.platform.startswith("linux")
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_SECCOMP = 1, 4, 22
PR_SET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS = 36, 38
CLONE_NEWNS, CLONE_NEWUTS, CLONE_NEWIPC = 0x00020000, 0x04000000, 0x08000000
CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000
LANDLOCK_CREATE_RULESET, LANDLOCK_RESTRICT_SELF = 444, 446
"""The same on every processor (asm-generic/unistd.h)."""

_libc = ctypes.CDLL(None, use_errno=True) if sys.platform != "win32" else None


def prctl(option: int, *arguments: int) -> bool:
    """Set an attribute of this process (man 2 prctl). Whether it succeeded. False off Linux."""
    if not LINUX or _libc is None:
        return False
    padded = [ctypes.c_ulong(value) for value in (*arguments, 0, 0, 0, 0)[:4]]
    return int(_libc.prctl(option, *padded)) == 0


def unshare(flags: int) -> bool:
    """Leave shared namespaces (man 2 unshare). Whether it succeeded. False off Linux."""
    return LINUX and _libc is not None and int(_libc.unshare(flags)) == 0


def drop_capabilities() -> bool:
    """Have no capability left, capset(2); whether it succeeded."""
    if not LINUX or _libc is None:
        return False
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    nothing = (ctypes.c_uint32 * 6)()
    return int(_libc.capset(header, nothing)) == 0


def mount(source: str, target: str, kind: str | None, flags: int, options: str | None = None) -> bool:
    """Attach a file system (man 2 mount). Whether it succeeded."""
    if not LINUX or _libc is None:
        return False
    words = [None if word is None else word.encode() for word in (source, target, kind, options)]
    return int(_libc.mount(words[0], words[1], words[2], ctypes.c_ulong(flags), words[3])) == 0


def syscall(number: int, *arguments: int | bytes | None) -> int:
    """Any system call by its number: its result, -1 for an error and off Linux."""
    if not LINUX or _libc is None:
        return -1
    converted = [ctypes.c_long(value) if isinstance(value, int) else value for value in arguments]
    _libc.syscall.restype = ctypes.c_long
    return int(_libc.syscall(ctypes.c_long(number), *converted))


def fork_quietly() -> int:
    """fork(3) without Python's own hooks: a check-point must wake up exactly as it was put down.

    Only for a process with one thread. Raises BlockingIOError where the kernel's bound on processes is
    reached, or there is no memory for the copy.
    """
    pid = int(_held.fork())
    if pid < 0:
        raise BlockingIOError("the kernel refused another process")
    return pid


_held = ctypes.PyDLL(None) if sys.platform != "win32" else ctypes.pythonapi
"""As `_libc`, but keeps the interpreter lock, so that parent and child hold it."""
