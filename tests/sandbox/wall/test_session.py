"""What code in a session can do, what it may ask, and what it gets back; plain Python, so that only the wall acts."""

from __future__ import annotations

import anyio
import pytest

from rlm_async.core.context import Context
from rlm_async.errors import SandboxCrashed
from rlm_async.sandbox.limits import CellLimits
from tests.sandbox.wall.conftest import QUICK, FakeHost, opened

pytestmark = pytest.mark.anyio

ASK = """
def ask(prompt, **more):
    link = llm_query.__self__._link
    fields = dict(kind='llm', prompt=prompt, context=None, model=None, schema=None, sample=0, cached=True, grant={})
    return link.call('query', {**fields, **more})
def got(*tickets):
    link = llm_query.__self__._link
    found = []
    for ticket in tickets:
        link.wait([ticket])
        found.append(link.take(ticket))
    return found
"""


async def test_variables_live_from_cell_to_cell():
    async with opened() as sandbox:
        await sandbox.run("x = 20")
        output = await sandbox.run("x += 1\nprint(x)")
        assert (output.stdout, output.outcome) == ("21\n", "ok")
        assert await sandbox.variables() == {"x": "21"}


@pytest.mark.parametrize(
    "context",
    [
        "",
        "plain",
        "h\xe9",
        "\u4e2d\u6587",
        "a\U0001f600",
        "\ud800 lone",
        ["a", "", "\u4e2d"],
        {"k": "v", "\xe9": "\U0001f600"},
        [],
        {},
    ],
)
async def test_a_context_arrives_as_it_was(context):
    async with opened(context) as sandbox:
        output = await sandbox.run("print(ascii(context))")
        assert output.stdout == ascii(context) + "\n"


async def test_a_context_of_many_pieces_arrives_whole():
    text = "".join(chr(33 + i % 90) for i in range(700_001)) + "\u4e2d"
    async with opened([text, "x" * 300_000, text[:5]]) as sandbox:
        output = await sandbox.run(
            "import hashlib\nprint([hashlib.md5(t.encode()).hexdigest() for t in context], context[1] == 'x' * 300_000)"
        )
    import hashlib

    digests = [hashlib.md5(t.encode()).hexdigest() for t in (text, "x" * 300_000, text[:5])]  # noqa: S324
    assert output.stdout == f"{digests} True\n"


async def test_queries_run_at_the_same_time_and_are_answered_as_they_come():
    host = FakeHost(hold={"slow"})
    async with opened(host=host) as sandbox:
        await sandbox.run(ASK)
        code = "slow, quick = ask('slow'), ask('quick')\nprint(got(quick)[0]['value'])\nask('go')\nprint(got(slow)[0]['value'])"

        async def release():
            while not any(query.prompt == "go" for query in host.asked):
                await anyio.sleep(0.005)
            host.gate.set()

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(release)
            output = await sandbox.run(code)
        assert output.stdout == "yes: quick\nyes: slow\n"


async def test_a_query_carries_everything_that_code_gave():
    host = FakeHost()
    async with opened("0123456789", host) as sandbox:
        await sandbox.run(ASK)
        fields = "kind='rlm', context={'$slice': [0, 2, 5]}, model='m', schema='{}', sample=3, cached=False, grant={'usd': 0.5}"
        output = await sandbox.run(f"print(got(ask('p', {fields})))\nprint(got(ask('q', context=['a', 'b'])))")
        assert output.outcome == "ok", output
    first, second = host.asked
    assert first.context == Context.of("234")
    assert (first.kind, first.model, first.schema, first.sample, first.cached) == ("rlm", "m", "{}", 3, False)
    assert first.grant == {"usd": 0.5}
    assert second.context == Context.of(["a", "b"])


async def test_only_tools_that_the_caller_listed_are_called():
    host = FakeHost(tools={"lend": "lend(x)"})
    code = """
link = llm_query.__self__._link
for name in ('lend', 'steal'):
    ticket = link.call('tool', {'name': name, 'arguments': [1, 'a', None], 'named': {'k': [2.5]}})
    link.wait([ticket])
    print(link.take(ticket))
"""
    async with opened(host=host) as sandbox:
        lent, stolen = (await sandbox.run(code)).stdout.splitlines()
    assert "'arguments': [1, 'a', None]" in lent
    assert "no such tool; there are: lend" in stolen


