"""More native attacks, by class: what the kernel must stop when nothing above it does."""

from __future__ import annotations

import os
import socket

import anyio
import pytest

from rlm_async.sandbox.limits import CellLimits
from tests.sandbox.wall.conftest import FakeHost, descendants, opened

pytestmark = pytest.mark.anyio

SYSCALL = "import ctypes\nlibc = ctypes.CDLL(None, use_errno=True)\n"

KILLED = {
    "io_uring_setup": SYSCALL + "libc.syscall(425, 8, 0)",
    "userfaultfd": SYSCALL + "libc.syscall(323, 0)",
    "memfd_create": "import os\nos.memfd_create('x')",
    "personality": SYSCALL + "libc.personality(0x0040000)",
    "keyctl": SYSCALL + "libc.syscall(250, 0, -3, 0)",
    "add_key": SYSCALL + "libc.syscall(248, b'user', b'x', b'y', 1, -3)",
    "bpf": SYSCALL + "libc.syscall(321, 0, 0, 0)",
    "perf_event_open": SYSCALL + "libc.syscall(298, 0, 0, -1, -1, 0)",
    "execve": "import os\nos.execv('/bin/sh', ['sh', '-c', 'id'])",
    "posix_spawn": "import os\nos.posix_spawn('/bin/sh', ['sh'], {})",
    "exec mmap": "import mmap\nmmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)",
    "exec mprotect": SYSCALL
    + "b = ctypes.create_string_buffer(8192)\nlibc.mprotect(ctypes.c_void_p(ctypes.addressof(b) & ~4095), 4096, 7)",
    "pkey_mprotect": SYSCALL + "libc.syscall(329, 0, 4096, 4, -1)",
    "prctl: dumpable again": SYSCALL + "libc.prctl(4, 1, 0, 0, 0)",
    "prctl: no parent-death signal": SYSCALL + "libc.prctl(1, 0, 0, 0, 0)",
    "prctl: another filter": SYSCALL + "libc.prctl(22, 1, 0, 0, 0)",
    "seccomp": SYSCALL + "libc.syscall(317, 0, 0, 0)",
    "setrlimit": "import resource\nresource.setrlimit(resource.RLIMIT_NPROC, (100, 100))",
    "prlimit of the host": f"import resource\nresource.prlimit({os.getpid()}, resource.RLIMIT_CPU)",
    "signal the host": f"import os\nos.kill({os.getpid()}, 0)",
    "signal all": "import os\nos.kill(-1, 9)",
    "own group": "import os\nos.setpgid(0, 0)",
    "own session": "import os\nos.setsid()",
    "tgkill": SYSCALL + f"libc.syscall(234, {os.getpid()}, {os.getpid()}, 9)",
    "pidfd_open": f"import os\nos.pidfd_open({os.getpid()})",
    "process_vm_readv": SYSCALL + f"libc.syscall(310, {os.getpid()}, 0, 0, 0, 0, 0)",
    "ptrace attach": SYSCALL + f"libc.ptrace(16, {os.getpid()}, 0, 0)",
    "thread": "import _thread\n_thread.start_new_thread(print, ())",
    "vfork": SYSCALL + "libc.vfork()",
    "clone with namespaces": SYSCALL + "libc.syscall(56, 0x10000000 | 17, 0, 0, 0, 0)",
    "setns": SYSCALL + "libc.setns(0, 0)",
    "mount": SYSCALL + "libc.mount(b'none', b'/', None, 0, None)",
    "chroot": "import os\nos.chroot('/')",
    "setresuid": "import os\nos.setresuid(0, 0, 0)",
    "capset": SYSCALL + "libc.syscall(126, 0, 0)",
    "socket: inet": "import socket\nsocket.socket(socket.AF_INET, socket.SOCK_DGRAM)",
    "socket: unix": "import socket\nsocket.socket(socket.AF_UNIX)",
    "socket: netlink": SYSCALL + "libc.socket(16, 3, 0)",
    "socketpair": "import socket\nsocket.socketpair()",
    "sendmsg": "import socket\nsocket.socket(fileno=4, family=socket.AF_UNIX, type=5, proto=0).sendmsg([b'x'])",
    "shared memory": SYSCALL + "libc.shmget(1, 4096, 0o1666)",
    "message queue": SYSCALL + "libc.msgget(1, 0o1666)",
    "inotify": SYSCALL + "libc.inotify_init1(0)",
    "timerfd": SYSCALL + "libc.timerfd_create(0, 0)",
    "setitimer": "import signal\nsignal.setitimer(signal.ITIMER_REAL, 1)",
    "unlink": "import os\nos.unlink('/tmp/x')",
    "mkdir": "import os\nos.mkdir('/tmp/x')",
    "chmod": "import os\nos.chmod('/tmp', 0o777)",
    "x32 calls": SYSCALL + "libc.syscall(0x40000000 + 39)",
    "kexec": SYSCALL + "libc.syscall(246, 0, 0, 0, 0)",
    "reboot": SYSCALL + "libc.syscall(169, 0, 0, 0, 0)",
    "open_by_handle_at": SYSCALL + "libc.syscall(304, 0, 0, 0)",
    "landlock again": SYSCALL + "libc.syscall(444, 0, 0, 1)",
    "splice": SYSCALL + "libc.splice(0, 0, 3, 0, 10, 0)",
    "dup2 over the wire": "import os\nos.dup2(0, 3)",
}
REFUSED = {
    "environment of the host": f"print(open('/proc/{os.getpid()}/environ').read())",
    "own maps": "print(open('/proc/self/maps').read())",
    "memory of another": f"open('/proc/{os.getpid()}/mem', 'rb')",
    "listing": "import os\nprint(os.listdir('/'))",
    "stat": "import os\nprint(os.stat('/etc/passwd'))",
    "readlink": f"import os\nprint(os.readlink('/proc/{os.getpid()}/cwd'))",
    "device": "open('/dev/mem', 'rb')",
    "write": "open('/tmp/rlm-async-escaped', 'w')",
    "import from disk": "import xml.dom.minidom",
    "terminal": "import fcntl\nfcntl.ioctl(0, 0x5412, b'x')",
}
BOMBS = {
    "forks": "import os\ntry:\n    while True: os.fork()\nexcept OSError: pass\nwhile True: pass",
    "forks that sleep": "import os, time\ntry:\n    while True:\n        if not os.fork():\n            time.sleep(1000)\nexcept OSError: pass\nwhile True: pass",
    "forks from forks": "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass",
    "all signals ignored": "import signal\nfor n in range(1, 65):\n    try: signal.signal(n, signal.SIG_IGN)\n    except (OSError, ValueError): pass\nwhile True: pass",
}


