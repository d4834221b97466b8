"""What others have fallen into (design: semantics, section 9), one test each, through RLM and the real sandbox."""

from __future__ import annotations

from pathlib import Path

import anyio
import pytest

from rlm_async import RLM, ConfigError, Limits, Rates, Sandbox
from rlm_async.core import events
from rlm_async.core.context import Context
from rlm_async.core.graph import State
from rlm_async.core.query import Reply
from rlm_async.core.usage import Usage
from rlm_async.errors import ContextOverflow, ModelRejected
from rlm_async.sandbox.limits import CellLimits
from rlm_async.testing import ScriptedModel

pytestmark = pytest.mark.anyio


def cell(*lines: str) -> str:
    return "```repl\n" + "\n".join(lines) + "\n```"


def is_root(request) -> bool:
    return request.messages[0].role == "system"


def root(*replies: str, leaf="yes"):
    """A model that answers the root in order, and every plain completion with `leaf`."""
    rest = iter(replies)
    return ScriptedModel(lambda r: next(rest) if is_root(r) else (leaf(r) if callable(leaf) else leaf))


async def ask(model, context="some text", **options):
    return await RLM(model, strategy="repl", **options).ask("the question", context)


class NoHost:
    """A host that answers every sub-query with its own prompt."""

    tools = {}  # noqa: RUF012 - never changed

    async def spawn(self, queries):
        return [Reply(query.prompt) for query in queries]

    async def tool(self, name, arguments, named):
        return Reply(error="NameError", message=name)

    def budget(self):
        return {}


def open_files():
    return set(Path("/proc/self/fd").iterdir())


async def cells(*codes: str, context="some text", limits=None):
    async with Sandbox(cell=limits) as sandbox, sandbox.open(Context.of(context), NoHost()) as session:
        return [await session.run(code) for code in codes]


async def test_01_sibling_cells_see_only_their_own_output():
    def play(request):
        if "child" not in request.messages[-1].text:
            return cell("rs = rlm_query_batched([f'child {i}' for i in range(4)])", "FINAL(' '.join(rs))")
        name = request.messages[-1].text.split("child ")[1][0]
        return cell(f"print('only {name}')", f"FINAL('{name}')")

    answer = await RLM(ScriptedModel(play), strategy="repl", limits=Limits(depth=2)).ask("start", "c")
    assert answer.text == "0 1 2 3"
    printed = {e.node: e.output.stdout for e in answer.trace if isinstance(e, events.CellEnded) and e.node}
    assert sorted(printed.values()) == [f"only {i}\n" for i in range(4)]


async def test_02_usage_at_the_root_is_the_sum_over_the_graph():
    model = root(cell("llm_query_batched(['a', 'b', 'a'])", "FINAL(1)"))
    answer = await ask(model)
    own = [e.usage for e in answer.trace if isinstance(e, events.NodeAnswered)]
    assert answer.usage.total == sum(own, Usage())
    assert answer.usage.calls == model.calls == 3


async def test_03_nested_fan_out_finishes_with_a_cap_of_one():
    def play(request):
        if not is_root(request):
            return "1"
        path = next(w for w in request.messages[-1].text.split() if w.startswith("@"))
        ask = "rlm_query_batched" if path.count(".") < 2 else "llm_query_batched"
        return cell(f"rs = {ask}([f'{path}.{{i}}' for i in range(3)])", "FINAL(str(sum(map(int, rs))))")

    rlm = RLM(ScriptedModel(play), strategy="repl", limits=Limits(depth=3), rates=Rates(concurrency=1))
    with anyio.fail_after(60):
        assert (await rlm.ask("@r", "c")).text == "27"


@pytest.mark.parametrize("path", ["re.enum.sys", "json.codecs.sys", "statistics.sys", "random._os", "collections._sys"])
async def test_04_no_path_leads_from_an_allowed_module_to_the_system(path):
    module = path.partition(".")[0]
    (output,) = await cells(f"import {module}\nloot = {path}.modules")
    assert output.outcome in {"refused", "error"}