async def test_the_budget_can_be_asked_for():
    code = "link = llm_query.__self__._link\nt = link.call('budget', {})\nlink.wait([t])\nprint(link.take(t))"
    async with opened() as sandbox:
        assert (await sandbox.run(code)).stdout == "{'calls': 7.0, 'usd': None}\n"


async def test_a_call_that_is_cancelled_or_left_open_is_cancelled_on_the_host():
    host = FakeHost(hold={"a", "b"})
    async with opened(host=host) as sandbox:
        await sandbox.run(ASK)
        output = await sandbox.run(
            "ta, tb = ask('a'), ask('b')\nllm_query.__self__._link.cancel(ta)\nprint(llm_query('c'))"
        )
        assert output.stdout == "yes: c\n"
    assert {query.prompt for query in host.cancelled} == {"a", "b"}


async def test_waiting_for_the_host_is_charged_to_no_limit():
    host = FakeHost(hold={"slow"})
    limits = CellLimits(cpu_seconds=0.3, wall_seconds=0.2, grace_seconds=0.1)
    async with opened(host=host, cell=limits) as sandbox:

        async def release():
            while not host.asked:
                await anyio.sleep(0.005)
            await anyio.sleep(0.4)
            host.gate.set()

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(release)
            output = await sandbox.run("print(llm_query('slow'))")
    assert (output.outcome, output.stdout) == ("ok", "yes: slow\n")


async def test_a_cell_past_its_processor_time_loses_its_own_work_only():
    async with opened() as sandbox:
        await sandbox.run("x = [1]")
        output = await sandbox.run("x.append(2)\ny = 1\nprint('so far')\nwhile True: pass")
        assert output.outcome == "killed"
        assert "processor time" in output.error.message
        assert "as they were before the cell" in output.lost
        assert output.stdout == "so far\n"
        assert await sandbox.variables() == {"x": "[1]"}


async def test_a_cell_past_its_wall_time_is_stopped():
    async with opened(cell=CellLimits(wall_seconds=0.1, grace_seconds=0.05)) as sandbox:
        output = await sandbox.run("import time\ntime.sleep(1000)")
        assert output.outcome == "killed"
        assert "took more than 0.1 s" in output.error.message


async def test_a_loop_in_c_is_killed_and_the_variables_stay():
    async with opened() as sandbox:
        await sandbox.run("x = 5")
        output = await sandbox.run("sum(range(10 ** 11))")
        assert output.outcome == "killed"
        assert (await sandbox.run("print(x)")).stdout == "5\n"


async def test_code_that_swallows_the_stop_is_killed():
    async with opened() as sandbox:
        output = await sandbox.run("while True:\n    try:\n        while True: pass\n    except BaseException: pass")
        assert output.outcome == "killed"
        assert (await sandbox.run("print(context)")).stdout == "the context\n"


async def test_memory_that_a_cell_fills_and_keeps_is_given_back():
    async with opened(cell=CellLimits(memory_bytes=96 << 20)) as sandbox:
        await sandbox.run("keep = 'me'")
        output = await sandbox.run("hoard = []\nwhile True: hoard.append(bytearray(1 << 20))")
        assert output.outcome == "contained"
        assert output.error.type == "MemoryError"
        assert "before the cell" in output.lost
        output = await sandbox.run("big = bytearray(40 << 20)\nprint(keep)")
        assert (output.outcome, output.stdout) == ("ok", "me\n")


async def test_the_memory_limit_leaves_room_for_twice_the_context():
    text = "x" * (48 << 20)
    async with opened(text, cell=CellLimits(memory_bytes=16 << 20, cpu_seconds=5)) as sandbox:
        output = await sandbox.run("other = context.replace('x', 'y')\nprint(len(other))")
        assert output.stdout == f"{48 << 20}\n"
        assert (await sandbox.run("more = [context.upper() for _ in range(3)]")).outcome == "contained"


async def test_cells_since_the_check_point_are_run_again_in_order():
    host = FakeHost()
    async with opened(host=host) as sandbox:
        await sandbox.run("import random\nlog = []")
        for number in range(40):
            await sandbox.run(f"log.append({number})\nlast = random.random()\nprint(last)")
        last = (await sandbox.run("print(last)")).stdout
        assert (await sandbox.run("import ctypes; ctypes.string_at(0)")).outcome == "killed"
        assert (await sandbox.run("print(log == list(range(40)))")).stdout == "True\n"
        assert (await sandbox.run("print(last)")).stdout == last