@pytest.mark.parametrize("attack", KILLED)
async def test_the_kernel_kills(attack):
    async with opened() as sandbox:
        output = await sandbox.run("kept = 1\n" + KILLED[attack])
        assert output.outcome == "killed", output
        assert (await sandbox.run("print(context)")).stdout == "the context\n"


@pytest.mark.parametrize("attack", REFUSED)
async def test_the_kernel_refuses(attack):
    async with opened() as sandbox:
        output = await sandbox.run(REFUSED[attack])
        assert output.outcome in ("refused", "error"), output
        assert output.stdout == ""
        assert output.error.type in ("PermissionError", "ModuleNotFoundError", "OSError"), output


@pytest.mark.parametrize("attack", BOMBS)
async def test_bombs_end_with_their_session_and_leave_the_variables(attack):
    async with opened(cell=CellLimits(cpu_seconds=0.3, wall_seconds=2, grace_seconds=0.1)) as sandbox:
        await sandbox.run("x = 1")
        before = descendants()
        assert (await sandbox.run(BOMBS[attack])).outcome == "killed"
        assert (await sandbox.run("print(x)")).stdout == "1\n"
        with anyio.fail_after(10):  # the last of the dead may wait to be buried
            while len(descendants() - before) > 3:
                await anyio.sleep(0.02)


