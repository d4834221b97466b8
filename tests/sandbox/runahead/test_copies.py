"""Copies as processes of the jail: they die when the cell ends, with their worker, and at their allowance."""

from __future__ import annotations

import anyio
import pytest

from rlm_async.core.context import Context
from rlm_async.core.query import Reply
from rlm_async.errors import SandboxCrashed
from rlm_async.sandbox import runahead_scout
from rlm_async.sandbox.factory import Sandbox
from rlm_async.sandbox.limits import CellLimits
from rlm_async.sandbox.wire import Hint, Query, frame
from tests.sandbox.wall.conftest import descendants

pytestmark = pytest.mark.anyio

LONG = 0.05
"""A reply that takes longer than what run-ahead takes for a short wait."""


class Host:
    """Answers `yes` once `done` has come back; keeps hints and calls."""

    run_ahead = True

    def __init__(self, done=None, tools=None):
        self.tools = tools or {}
        self.hints = []
        self.asked = []
        self.called = []
        self.forgone = 0
        self._done = done

    async def spawn(self, queries):
        self.asked += [query.prompt for query in queries]
        if self._done is not None:
            await self._done()
        else:
            await anyio.sleep(LONG)
        return [Reply("yes") for _ in queries]

    async def tool(self, name, arguments, named):
        self.called.append(arguments)
        return Reply(None)

    def wait_for_hints(self, count):
        """Answer nobody before so many hints have come."""

        async def done():
            assert await until(lambda: len(self.hints) >= count)

        self._done = done

    def budget(self):
        return {"calls": None}

    def foresee(self, query, tell, *, sure):
        self.hints.append((query.prompt, sure))

    def forgo(self):
        self.forgone += 1


@pytest.fixture(scope="module")
def factory():
    """One zygote for both event loops."""
    sandbox = Sandbox(warm=0)
    yield sandbox
    anyio.run(sandbox.aclose)


LOSES_ITSELF = """
def ask(c):
    return llm_query(c).strip()
r = ask('first')
if r == 'yes':
    x = 1
else:
    x = sum(range(10 ** 13))
print(x, ask('second'))
"""


async def until(test, seconds=20.0):
    """Wait until `test()` holds; True if it did in time."""
    with anyio.move_on_after(seconds):
        while not test():
            await anyio.sleep(0.01)
        return True
    return False


async def test_a_copy_in_an_endless_loop_dies_when_the_cell_ends(factory):
    before = descendants()
    seen = []

    async def done():
        assert await until(lambda: len(descendants() - before) >= 3)  # worker, keeper, copy
        seen.append(len(descendants() - before))

    host = Host(done)
    async with factory.open(Context.of("text"), host) as sandbox:
        before |= descendants() - {sandbox.pid}
        before -= {sandbox.pid}
        output = await sandbox.run(LOSES_ITSELF)
        assert output.stdout == "1 yes\n"
        assert await until(lambda: len(descendants() - before) <= 2)  # worker, and the check-point made since
        assert (await sandbox.run("print(x)")).stdout == "1\n"
    assert seen
    assert host.forgone == 2


async def test_a_copy_has_so_much_processor_time_and_no_more(factory):
    before = descendants()

    async def done():
        assert await until(lambda: len(descendants() - before) >= 3)
        assert await until(lambda: len(descendants() - before) <= 1, 60 * runahead_scout.CPU_SECONDS)

    async with factory.open(Context.of("text"), Host(done)) as sandbox:
        before |= descendants() - {sandbox.pid}
        before -= {sandbox.pid}
        output = await sandbox.run(LOSES_ITSELF.replace("print(x, ask('second'))", "print(x)\ndef no(): ask('more')"))
        assert output.stdout == "1\n"


async def test_a_copy_dies_with_its_worker(factory):
    before = descendants()
    sandboxes = []

    async def done():
        assert await until(lambda: len(descendants() - before) >= 3)
        sandboxes[0]._process.kill()
        await anyio.sleep_forever()

    async with factory.open(Context.of("text"), Host(done)) as sandbox:
        sandboxes.append(sandbox)
        before |= descendants() - {sandbox.pid}
        before -= {sandbox.pid}
        output = await sandbox.run(LOSES_ITSELF)
        assert output.outcome == "killed"
        assert await until(lambda: len(descendants() - before) <= 1)  # the worker that took over
        assert (await sandbox.run("print(1 + 1)")).stdout == "2\n"


async def test_a_copy_may_take_only_a_little_memory(factory):
    source = """
def ask(c):
    return llm_query(c).strip()
kept = []
r = ask('first')
ask('early')
if r == 'yes':
    n = 0
else:
    for i in range(40):
        kept.append('x' * 5_000_000 + str(i))
    n = len(kept)
ask(f'after {n}')
print(n, ask('last'))
"""
    before = descendants()

    async def over():
        """The copy has come, and has ended by itself."""
        assert await until(lambda: ("early", True) in host.hints)
        assert await until(lambda: len(descendants() - before) <= 2)

    host = Host(over)
    async with factory.open(Context.of("text"), host) as sandbox:
        before |= descendants() - {sandbox.pid}
        before -= {sandbox.pid}
        output = await sandbox.run(source)
        assert output.stdout == "0 yes\n"
    assert "after 40" not in [prompt for prompt, _ in host.hints]
    few = Host()
    few.wait_for_hints(3)
    async with factory.open(Context.of("text"), few) as sandbox:
        assert (await sandbox.run(source.replace("range(40)", "range(2)"))).stdout == "0 yes\n"
    assert ("after 2", True) in few.hints


