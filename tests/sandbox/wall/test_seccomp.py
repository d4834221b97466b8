"""The filter, run on a processor of our own: the same verdicts for x86-64 and aarch64, wherever the tests run."""

from __future__ import annotations

import struct

import pytest

from rlm_async.sandbox import seccomp, syscalls

KILL, ALLOW, EPERM, ENOSYS = 0x80000000, 0x7FFF0000, 0x00050001, 0x00050026
MACHINES = syscalls._KNOWN
FORK = 0x01200011


def verdict(machine, number, *arguments, fork=True, audit=None):
    """Classic BPF over a `struct seccomp_data`."""
    padded = [*arguments, 0, 0, 0, 0, 0, 0][:6]
    data = struct.pack("<IIQ6Q", number, machine.audit if audit is None else audit, 0, *padded)
    code, at, held = seccomp.program(machine, fork=fork), 0, 0
    while True:
        operation, yes, no, constant = code[at]
        at += 1
        if operation == 0x20:
            held = struct.unpack_from("<I", data, constant)[0]
        elif operation == 0x06:
            return constant
        else:
            holds = {0x15: held == constant, 0x35: held >= constant, 0x45: bool(held & constant)}[operation]
            at += yes if holds else no


@pytest.fixture(params=sorted(MACHINES))
def machine(request):
    return MACHINES[request.param]


def test_only_listed_calls_pass(machine):
    numbers = machine.numbers
    passing = {number for number in range(600) if verdict(machine, number, 1) == ALLOW}
    allowed = {numbers[name] for name in seccomp._ALLOWED.split() if name in numbers}
    assert passing == allowed | {numbers["mmap"], numbers["mprotect"]}


def test_file_calls_fail_and_the_rest_kills(machine):
    for name in seccomp._DENIED.split():
        if name in machine.numbers:
            assert verdict(machine, machine.numbers[name]) == EPERM
    listed = set(machine.numbers.values())
    assert {verdict(machine, number) for number in range(600) if number not in listed} == {KILL}


def test_no_memory_becomes_executable(machine):
    for name in ("mmap", "mprotect"):
        assert verdict(machine, machine.numbers[name], 0, 4096, 3) == ALLOW
        for protection in (4, 5, 6, 7, 0x1000004):
            assert verdict(machine, machine.numbers[name], 0, 4096, protection) == KILL


def test_a_plain_fork_passes_and_no_other_clone(machine):
    clone = machine.numbers["clone"]
    assert verdict(machine, clone, FORK) == ALLOW
    assert verdict(machine, clone, FORK, fork=False) == KILL
    for flags in (0, 0x100, FORK | 0x10000000, FORK | 0x20000000, 0x003D0F00, FORK | 0x4000, FORK | 0x8000):
        assert verdict(machine, clone, flags) == KILL
    assert verdict(machine, machine.numbers["clone3"], FORK) == ENOSYS


def test_prctl_arms_the_parent_death_signal_and_nothing_else(machine):
    prctl = machine.numbers["prctl"]
    assert verdict(machine, prctl, 1, 9) == ALLOW
    for arguments in ((1, 0), (1, 15), (4, 1), (22, 2), (38, 0), (15, 0)):
        assert verdict(machine, prctl, *arguments) == KILL


def test_another_architecture_s_calls_kill(machine):
    for audit in (0x40000003, 0x40000028, 0):
        assert verdict(machine, machine.numbers["read"], audit=audit) == KILL
    assert verdict(machine, 0x40000000 + machine.numbers["read"]) == KILL


def test_every_name_that_is_used_has_a_number():
    known = set(MACHINES["x86_64"].numbers)
    assert set(seccomp._ALLOWED.split()) | set(seccomp._DENIED.split()) <= known
    missing = (set(seccomp._ALLOWED.split()) | set(seccomp._DENIED.split())) - set(MACHINES["aarch64"].numbers)
    assert missing == {"open", "stat", "lstat", "access", "readlink", "poll", "select"}
