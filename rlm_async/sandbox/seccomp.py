"""The filter that decides which system calls a worker may make: an allow-list of about forty.

Default: the process is killed. Calls that honest Python makes in passing (opening files, asking for the
user id) fail with EPERM instead, so that they are ordinary errors of the code. No memory may become
executable. Source: seccomp(2), bpf(2); Python 3.11-3.14 and glibc, by strace.
"""

from __future__ import annotations

import ctypes
import errno
import functools
import sys

from rlm_async.sandbox.kernel import PR_SET_PDEATHSIG, PR_SET_SECCOMP, prctl
from rlm_async.sandbox.syscalls import Architecture, here

_ALLOWED = """
read write close lseek poll ppoll pselect6 munmap brk mremap madvise rt_sigaction rt_sigprocmask
rt_sigreturn sigaltstack readv writev sched_yield nanosleep clock_nanosleep getpid gettid exit
exit_group futex gettimeofday clock_gettime clock_getres getrandom restart_syscall getrusage membarrier
rseq set_robust_list fstat recvmsg pipe2 wait4 setpriority
"""
_DENIED = """
open openat stat lstat newfstatat statx access faccessat faccessat2 readlink readlinkat getcwd
getdents64 ioctl uname sysinfo fcntl dup select pread64 getuid getgid geteuid getegid getsockname
getpeername getsockopt getrlimit
"""
_FORK = 0x01200011
"""CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID | SIGCHLD: what fork(3) of glibc asks for, and nothing else."""
_FORK_MUSL = 17
_KILL, _ALLOW, _ERRNO = 0x80000000, 0x7FFF0000, 0x00050000
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER, _ARCH, _ARGUMENTS = 0, 4, 16
_X32 = 0x40000000
_PROT_EXEC = 4
_SECCOMP_MODE_FILTER = 2
_SIGKILL = 9

Instruction = tuple[int, int, int, int]


class _Filter(ctypes.Structure):
    _fields_ = [  # type: ignore[mutable-override]  # how ctypes declares a structure
        ("code", ctypes.c_uint16),
        ("jt", ctypes.c_uint8),
        ("jf", ctypes.c_uint8),
        ("k", ctypes.c_uint32),
    ]


class _Program(ctypes.Structure):
    _fields_ = [("len", ctypes.c_uint16), ("filter", ctypes.POINTER(_Filter))]  # type: ignore[mutable-override]  # the same


def _load(offset: int) -> Instruction:
    return (_LOAD, 0, 0, offset)


def _give(verdict: int) -> Instruction:
    return (_RETURN, 0, 0, verdict)


def _low(argument: int) -> int:
    return _ARGUMENTS + 8 * argument + (0 if sys.byteorder == "little" else 4)


def _only(number: int, body: list[Instruction]) -> list[Instruction]:
    """Run `body`, which must return, where the call is `number`; the accumulator keeps the number elsewhere."""
    return [(_EQUAL, 0, len(body), number), *body]


def _when_equal(checks: list[tuple[int, int]]) -> list[Instruction]:
    """Allow where each (offset, value) holds, else kill."""
    body: list[Instruction] = []
    for offset, value in checks:
        body += [_load(offset), (_EQUAL, 1, 0, value), _give(_KILL)]
    return [*body, _give(_ALLOW)]


def program(machine: Architecture, *, fork: bool) -> list[Instruction]:
    """The filter as classic BPF; `fork` lets the worker make check-points of itself."""
    numbers = machine.numbers
    code = [_load(_ARCH), (_EQUAL, 1, 0, machine.audit), _give(_KILL), _load(_NUMBER)]
    code += [(_AT_LEAST, 0, 1, _X32), _give(_KILL)]
    for name in ("mmap", "mprotect"):
        code += _only(numbers[name], [_load(_low(2)), (_ANY_BIT, 0, 1, _PROT_EXEC), _give(_KILL), _give(_ALLOW)])
    code += _only(numbers["prctl"], _when_equal([(_low(0), PR_SET_PDEATHSIG), (_low(1), _SIGKILL)]))
    if fork:
        flags = [_load(_low(0)), (_EQUAL, 1, 0, _FORK), (_EQUAL, 0, 1, _FORK_MUSL), _give(_ALLOW), _give(_KILL)]
        code += _only(numbers["clone"], flags)
    code += _only(numbers["clone3"], [_give(_ERRNO | errno.ENOSYS)])
    for name in _ALLOWED.split():
        if name in numbers:
            code += _only(numbers[name], [_give(_ALLOW)])
    for name in _DENIED.split():
        if name in numbers:
            code += _only(numbers[name], [_give(_ERRNO | errno.EPERM)])
    return [*code, _give(_KILL)]


def install(*, fork: bool) -> bool:
    """Put the filter on this process for good; False where the kernel or the processor has none."""
    program = packed(fork=fork)
    return program is not None and prctl(PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.addressof(program))


@functools.cache
def packed(*, fork: bool) -> ctypes.Structure | None:
    """The filter as the kernel takes it, made once: the zygote asks before it forks. None where there is none."""
    machine = here()
    if machine is None:
        return None
    code = program(machine, fork=fork)
    array = (_Filter * len(code))(*(_Filter(*instruction) for instruction in code))
    return _Program(len(code), array)


def available() -> bool:
    """Whether a filter could be put on: a null program is refused with EFAULT where filters exist."""
    if here() is None or not sys.platform.startswith("linux"):
        return False
    prctl(PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, 0)
    return ctypes.get_errno() == errno.EFAULT
