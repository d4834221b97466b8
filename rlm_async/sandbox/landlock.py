"""Landlock: the process may open no file, no TCP port, no abstract socket, and signal nobody outside.

A rule set that handles every access and grants none. Needs no privilege. Source: landlock(7).
"""

from __future__ import annotations

import os
import struct

from rlm_async.sandbox.kernel import LANDLOCK_CREATE_RULESET, LANDLOCK_RESTRICT_SELF, syscall

_VERSION = 1
_FILES = {1: (1 << 13) - 1, 2: 1 << 13, 3: 1 << 14, 5: 1 << 15}
"""Kinds of file access by the version that brought them: all of ABI 1, then REFER, TRUNCATE, IOCTL_DEV."""
_TCP = (4, 0b11)
_SCOPES = (6, 0b11)
"""Abstract sockets and signals."""


def version() -> int:
    """The ABI of this kernel, 0 where there is none."""
    return max(0, syscall(LANDLOCK_CREATE_RULESET, None, 0, _VERSION))


def deny_all() -> bool:
    """Shut this process in; needs no_new_privs first. False where the kernel has no Landlock."""
    abi = version()
    if abi < 1:
        return False
    files = sum(bits for since, bits in _FILES.items() if abi >= since)
    tcp = _TCP[1] if abi >= _TCP[0] else 0
    scopes = _SCOPES[1] if abi >= _SCOPES[0] else 0
    attributes = struct.pack("=QQQ", files, tcp, scopes)
    size = 24 if scopes else 16 if tcp else 8
    rules = syscall(LANDLOCK_CREATE_RULESET, attributes, size, 0)
    if rules < 0:
        return False
    try:
        return syscall(LANDLOCK_RESTRICT_SELF, rules, 0) == 0
    finally:
        os.close(rules)