async def test_05_the_python_that_models_write_works():
    code = """
from dataclasses import dataclass
x = 1
x += 1
d = {"k": 1}
d["k"] += 2
_hidden = [c for c in "abc" if (n := c) != "b"]

@dataclass
class Point:
    a: int
    b: int = 2

    def total(self) -> int:
        self.a += 1
        return self.a + self.b

def counter():
    n = 0
    def up():
        nonlocal n
        n += 1
        return n
    return up

up = counter()
up()
match {"kind": "point", "at": [1, 2]}:
    case {"kind": "point", "at": [first, *rest]}:
        matched = (first, rest)
try:
    1 / 0
except ZeroDivisionError as e:
    caught = type(e).__name__
finally:
    done = True
print(x, d, _hidden, Point(1).total(), up(), matched, caught, done, f"{3.14159:.2f}", "{:>4}".format(7), sep="|")
"""
    (output,) = await cells(code)
    assert output.stdout == "2|{'k': 3}|['a', 'c']|4|2|(1, [2])|ZeroDivisionError|True|3.14|   7\n", output.error


async def test_06_a_cpu_loop_is_stopped_and_its_neighbour_lives_on():
    async with Sandbox(cell=CellLimits(cpu_seconds=0.5)) as sandbox:
        async with (
            sandbox.open(Context.of("a"), NoHost()) as hot,
            sandbox.open(Context.of("b"), NoHost()) as calm,
            anyio.create_task_group() as tasks,
        ):
            outputs = {}

            async def run(name, session, code):
                outputs[name] = await session.run(code)

            tasks.start_soon(run, "hot", hot, "while True: pass")
            tasks.start_soon(run, "calm", calm, "sum(range(1000))")
        assert outputs["hot"].outcome == "killed"
        assert outputs["calm"].stdout == "499500\n"


async def test_07_a_repeated_identical_cell_runs_again():
    outputs = await cells("n = 0", "n += 1\nprint(n)", "n += 1\nprint(n)")
    assert [output.stdout for output in outputs] == ["", "1\n", "2\n"]


async def test_08_assignments_before_an_exception_survive():
    failed, after = await cells("kept = 7\n1 / 0", "kept")
    assert failed.error.type == "ZeroDivisionError"
    assert after.stdout == "7\n"


async def test_09_rebinding_our_names_is_harmless():
    outputs = await cells(
        "context = 'mine'; answer = 3; llm_query = None; print(context)",
        "print(context, llm_query('still there'))",
        "answer['content'] = 'ok'; answer['ready'] = True",
    )
    assert [output.stdout for output in outputs] == ["mine\n", "some text still there\n", ""]
    assert outputs[-1].answer.value == "ok"


async def test_10_errors_carry_type_message_and_line():
    (output,) = await cells("a = 1\nb = a + 'x'\n")
    assert (output.error.type, output.error.line, output.error.source.strip()) == ("TypeError", 2, "b = a + 'x'")
    assert "unsupported operand" in output.error.message


async def test_11_an_unknown_price_is_not_zero():
    answer = await ask(root(cell("FINAL(1)")))
    model = ScriptedModel("x")
    with pytest.raises(ConfigError, match="price"):
        await RLM(model, limits=Limits(usd=1)).ask("q", "c")
    assert model.calls == 0
    assert answer.usage.usd in {None, 0.0}


async def test_12_waiting_is_not_charged_to_the_cell():
    model = root(cell("FINAL(llm_query('slow'))"))
    model._latency = lambda request: 0.0 if is_root(request) else 1.2
    sandbox = Sandbox(cell=CellLimits(cpu_seconds=0.5, wall_seconds=0.6))
    async with sandbox:
        answer = await ask(model, sandbox=sandbox)
    assert (answer.text, answer.status) == ("yes", "complete")


