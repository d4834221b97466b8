"""What every sandbox must do, as claims to run against ours and a plugin's.

A claim takes `connect`, which opens a factory whose cells may compute for so many seconds, and raises
AssertionError where its sandboxes fail it. With pytest::

    @pytest.mark.parametrize("claim", SANDBOX_CLAIMS + STOPPING_CLAIMS, ids=lambda claim: claim.__name__)
    async def test_my_sandbox(claim):
        await claim(connect)

`STOPPING_CLAIMS` are about cells that must be ended from outside: not for a sandbox that says it cannot.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import anyio

from rlm_async.core.context import Context
from rlm_async.core.data import Data
from rlm_async.core.query import Reply, SubQuery
from rlm_async.core.transcript import CodeError, Output
from rlm_async.ports import Sandbox, SandboxFactory

Connect = Callable[[float], AbstractAsyncContextManager[SandboxFactory]]
Claim = Callable[[Connect], Awaitable[None]]

_ROOMY, _SHORT, _LONGER = 20.0, 0.3, 0.4
_PATIENCE = 30.0


class EchoHost:
    """Answers `yes: <prompt>`, fails what begins with `bad`, and holds what begins with `slow` until `gate` is set."""

    def __init__(self) -> None:
        self.tools: Mapping[str, str] = {"add": "add(a, b): their sum", "broken": "broken(): always fails"}
        self.asked: list[SubQuery] = []
        self.cancelled: list[SubQuery] = []
        self.held = anyio.Event()
        self.gate = anyio.Event()

    async def spawn(self, queries: Sequence[SubQuery]) -> list[Reply]:
        """Answer them."""
        self.asked += queries
        try:
            if any(query.prompt.startswith("slow") for query in queries):
                self.held.set()
                await self.gate.wait()
        except BaseException:
            self.cancelled += queries
            raise
        return [_reply(query.prompt) for query in queries]

    async def tool(self, name: str, arguments: Sequence[Data], named: Mapping[str, Data]) -> Reply:
        """`add` adds; everything else fails."""
        numbers = [value for value in (*arguments, *named.values()) if isinstance(value, int | float)]
        if name == "add":
            return Reply(sum(numbers))
        return Reply(error="ToolError", message="it is broken", status="failed")

    def budget(self) -> Mapping[str, float | None]:
        """Seven calls."""
        return {"calls": 7.0, "usd": None}


def _reply(prompt: str) -> Reply:
    if prompt.startswith("bad"):
        return Reply(error="ModelUnavailable", message="the model is down", status="failed")
    return Reply("yes: " + prompt)


@asynccontextmanager
async def _opened(
    connect: Connect,
    context: str | Sequence[str] | Mapping[str, str] = "four",
    *,
    host: EchoHost | None = None,
    seconds: float = _ROOMY,
) -> AsyncIterator[Sandbox]:
    async with connect(seconds) as factory, factory.open(Context.of(context), host or EchoHost()) as sandbox:
        with anyio.fail_after(_PATIENCE):
            yield sandbox


async def code_runs_and_variables_live_on(connect: Connect) -> None:
    """From cell to cell; functions and imports too."""
    async with _opened(connect) as sandbox:
        await _fine(sandbox, "import json\nx = 1\ndef twice(n):\n    return 2 * n")
        await _prints(sandbox, "x += 1\nprint(twice(x), json.dumps([x]))", "4 [2]\n")


async def the_last_expression_is_shown(connect: Connect) -> None:
    """Like in a notebook; None is not."""
    async with _opened(connect) as sandbox:
        await _prints(sandbox, "print('a')\n'b'", "a\n'b'\n")
        await _prints(sandbox, "None", "")
        await _prints(sandbox, "x = 5", "")


async def the_context_has_the_shape_that_it_was_given(connect: Connect) -> None:
    """A text, a list, a dict; whatever its characters."""
    for context in ("Grüße 你好 🙂", ["a", "b"], {"x": "1", "y": "2"}):
        async with _opened(connect, context) as sandbox:
            await _prints(sandbox, "print(context)", f"{context}\n")


async def failing_code_is_an_output(connect: Connect) -> None:
    """With type, message and line; what was assigned before it stays, and the session goes on."""
    async with _opened(connect) as sandbox:
        output = await sandbox.run("kept = 3\nprint('so far')\n{}['missing']\nkept = 4")
        _equal((output.outcome, output.stdout), ("error", "so far\n"))
        error = _error(output)
        _equal((error.type, error.line), ("KeyError", 3))
        _true("missing" in error.message, error.message)
        _true("File" not in error.message and "Traceback" not in error.message, error.message)
        await _prints(sandbox, "print(kept)", "3\n")


async def code_that_does_not_parse_is_an_output(connect: Connect) -> None:
    """Nothing of it runs."""
    async with _opened(connect) as sandbox:
        output = await sandbox.run("print('never')\nx = (")
        _equal((output.outcome, output.stdout), ("error", ""))
        _equal(_error(output).type, "SyntaxError")
        await _prints(sandbox, "print(1)", "1\n")


async def every_way_to_answer_is_understood(connect: Connect) -> None:
    """FINAL, FINAL_VAR, SUBMIT and the answer dict; the rest of the cell still runs."""
    async with _opened(connect) as sandbox:
        for code in (
            "FINAL('done')\nx = 1",
            "result = 'done'\nFINAL_VAR('result')",
            "SUBMIT('done')",
            "answer['content'] = 'done'\nanswer['ready'] = True",
        ):
            output = await _fine(sandbox, code)
            _equal(output.answer.value if output.answer else None, "done")
        await _prints(sandbox, "print(x)", "1\n")


async def an_answer_is_plain_data_and_a_draft_is_none(connect: Connect) -> None:
    """Lists and dicts come over; content that is not ready is a draft."""
    async with _opened(connect) as sandbox:
        output = await _fine(sandbox, "FINAL({'n': [1, 2.5, None, True]})")
        _equal(output.answer.value if output.answer else None, {"n": [1, 2.5, None, True]})
        output = await _fine(sandbox, "answer['content'] = 'half'")
        _equal((output.answer, output.draft.value if output.draft else None), (None, "half"))


async def a_query_is_called_plainly_or_awaited(connect: Connect) -> None:
    """Its result is a text; many keep their order."""
    async with _opened(connect) as sandbox:
        await _prints(sandbox, "r = llm_query('a')\nprint(r.upper())", "YES: A\n")
        await _prints(sandbox, "r = await llm_query('a')\nprint(r)", "yes: a\n")
        await _prints(sandbox, "print(llm_query_batched(['a', 'b', 'c']))", "['yes: a', 'yes: b', 'yes: c']\n")
        loop = "import asyncio\nprint(list(await asyncio.gather(*[llm_query(p) for p in 'ab'])))"
        await _prints(sandbox, loop, "['yes: a', 'yes: b']\n")


async def a_child_gets_its_context(connect: Connect) -> None:
    """`rlm_query` asks for a child, `llm_query` for a completion."""
    host = EchoHost()
    async with _opened(connect, host=host) as sandbox:
        await _prints(sandbox, "print(rlm_query('q', 'the part'))\nprint(llm_query('p'))", "yes: q\nyes: p\n")
    child, plain = host.asked
    _equal((child.kind, child.context.text if child.context else None), ("rlm", "the part"))
    _equal((plain.kind, plain.context), ("llm", None))


async def a_failed_query_is_an_exception_and_loses_no_sibling(connect: Connect) -> None:
    """In a batch it is a text in its place."""
    async with _opened(connect) as sandbox:
        code = "try:\n    print(llm_query('bad'))\nexcept Exception as e:\n    print('caught', e)"
        await _prints(sandbox, code, "caught the model is down\n")
        output = await _fine(sandbox, "for r in llm_query_batched(['a', 'bad', 'b']):\n    print(r)")
        first, failed, last, _ = output.stdout.split("\n")
        _equal((first, last), ("yes: a", "yes: b"))
        _true(failed.startswith("Error") and "the model is down" in failed, failed)
        _equal((await sandbox.run("llm_query('bad')\nprint('x')[0]")).outcome, "error")


async def tools_run_on_the_host(connect: Connect) -> None:
    """With plain data both ways; a failure is an exception."""
    async with _opened(connect) as sandbox:
        await _prints(sandbox, "print(add(2, 3), add(a=1, b=1))", "5 2\n")
        await _prints(sandbox, "try:\n    broken()\nexcept Exception as e:\n    print(e)", "it is broken\n")


async def what_is_left_is_told(connect: Connect) -> None:
    """`budget()` asks the host."""
    async with _opened(connect) as sandbox:
        await _prints(sandbox, "b = budget()\nprint(b['calls'], b['usd'])", "7.0 None\n")


async def our_names_come_back_in_the_next_cell(connect: Connect) -> None:
    """Rebinding them shadows them for the cell."""
    async with _opened(connect) as sandbox:
        await _fine(sandbox, "context = 'mine'\nanswer = 3")
        await _prints(sandbox, "print(context, answer['ready'])", "four False\n")


async def variables_are_the_codes_own(connect: Connect) -> None:
    """Each with its repr."""
    async with _opened(connect) as sandbox:
        await _fine(sandbox, "import re\nx = [1, 'a']\nfor i in range(3):\n    pass")
        names = await sandbox.variables()
        _equal((names.get("x"), names.get("i")), ("[1, 'a']", "2"))
        _true("llm_query" not in names and "context" not in names, f"names of ours: {sorted(names)}")


async def sessions_share_nothing(connect: Connect) -> None:
    """Two of one factory, side by side."""
    async with connect(_ROOMY) as factory:
        host = EchoHost()
        async with factory.open(Context.of("1"), host) as one, factory.open(Context.of("2"), host) as two:
            await _fine(one, "x = context")
            _equal((await two.run("x")).outcome, "error")
            await _prints(two, "print(context)", "2\n")
            await _prints(one, "print(x)", "1\n")


async def files_network_and_processes_are_out_of_reach(connect: Connect) -> None:
    """None of it ends well, and the session goes on."""
    async with _opened(connect) as sandbox:
        for code in (
            "open('/etc/passwd').read()",
            "import os\nos.listdir('/')",
            "import os\nos.environ['PATH']",
            "import socket\nsocket.socket()",
            "import subprocess\nsubprocess.run(['id'])",
            "().__class__.__base__.__subclasses__()",
            "__import__('os').system('id')",
        ):
            output = await sandbox.run(code)
            _true(output.outcome != "ok", f"{code!r} ended well: {output.stdout[:100]!r}")
        await _prints(sandbox, "print(len(context))", "4\n")


async def a_bomb_leaves_the_variables_alone(connect: Connect) -> None:
    """Too much memory, and a recursion without end, are contained."""
    async with _opened(connect) as sandbox:
        await _fine(sandbox, "kept = 'here'")
        for code in ("x = 'a' * 10 ** 11", "x = [0] * 10 ** 11", "def f():\n    return f()\nf()"):
            _equal((await sandbox.run(code)).outcome, "contained")
            await _prints(sandbox, "print(kept)", "here\n")


async def cancelling_reaches_the_host_and_the_session_can_be_left(connect: Connect) -> None:
    """A cell that waits for a query is given up."""
    host = EchoHost()
    async with _opened(connect, host=host) as sandbox, anyio.create_task_group() as group:
        group.start_soon(sandbox.run, "print(llm_query('slow'))")
        await host.held.wait()
        group.cancel_scope.cancel()
    _equal([query.prompt for query in host.cancelled], ["slow"])


async def a_cell_without_end_is_killed_and_costs_itself_only(connect: Connect) -> None:
    """Variables are as they were before it, and the model is told."""
    async with _opened(connect, seconds=_SHORT) as sandbox:
        await _fine(sandbox, "kept = 'here'")
        for code in ("kept = 'gone'\nwhile True:\n    pass", "kept = 'gone'\nsum(range(10 ** 13))"):
            output = await sandbox.run(code)
            _equal(output.outcome, "killed")
            _true(bool(output.lost) and output.error is not None, f"nothing is said of what was lost: {output}")
            await _prints(sandbox, "print(kept, len(context))", "here 4\n")


async def a_stop_cannot_be_swallowed(connect: Connect) -> None:
    """By no handler of the code's own."""
    async with _opened(connect, seconds=_SHORT) as sandbox:
        code = "while True:\n    try:\n        while True:\n            pass\n    except BaseException:\n        pass"
        _equal((await sandbox.run(code)).outcome, "killed")
        await _prints(sandbox, "print('on')", "on\n")