async def test_a_cell_that_asked_something_is_never_run_again():
    host = FakeHost()
    async with opened(host=host) as sandbox:
        await sandbox.run("a = llm_query('once')")
        for _ in range(3):
            await sandbox.run("import os; os.abort()")
            assert (await sandbox.run("print(a)")).stdout == "yes: once\n"
    assert [query.prompt for query in host.asked] == ["once"]


async def test_hundreds_of_crashes_in_one_session_are_survived():
    async with opened() as sandbox:
        await sandbox.run("x = 0")
        for number in range(30):
            assert (await sandbox.run("import ctypes; ctypes.string_at(0)")).outcome == "killed"
            await sandbox.run(f"assert x == {number}; x += 1")
        assert await sandbox.variables() == {"x": "30"}


async def test_two_cells_at_once_are_refused():
    host = FakeHost(hold={"wait"})
    async with opened(host=host) as sandbox, anyio.create_task_group() as tasks:
        tasks.start_soon(sandbox.run, "llm_query('wait')")
        while not host.asked:
            await anyio.sleep(0.005)
        with pytest.raises(SandboxCrashed, match="one cell at a time"):
            await sandbox.run("1")
        host.gate.set()


async def test_too_many_calls_are_answered_by_an_error_first():
    limits = CellLimits(calls=5)
    async with opened(cell=limits) as sandbox:
        output = await sandbox.run(
            "for i in range(5): llm_query('x')\ntry: llm_query('y')\nexcept RuntimeError as e: print(e)"
        )
        assert "5 calls to the host" in output.stdout
        output = await sandbox.run("while True:\n    try: llm_query('z')\n    except RuntimeError: pass")
        assert output.outcome == "killed"
        assert "more than 10 calls" in output.error.message


async def test_too_many_bytes_end_the_cell():
    async with opened(cell=CellLimits(total_bytes=1 << 20)) as sandbox:
        output = await sandbox.run("for i in range(50): llm_query('x' * 100_000)")
        assert output.outcome == "killed"
        assert "bytes to the host" in output.error.message


async def test_a_message_over_the_limit_is_an_ordinary_error_of_the_code():
    async with opened(cell=CellLimits(message_bytes=10_000)) as sandbox:
        output = await sandbox.run("try: llm_query('x' * 20_000)\nexcept ValueError as e: print(e)")
        assert "more than 10,000 bytes" in output.stdout


async def test_lone_surrogates_are_refused_in_messages_and_replaced_in_output():
    async with opened() as sandbox:
        output = await sandbox.run("try: llm_query('\\ud800')\nexcept ValueError as e: print(e)\nprint('\\udfff')")
        assert "lone surrogates" in output.stdout
        assert output.stdout.endswith("?\n")


async def test_a_host_that_fails_fails_the_run_and_not_the_loop():
    class Failing(FakeHost):
        async def spawn(self, queries):
            raise KeyError("a bug of the host")

    async with opened(host=Failing()) as sandbox:
        with pytest.raises(KeyError):
            await sandbox.run("llm_query('x')")


async def test_a_reply_that_cannot_travel_is_an_error_reply():
    class Odd(FakeHost):
        async def tool(self, name, arguments, named):
            from rlm_async.core.query import Reply

            return Reply({1: object()})

    code = "link = llm_query.__self__._link\nt = link.call('tool', {'name': 'f', 'arguments': [], 'named': {}})\nlink.wait([t])\nprint(link.take(t)['error'])"
    async with opened(host=Odd(tools={"f": "f()"})) as sandbox:
        assert (await sandbox.run(code)).stdout == "ToolError\n"


async def test_code_that_is_too_long_is_refused():
    async with opened(cell=CellLimits(source_characters=10)) as sandbox:
        assert (await sandbox.run("x = 1 # long")).outcome == "refused"


async def test_output_is_bounded():
    async with opened(cell=CellLimits(output_characters=1000, cpu_seconds=QUICK.cpu_seconds)) as sandbox:
        output = await sandbox.run("print('x' * 5_000_000)")
        assert len(output.stdout) == 1000
        assert output.stdout_characters == 5_000_001