@pytest.mark.parametrize(
    ("limits", "named"),
    [
        (Limits(calls=4), "calls"),
        (Limits(turns=3), "turns"),
        (Limits(tokens=6_000), "tokens"),
        (Limits(consecutive_errors=2), "consecutive_errors"),
    ],
)
async def test_13_exhaustion_gives_a_flagged_partial_answer(limits, named):
    model = ScriptedModel(lambda r: cell("print(llm_query(str(budget())))") if is_root(r) else "as far as I know: 41")
    if named == "consecutive_errors":
        model = ScriptedModel([cell("1 / 0"), cell("1 / 0"), "as far as I know: 41"])
    answer = await ask(model, limits=limits)
    assert (answer.status, answer.limit) == ("partial", named)
    assert answer.text
    assert answer.trace


async def test_14_one_failed_sub_call_of_a_batch_loses_no_sibling():
    def leaf(request):
        if "bad" in request.messages[-1].text:
            raise ModelRejected("refused by the provider")
        return "fine"

    answer = await ask(root(cell("FINAL(llm_query_batched(['a', 'bad', 'c']))"), leaf=leaf))
    assert answer.data[0] == answer.data[2] == "fine"
    assert answer.data[1].startswith("Error: ModelRejected")


async def test_15_a_node_that_answers_leaves_no_child_behind():
    model = root(cell("h = spawn(llm_query, 'never needed')", "h.cancel()", "FINAL('done')"))
    answer = await ask(model)
    assert answer.text == "done"
    assert model.in_flight == 0
    assert {node.state for node in answer.graph.nodes} <= {State.DONE, State.CANCELLED}


async def test_16_cancelling_leaves_nothing_behind():
    model = ScriptedModel(
        lambda r: cell("rs = llm_query_batched([str(i) for i in range(8)])") if is_root(r) else "x",
        latency=lambda r: 0.0 if is_root(r) else 3600.0,
    )
    before = open_files()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ask, model)
        while model.in_flight < 8:
            await anyio.lowlevel.checkpoint()
        tasks.cancel_scope.cancel()
    assert model.in_flight == 0
    assert len(open_files() - before) <= 3, "workers' sockets are closed"


async def test_17_the_depth_limit_is_a_plain_completion_and_announced():
    model = root(cell("FINAL(rlm_query('one level too deep'))"), leaf="plain")
    answer = await ask(model, limits=Limits(depth=1))
    assert answer.text == "plain"
    assert "at this depth the same as `llm_query`, one plain completion" in model.requests[0].messages[0].text


async def test_18_the_context_never_passes_through_a_prompt():
    context = "".join(f"line {i} of the text\n" for i in range(200_000))
    model = root(cell("print(context)"), cell("FINAL(len(context))"))
    answer = await ask(model, context)
    assert answer.data == len(context)
    assert max(sum(len(m.text) for m in r.messages) for r in model.requests) < 30_000


async def test_19_invented_output_does_not_count():
    reply = cell("x = 2 + 2\nprint(x)") + "\nOutput: 5\n\nFINAL(5)\nThe answer is 5."
    answer = await ask(root(reply, cell("FINAL(x)")))
    assert answer.text == "4"


async def test_20_a_providers_error_is_not_masked_by_ours():
    def leaf(request):
        raise ContextOverflow("8,000 tokens, and the window holds 4,000")

    code = cell("try:\n    llm_query('x')\nexcept ContextOverflow as e:\n    FINAL(f'caught: {e}')")
    assert (await ask(root(code, leaf=leaf))).text == "caught: 8,000 tokens, and the window holds 4,000"
    with pytest.raises(ModelRejected, match="the key is wrong"):
        await ask(ScriptedModel([ModelRejected("the key is wrong")]))


async def test_21_an_errors_text_is_clipped_like_output():
    (output,) = await cells("raise ValueError(context)", context="x" * 1_000_000)
    assert len(output.error.message) < 5_000
    (opened,) = await cells("open(context)", context="y" * 1_000_000)
    assert len(str(opened.error)) < 5_000
