"""Numbers of the system calls that the jail names, for x86-64 and aarch64.

Source: Linux `arch/x86/entry/syscalls/syscall_64.tbl` and `include/uapi/asm-generic/unistd.h`.
"""

from __future__ import annotations

import platform
from dataclasses import dataclass

_X86_64 = """
read 0 write 1 open 2 close 3 stat 4 fstat 5 lstat 6 poll 7 lseek 8 mmap 9 mprotect 10 munmap 11 brk 12
rt_sigaction 13 rt_sigprocmask 14 rt_sigreturn 15 ioctl 16 pread64 17 readv 19 writev 20 access 21 select 23
sched_yield 24 mremap 25 madvise 28 dup 32 nanosleep 35 getpid 39 recvmsg 47 getsockname 51 getpeername 52
getsockopt 55 clone 56 exit 60 wait4 61 uname 63 fcntl 72 getcwd 79 readlink 89 gettimeofday 96 getrlimit 97
getrusage 98 sysinfo 99 getuid 102 getgid 104 geteuid 107 getegid 108 sigaltstack 131 setpriority 141
prctl 157 gettid 186
futex 202 getdents64 217 restart_syscall 219 clock_gettime 228 clock_getres 229 clock_nanosleep 230
exit_group 231 openat 257 newfstatat 262 readlinkat 267 faccessat 269 pselect6 270 ppoll 271
set_robust_list 273 pipe2 293 getrandom 318 membarrier 324 statx 332 rseq 334 clone3 435 faccessat2 439
"""

_AARCH64 = """
getcwd 17 fcntl 25 ioctl 29 dup 23 faccessat 48 openat 56 close 57 pipe2 59 getdents64 61 lseek 62 read 63
write 64 readv 65 writev 66 pread64 67 pselect6 72 ppoll 73 readlinkat 78 newfstatat 79 fstat 80 exit 93
exit_group 94 futex 98 set_robust_list 99 nanosleep 101 clock_gettime 113 clock_getres 114
clock_nanosleep 115 sched_yield 124 restart_syscall 128 sigaltstack 132 setpriority 140
rt_sigaction 134 rt_sigprocmask 135
rt_sigreturn 139 uname 160 getrlimit 163 getrusage 165 prctl 167 gettimeofday 169 getpid 172 getuid 174
geteuid 175 getgid 176 getegid 177 gettid 178 sysinfo 179 getsockname 204 getpeername 205 getsockopt 209
recvmsg 212 brk 214 munmap 215 mremap 216 clone 220 mmap 222 mprotect 226 madvise 233 wait4 260 getrandom 278
membarrier 283 statx 291 rseq 293 clone3 435 faccessat2 439
"""


@dataclass(frozen=True, slots=True)
class Architecture:
    """A processor's table of calls, and its name in the audit interface (linux/audit.h)."""

    audit: int
    numbers: dict[str, int]


def _table(text: str) -> dict[str, int]:
    words = text.split()
    return {name: int(number) for name, number in zip(words[::2], words[1::2], strict=True)}


_KNOWN = {
    "x86_64": Architecture(0xC000003E, _table(_X86_64)),
    "aarch64": Architecture(0xC00000B7, _table(_AARCH64)),
}


def here() -> Architecture | None:
    """The table of this machine; None where we have none."""
    return _KNOWN.get({"amd64": "x86_64", "arm64": "aarch64"}.get(platform.machine(), platform.machine()))
