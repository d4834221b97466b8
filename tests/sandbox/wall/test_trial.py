"""Trying the wall with files of cells, and the unjailed sandbox that says what it is."""

from __future__ import annotations

import anyio
import pytest

from rlm_async.core.context import Context
from rlm_async.errors import ConfigError, SandboxUnavailable
from rlm_async.sandbox import Sandbox, inline, transfer
from rlm_async.sandbox.limits import CellLimits
from rlm_async.sandbox.trial import cells, exec_file
from tests.sandbox.wall.conftest import FakeHost

pytestmark = pytest.mark.anyio
FILE = """x = 1
print(x, llm_query("a prompt that is longer than forty characters, by far"))
# %% second
y = x + 1
print(len(context))
"""


async def test_a_file_of_cells_runs_in_one_session():
    report = await exec_file(FILE, "four")
    assert report["outcome"] == "ok"
    assert report["stdout"] == "1 yes: a prompt that is longer than forty chara\n4\n"
    assert report["error"] is None
    assert report["variables"] == {"x": "1", "y": "2"}
    assert {"policy", "process", "seccomp"} <= set(report["layers"])


@pytest.mark.parametrize(
    ("source", "outcome"),
    [
        ("", "ok"),
        ("1/0\n# %%\nx = 1", "error"),
        ("1/0\n# %%\n().__class__", "refused"),
        ("x = 'a' * 10 ** 10", "contained"),
    ],
)
async def test_the_worst_outcome_is_told_and_later_cells_still_run(source, outcome):
    report = await exec_file(source)
    assert report["outcome"] == outcome
    assert (report["error"] is None) == (outcome == "ok")


async def test_without_the_policy_the_kernel_answers():
    limits = CellLimits(cpu_seconds=0.3, grace_seconds=0.1)
    report = await exec_file("open('/etc/passwd')", without=("policy",))
    assert report["outcome"] == "refused"
    assert "policy" not in report["layers"]
    assert (await exec_file("while True: pass", without=("policy",), cell=limits))["outcome"] == "killed"
    assert (await exec_file("import os; os.kill(1, 9)\n# %%\nx = 1", without=("policy",)))["variables"] == {"x": "1"}


async def test_what_is_required_and_missing_is_an_error():
    with pytest.raises(SandboxUnavailable):
        await exec_file("1", require=("cgroup",))
    with pytest.raises(ConfigError):
        await exec_file("1", without=("kernel",))


def test_cells_are_split_at_their_marks():
    assert cells("a\n# %% one\nb\n# %%\n\n# %%\nc") == ["a\n", "\nb\n", "\nc"]
    assert cells("x = '''# %% no'''") == ["x = '''# %% no'''"]


async def test_inline_runs_the_same_language_and_says_that_there_is_no_wall():
    host = FakeHost(hold={"slow"})
    async with inline().open(Context.of(["a", "b"]), host) as sandbox:
        assert sandbox.layers == ("policy",)
        output = await sandbox.run("rows = [llm_query(c) for c in context]\nprint(rows)")
        assert output.stdout == "['yes: a', 'yes: b']\n"
        assert (await sandbox.run("().__class__")).outcome == "refused"
        assert (await sandbox.run("print(budget())")).outcome == "ok"
        assert set(await sandbox.variables()) == {"rows"}


async def test_an_inline_cell_can_be_cancelled_while_it_waits():
    host = FakeHost(hold={"slow"})
    async with inline().open(Context.of("x"), host) as sandbox:
        with anyio.move_on_after(0.05):
            await sandbox.run("print(llm_query('slow'))")
    assert [query.prompt for query in host.cancelled] == ["slow"]


async def test_the_policy_and_the_wall_work_together():
    host = FakeHost(tools={"lend": "lend(x)"})
    documents = Context.of({"a": "1", "b": "2"})
    async with Sandbox(warm=0) as factory, factory.open(documents, host) as sandbox:
        output = await sandbox.run("parts = [llm_query(k + v) for k, v in context.items()]\nprint(parts, lend(3))")
        assert output.stdout == "['yes: a1', 'yes: b2'] {'name': 'lend', 'arguments': [3], 'named': {}}\n"
        assert (await sandbox.run("FINAL({'n': 1})")).answer.value == {"n": 1}


@pytest.mark.parametrize(
    "text", ["", "a", "a" * 300_000, "\xe9" * 300_000, "\u4e2d" * 300_000, "a" * 299_999 + "\U0001f600", "\ud800" * 9]
)
def test_a_text_is_sent_as_it_is_stored(text):
    code = transfer.width(text)
    assert code == {True: 0}.get(
        text.isascii(),
        {1: 1, 2: 2, 4: 3}[1 if max(text, default="a") < "\u0100" else 2 if max(text) < "\U00010000" else 4],
    )
    raw = b"".join(bytes(piece) for piece in transfer.pieces([("n", text, code)]))
    assert raw == text.encode(("ascii", "latin-1", "utf-16-le", "utf-32-le")[code], "surrogatepass")


def test_a_text_with_a_cached_encoding_is_sent_as_well():
    text = "\u4e2d" * 300_000
    import ctypes

    ctypes.pythonapi.PyUnicode_AsUTF8.restype = ctypes.c_char_p
    ctypes.pythonapi.PyUnicode_AsUTF8.argtypes = [ctypes.py_object]
    before = text.__sizeof__()
    ctypes.pythonapi.PyUnicode_AsUTF8(text)
    assert text.__sizeof__() > before
    assert b"".join(bytes(piece) for piece in transfer.pieces([("n", text, 2)])) == text.encode("utf-16-le")