async def waiting_for_a_query_is_charged_to_nobody(connect: Connect) -> None:
    """A cell may wait for longer than it may compute."""
    host = EchoHost()
    async with _opened(connect, host=host, seconds=_SHORT) as sandbox, anyio.create_task_group() as group:

        async def answer_late() -> None:
            await host.held.wait()
            await anyio.sleep(_LONGER)
            host.gate.set()

        group.start_soon(answer_late)
        await _prints(sandbox, "print(llm_query('slow'))", "yes: slow\n")


SANDBOX_CLAIMS: tuple[Claim, ...] = (
    code_runs_and_variables_live_on,
    the_last_expression_is_shown,
    the_context_has_the_shape_that_it_was_given,
    failing_code_is_an_output,
    code_that_does_not_parse_is_an_output,
    every_way_to_answer_is_understood,
    an_answer_is_plain_data_and_a_draft_is_none,
    a_query_is_called_plainly_or_awaited,
    a_child_gets_its_context,
    a_failed_query_is_an_exception_and_loses_no_sibling,
    tools_run_on_the_host,
    what_is_left_is_told,
    our_names_come_back_in_the_next_cell,
    variables_are_the_codes_own,
    sessions_share_nothing,
    files_network_and_processes_are_out_of_reach,
    a_bomb_leaves_the_variables_alone,
    cancelling_reaches_the_host_and_the_session_can_be_left,
)
STOPPING_CLAIMS: tuple[Claim, ...] = (
    a_cell_without_end_is_killed_and_costs_itself_only,
    a_stop_cannot_be_swallowed,
    waiting_for_a_query_is_charged_to_nobody,
)


async def _fine(sandbox: Sandbox, code: str) -> Output:
    output = await sandbox.run(code)
    _true(output.outcome == "ok", f"{code!r} ended {output.outcome}: {output.error}")
    return output


async def _prints(sandbox: Sandbox, code: str, expected: str) -> None:
    _equal((await _fine(sandbox, code)).stdout, expected)


def _error(output: Output) -> CodeError:
    if output.error is None:
        raise AssertionError(f"no error is told: {output!r}")
    return output.error


def _equal(found: object, expected: object) -> None:
    if found != expected:
        raise AssertionError(f"expected {expected!r}, got {found!r}")


def _true(holds: bool, otherwise: str) -> None:  # noqa: FBT001 - an assertion
    if not holds:
        raise AssertionError(otherwise)
