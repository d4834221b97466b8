"""Opening, dying, cancelling, closing: whatever happens, no process and no descriptor is left (see `nothing_left`)."""

from __future__ import annotations

import contextlib
import gc
import os
import signal

import anyio
import pytest

from rlm_async.core.context import Context
from rlm_async.errors import ConfigError, SandboxCrashed, SandboxUnavailable
from rlm_async.sandbox import jail
from rlm_async.sandbox.factory import Sandbox
from rlm_async.sandbox.limits import CellLimits
from tests.sandbox.wall.conftest import QUICK, FakeHost, descendants, opened

pytestmark = pytest.mark.anyio


async def until_it_fails(sandbox):
    while True:
        await sandbox.run("x += 1")


def members(group):
    """The living processes of a session."""
    found = set()
    for pid in descendants():
        with contextlib.suppress(ProcessLookupError):
            if os.getpgid(pid) == group:
                found.add(pid)
    return found


def plain(**settings):
    return Sandbox(**{"without": ("policy",), "cell": QUICK, "warm": 1, **settings})


async def test_a_worker_killed_from_outside_costs_its_cell_only():
    host = FakeHost(hold={"wait"})
    async with opened(host=host) as sandbox:
        await sandbox.run("x = 1")
        outputs = []

        async def run():
            outputs.append(await sandbox.run("x = 2\nllm_query('wait')"))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(run)
            while not host.asked:
                await anyio.sleep(0.005)
            os.kill(sandbox.pid, signal.SIGKILL)
        assert outputs[0].outcome == "killed"
        assert (await sandbox.run("print(x)")).stdout == "1\n"


async def test_a_worker_killed_between_cells_is_replaced():
    async with opened() as sandbox:
        await sandbox.run("x = 1")
        os.kill(sandbox.pid, signal.SIGKILL)
        outputs = [await sandbox.run("print(x)"), await sandbox.run("print(x)")]
        assert outputs[-1].stdout == "1\n"


async def test_when_worker_and_check_point_die_the_session_says_so():
    async with opened() as sandbox:
        await sandbox.run("x = llm_query('a')")
        await sandbox.run("print(x)")
        os.killpg(sandbox.pid, signal.SIGKILL)
        with pytest.raises(SandboxCrashed):
            await sandbox.run("print(x)")


async def test_before_the_first_check_point_another_worker_takes_over():
    async with opened("the context") as sandbox:
        await sandbox.run("import random\nx = random.random()\nprint(x)")
        x = (await sandbox.run("print(x)")).stdout
        first = sandbox.pid
        os.killpg(first, signal.SIGKILL)
        output = await sandbox.run("y = 1")
        if output.outcome != "killed":  # it ran before the signal came, or after the worker was replaced
            assert (await sandbox.run("print(y)")).stdout == "1\n"
        assert (await sandbox.run("print(x)")).stdout == x
        assert (await sandbox.run("print(context)")).stdout == "the context\n"
        assert sandbox.pid != first


async def test_a_session_of_quick_cells_is_one_process_until_something_cannot_be_run_again():
    async with opened() as sandbox:
        for number in range(10):
            await sandbox.run(f"x = {number}")
        assert members(sandbox.pid) == {sandbox.pid}
        await sandbox.run("y = llm_query('a')")
        await sandbox.run("print(y)")
        assert len(members(sandbox.pid)) == 2


async def test_no_check_point_is_made_once_the_answer_is_there():
    async with Sandbox(cell=QUICK, warm=0) as factory, factory.open(Context.of("x"), FakeHost()) as sandbox:
        assert (await sandbox.run("FINAL(llm_query('a'))")).answer.value == "yes: a"
        await anyio.sleep(0.05)
        assert members(sandbox.pid) == {sandbox.pid}
        assert (await sandbox.run("while True: pass")).outcome == "killed"
        assert (await sandbox.run("x = 1\nprint(x)")).stdout == "1\n"


async def test_workers_are_in_groups_of_their_own_in_one_session():
    """Where the kernel shares the processor out by sessions, priorities would else not count between them."""
    async with opened() as one, opened() as other:
        assert os.getpgid(one.pid) == one.pid != os.getpgid(other.pid)
        assert os.getsid(one.pid) == os.getsid(other.pid) != os.getsid(0)


async def test_a_killed_zygote_takes_its_sessions_and_the_next_one_is_new():
    async with plain() as factory:
        async with factory.open(Context.of("x"), FakeHost()) as sandbox:
            await sandbox.run("x = 1")
            os.kill(factory._launcher.pid, signal.SIGKILL)
            with pytest.raises(SandboxCrashed):
                await until_it_fails(sandbox)
        async with factory.open(Context.of("x"), FakeHost()) as sandbox:
            assert (await sandbox.run("print(context)")).stdout == "x\n"


@pytest.mark.parametrize(
    "code", ["while True: pass", "llm_query('wait')", "import time; time.sleep(100)", "sum(range(10**11))"]
)
async def test_a_cancelled_cell_leaves_nothing_and_the_session_goes_on(code):
    host = FakeHost(hold={"wait"})
    async with opened(host=host) as sandbox:
        await sandbox.run("x = 1")
        with anyio.move_on_after(0.05):
            await sandbox.run(f"x = 2\n{code}")
        assert (await sandbox.run("print(x)")).stdout == "1\n"