async def test_a_copy_calls_no_tool_prints_nothing_and_changes_nothing(factory):
    host = Host(tools={"log": "log(text)"})
    host.wait_for_hints(3)
    source = """
def ask(c):
    r = llm_query(f'Q {c}').strip()
    log(c)
    print(c, r)
    seen.append(c)
    return r
seen = []
for c in 'abcd':
    if ask(c) == 'no':
        break
FINAL(seen)
"""
    async with factory.open(Context.of("text"), host) as sandbox:
        output = await sandbox.run(source)
    assert host.called == [["a"], ["b"], ["c"], ["d"]]
    assert output.stdout == "a yes\nb yes\nc yes\nd yes\n"
    assert output.answer.value == ["a", "b", "c", "d"]
    assert host.asked == ["Q a", "Q b", "Q c", "Q d"]
    assert [prompt for prompt, _ in host.hints] == ["Q b", "Q c", "Q d"]


async def test_a_short_wait_is_worth_no_copy(factory):
    async def at_once():
        await anyio.lowlevel.checkpoint()

    host = Host(at_once)
    async with factory.open(Context.of("text"), host) as sandbox:
        for attempt in range(5):  # a crowded machine may make any wait a long one, but not each time
            host.hints.clear()
            await sandbox.run(f"for c in 'ab':\n    r = llm_query(c + '{attempt}')\n    if r == 'no': break\n")
            if not host.hints:
                break
        assert not host.hints


@pytest.mark.parametrize("host", [object(), None], ids=["cannot", "does not want"])
async def test_where_the_host_wants_no_hints_no_copy_is_made(factory, host):
    class Plain:
        tools = {}  # noqa: RUF012 - of a fake
        spawn, tool, budget = Host.spawn, Host.tool, Host.budget

        def __init__(self):
            self.asked, self._done = [], None

    listener = Host() if host is None else Plain()
    listener.run_ahead = False
    async with factory.open(Context.of("text"), listener) as sandbox:
        output = await sandbox.run("for c in 'abc':\n    r = llm_query(c)\n    if r == 'no': break\nprint(r)")
    assert output.stdout == "yes\n"
    assert getattr(listener, "hints", []) == []


# -- hints as an attacker would write them: plain Python in the jail, writing to the wire itself

HINT = {"kind": "llm", "prompt": "psst", "id": 0}


def forged(**fields):
    return frame(Hint(**{**HINT, **fields}))


async def attack(host, code, **limits):
    cell = CellLimits(cpu_seconds=2, **limits)
    async with (
        Sandbox(without=("policy",), warm=0, cell=cell) as factory,
        factory.open(Context.of(["one text"]), host) as sandbox,
    ):
        return await sandbox.run(code)


async def test_a_forged_hint_is_a_hint_and_asks_for_nothing():
    host = Host()
    data = forged(prompt="mine") + forged(prompt="mine too", sure=True, id=7)
    output = await attack(host, f"import os\nos.write(3, {data!r})\nprint('sent')")
    assert output.stdout == "sent\n"
    assert host.hints == [("mine", False), ("mine too", True)]
    assert host.asked == []


async def test_a_flood_of_hints_is_let_fall_and_then_ends_the_cell():
    host = Host()
    output = await attack(
        host, f"import os, time\nfor i in range(300):\n    os.write(3, {forged()!r})\ntime.sleep(9)", calls=50
    )
    assert output.outcome == "killed"
    assert "hints" in output.error.message
    assert len(host.hints) == 50


async def test_long_hints_have_an_allowance_of_bytes_too():
    host = Host()
    data = forged(prompt="x" * 40_000)
    output = await attack(host, f"import os\nfor i in range(20):\n    os.write(3, {data!r})\n", total_bytes=400_000)
    assert output.outcome == "ok"
    assert 1 <= len(host.hints) <= 10


@pytest.mark.parametrize(
    "data",
    [
        forged(slice=(0, -5, 3)),
        forged(slice=(9, 0, 3)),
        forged(sample=-1),
        forged()[:10] + b"\xff" + forged()[11:],
        frame(Query(**HINT)).replace(b"query", b"hints"),
    ],
    ids=["slice", "document", "sample", "bytes", "name"],
)
async def test_a_malformed_hint_ends_the_worker(data):
    with pytest.raises(SandboxCrashed, match="protocol"):
        await attack(Host(), f"import os, time\nos.write(3, {data!r})\ntime.sleep(5)")