async def test_the_number_of_processes_is_bounded_by_the_kernel():
    code = """
import os, time
made = 0
try:
    for _ in range(50):
        if os.fork() == 0:
            time.sleep(1000)
        made += 1
except OSError as error:
    print(made, type(error).__name__)
"""
    async with opened() as sandbox:
        made, error = (await sandbox.run(code)).stdout.split()
        assert int(made) <= 7  # eight with the worker itself
        assert error == "BlockingIOError"


async def test_one_session_cannot_touch_another():
    async with opened() as mine, opened() as theirs:
        await theirs.run("x = 1")
        output = await mine.run(f"import os\nos.kill({theirs.pid}, 9)")
        assert output.outcome == "killed"
        assert (await theirs.run("print(x)")).stdout == "1\n"


async def test_abstract_sockets_of_the_host_are_out_of_reach():
    server = socket.socket(socket.AF_UNIX)
    server.bind("\0rlm-async-test-abstract")
    server.listen()
    with server:
        async with opened() as sandbox:
            code = "import socket\ns = socket.socket(socket.AF_UNIX)\ns.connect('\\0rlm-async-test-abstract')"
            assert (await sandbox.run(code)).outcome == "killed"


async def test_nothing_is_inherited():
    reader, writer = os.pipe()
    os.set_inheritable(writer, True)
    try:
        async with opened() as sandbox:
            code = """
import os
held = []
for fd in range(64):
    try:
        os.lseek(fd, 0, 1)
        held.append(fd)
    except OSError as error:
        if error.errno != 9: held.append(fd)
print(held, dict(os.environ))
"""
            held = [(await sandbox.run(code)).stdout]
            await sandbox.run("llm_query('something that a check-point is made for')")
            held += [(await sandbox.run(code)).stdout]
            # 0-2 the null device, 3 the wire, 4 the park socket, then the lifeline of the check-point
            assert held[0] == "[0, 1, 2, 3, 4] {}\n"
            assert held[1] in ("[0, 1, 2, 3, 4, 5] {}\n", "[0, 1, 2, 3, 4, 6] {}\n"), held
    finally:
        os.close(reader)
        os.close(writer)


async def test_keys_of_the_host_are_not_in_the_worker_s_memory(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-SENTINEL-" + "5f1c7a")
    code = """
import gc
print(any('SENT' + 'INEL' in s for o in gc.get_objects() if isinstance(o, dict) for s in map(str, o.values())))
"""
    async with opened() as sandbox:
        assert (await sandbox.run(code)).stdout == "False\n"


async def test_a_flood_of_garbage_on_the_wire_ends_the_session():
    from rlm_async.errors import SandboxCrashed

    async with opened() as sandbox:
        with pytest.raises(SandboxCrashed, match="broke the protocol"):
            await sandbox.run("import os\nwhile True: os.write(3, b'A' * 65536)")
        with pytest.raises(SandboxCrashed):
            await sandbox.run("1")


async def test_a_worker_that_plays_dead_is_stopped():
    async with opened(cell=CellLimits(wall_seconds=0.2, grace_seconds=0.05)) as sandbox:
        output = await sandbox.run("import os\nos.close(3)\nimport time\ntime.sleep(1000)")
        assert output.outcome == "killed"


async def test_a_worker_that_never_reads_its_replies_is_stopped():
    host = FakeHost()
    code = """
link = llm_query.__self__._link
fields = dict(kind='llm', prompt='x' * 50_000, context=None, model=None, schema=None, sample=0, cached=True, grant={})
for _ in range(200): link.call('query', fields)
while True: pass
"""
    async with opened(host=host) as sandbox, anyio.create_task_group() as tasks:
        assert (await sandbox.run(code)).outcome == "killed"
        tasks.cancel_scope.cancel()
    assert len(host.asked) == 200