async def test_cancelling_at_any_point_of_a_session_leaves_nothing():
    async with plain() as factory:
        await factory.start()
        for step in range(25):
            with anyio.move_on_after(step * 0.002):
                async with factory.open(Context.of("y" * 300_000), FakeHost()) as sandbox:
                    await sandbox.run("x = llm_query('a')")
                    await sandbox.run("import ctypes; ctypes.string_at(0)")
                    await sandbox.variables()
        async with factory.open(Context.of("x"), FakeHost()) as sandbox:
            assert (await sandbox.run("print(context)")).stdout == "x\n"


async def test_leaving_with_an_error_ends_the_processes():
    before = descendants()
    async with plain(warm=0) as factory:
        with pytest.raises(KeyError):
            async with factory.open(Context.of("x"), FakeHost()):
                raise KeyError
        while len(descendants() - before) > 1:  # the zygote alone
            await anyio.sleep(0.005)


async def test_a_factory_can_be_closed_and_used_again():
    factory = plain()
    for _ in range(2):
        async with factory.open(Context.of("x"), FakeHost()) as sandbox:
            assert (await sandbox.run("print(1)")).stdout == "1\n"
        await factory.aclose()


async def test_many_sessions_opened_at_once_are_all_their_own():
    seen = []

    async def one(factory, number):
        async with factory.open(Context.of(str(number)), FakeHost()) as sandbox:
            await sandbox.run(f"x = {number}")
            seen.append((sandbox.pid, (await sandbox.run("print(x, context)")).stdout))

    async with plain() as factory, anyio.create_task_group() as tasks:
        for number in range(12):
            tasks.start_soon(one, factory, number)
    assert sorted(text for _, text in seen) == sorted(f"{n} {n}\n" for n in range(12))
    assert len({pid for pid, _ in seen}) == 12


async def test_the_layers_are_told_and_can_be_required():
    wanted = ("seccomp", "landlock", "no_new_privs", "rlimits")
    async with plain(require=wanted) as factory, factory.open(Context.of("x"), FakeHost()) as sandbox:
        assert {"process", *wanted} <= set(sandbox.layers)
        assert "policy" not in sandbox.layers


async def test_a_required_layer_that_is_missing_fails_closed_and_is_named():
    async with plain(require=("policy",)) as factory:
        with pytest.raises(SandboxUnavailable, match="'policy'"):
            async with factory.open(Context.of("x"), FakeHost()):
                pytest.fail("opened without a required layer")


@pytest.mark.parametrize("settings", [{"require": ("moat",)}, {"without": ("seccomp",)}, {"mode": "loose"}])
async def test_settings_that_mean_nothing_are_refused_at_once(settings):
    with pytest.raises(ConfigError):
        Sandbox(**settings)


def test_strict_names_what_is_missing():
    assert "seccomp" in jail.missing(("process", "no_new_privs", "landlock"), (), strict=True)
    assert "landlock" in jail.missing(("no_new_privs", "seccomp"), (), strict=True)
    assert jail.missing(("no_new_privs", "seccomp", "mount"), (), strict=True) == ""
    assert jail.missing(("process",), (), strict=False) == ""


async def test_an_empty_root_can_be_had_beside_landlock():
    async with plain(require=("mount",)) as factory, factory.open(Context.of("x"), FakeHost()) as sandbox:
        assert "mount" in sandbox.layers
        assert (await sandbox.run("print(context)")).stdout == "x\n"


def test_a_factory_serves_one_event_loop_after_another():
    factory = plain()

    async def once():
        async with factory.open(Context.of("x"), FakeHost()) as sandbox:
            return (await sandbox.run("print(context)")).stdout

    assert [anyio.run(once, backend=name) for name in ("asyncio", "trio", "asyncio")] == ["x\n"] * 3
    anyio.run(factory.aclose)


def test_a_factory_that_is_forgotten_ends_its_processes():
    async def once():
        async with plain().open(Context.of("x"), FakeHost()) as sandbox:
            await sandbox.run("1")

    anyio.run(once)
    gc.collect()


async def test_hostile_cells_do_not_disturb_their_neighbours():
    hostile = [
        "while True: pass",
        "sum(range(10 ** 11))",
        "hoard = []\nwhile True: hoard.append(bytearray(1 << 20))",
        "print('x' * 1000)\nfor _ in range(2000): print('y' * 10_000)",
        "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass",
        "import ctypes; ctypes.string_at(0)",
    ]
    limits = CellLimits(cpu_seconds=0.2, wall_seconds=10, grace_seconds=0.05, memory_bytes=48 << 20)
    ended, beats, right = [], 0, 0

    async def attack(factory, code):
        async with factory.open(Context.of("x"), FakeHost()) as sandbox:
            ended.append((await sandbox.run(code)).outcome)

    async def work(factory, number):
        nonlocal right
        async with factory.open(Context.of("x" * number), FakeHost()) as sandbox:
            total = await sandbox.run("print(len(context), llm_query('q'), sum(n * n for n in range(1000)))")
            right += total.stdout == f"{number} yes: q 332833500\n"

    async def beat():
        nonlocal beats
        while True:
            await anyio.sleep(0.005)
            beats += 1

    async with plain(cell=limits) as factory, anyio.create_task_group() as pulse:
        pulse.start_soon(beat)
        async with anyio.create_task_group() as tasks:
            for number in range(12):
                tasks.start_soon(attack, factory, hostile[number % len(hostile)])
                tasks.start_soon(work, factory, number)
        pulse.cancel_scope.cancel()
    assert right == 12
    assert len(ended) == 12
    assert set(ended) <= {"ok", "contained", "killed"}
    assert beats > 12  # the loop went on
