"""The MCP server with the SDK's own client: in process, over stdio, over streamable HTTP."""

# ruff: noqa: E402 - an extra is asked for before what needs it is imported

from __future__ import annotations

import contextlib
import json
import os
import socket
import sys
from pathlib import Path

import anyio
import httpx
import pytest

from rlm_async import RLM, Limits
from rlm_async.errors import ConfigError
from rlm_async.testing import LoopbackServer, ScriptedModel

mcp = pytest.importorskip("mcp", reason="the extra `mcp` is not installed")
import uvicorn

from rlm_async.serve import Key, Keys
from rlm_async.serve.agents import Rights, server
from rlm_async.serve.desk import Desk
from rlm_async.serve.gatehouse import Guarded, open_with
from rlm_async.serve.keys import hashed

ROOT = Path(__file__).resolve().parents[2]
LINE = "A line of hay, and nothing else is in it at all.\n"
COUNT = """```repl
text = context if isinstance(context, str) else "\\n".join(context.values())
FINAL(next(line for line in text.splitlines() if "needle" in line))
```"""
pytestmark = [pytest.mark.anyio, pytest.mark.required_in_ci("agents are what the MCP server is for")]


class Agent:
    """A client that remembers all that it was told, as an agent's prompt would."""

    def __init__(self, client):
        self.client, self.heard = client, []

    async def __call__(self, tool, *, progress=None, **arguments):
        result = await self.client.call_tool(tool, arguments, progress_callback=progress)
        self.heard.append(json.dumps(arguments) + str([part.text for part in result.content]))
        assert not result.is_error, result.content[0].text
        return result.structured_content

    async def refused(self, tool, **arguments):
        result = await self.client.call_tool(tool, arguments)
        assert result.is_error
        return result.content[0].text


@pytest.fixture
async def agent():
    """Connects an agent to a desk in this process."""
    async with contextlib.AsyncExitStack() as stack:

        async def connect(script=COUNT, *, limits=None, rights=None):
            model = script if isinstance(script, ScriptedModel) else ScriptedModel(script)
            rlm = RLM(model, limits=limits or Limits(), sandbox="inline")
            desk = await stack.enter_async_context(Desk(rlm))
            client = await stack.enter_async_context(mcp.Client(server(desk, rights or Rights(), period=0.01)))
            return Agent(client)

        yield connect


async def test_a_large_file_is_asked_about_and_never_passes_through_the_agent(agent, tmp_path):
    file = tmp_path / "hay.txt"
    file.write_text(LINE * 500_000 + "the needle\n" + LINE * 500_000, encoding="utf-8")
    asks = await agent()
    loaded = await asks("load_context", paths=[str(file)])
    assert loaded["characters"] == 49_000_011
    answer = await asks("ask", question="Which line has the needle?", context=loaded["context"])
    assert answer["text"] == "the needle"
    assert answer["usage"]["calls"] == 1
    assert sum(map(len, asks.heard)) < 2_000


async def test_text_is_loaded_listed_and_dropped(agent):
    asks = await agent()
    loaded = await asks("load_context", text="two words", name="note")
    assert loaded["names"] == ["note"]
    assert [each["context"] for each in (await asks("list_contexts"))["contexts"]] == [loaded["context"]]
    await asks("drop_context", context=loaded["context"])
    assert (await asks("list_contexts"))["contexts"] == []
    assert "load_context loads one" in await asks.refused("ask", question="q", context=loaded["context"])
    assert "paths or text" in await asks.refused("load_context")


async def test_a_run_in_the_background_has_a_status_a_result_and_an_end(agent):
    going = anyio.Event()

    async def script(_):
        await going.wait()
        return "four"

    asks = await agent(ScriptedModel(script))
    run = (await asks("ask_in_background", question="two and two?"))["run"]
    assert (await asks("status", run=run))["status"] == "running"
    assert (await asks("result", run=run, wait_seconds=0))["status"] == "running"
    going.set()
    done = await asks("result", run=run, wait_seconds=20)
    assert (done["status"], done["text"]) == ("complete", "four")
    assert [each["run"] for each in (await asks("list_runs"))["runs"]] == [run]


async def test_a_run_can_be_cancelled_and_leaves_nothing_behind(agent):
    model = ScriptedModel(hang)
    asks = await agent(model)
    run = (await asks("ask_in_background", question="q"))["run"]
    await until(lambda: model.in_flight == 1)
    assert (await asks("cancel", run=run))["status"] == "cancelled"
    assert model.in_flight == 0


async def test_an_agent_that_gives_up_waiting_ends_its_run(agent):
    model = ScriptedModel(hang)
    asks = await agent(model)
    with anyio.CancelScope() as scope:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(asks.client.call_tool, "ask", {"question": "q"})
            await until(lambda: model.in_flight == 1)
            scope.cancel()
    await until(lambda: model.in_flight == 0)


async def test_progress_is_told_while_it_goes_on(agent):
    heard, gate = [], anyio.Event()

    async def script(request):
        if request.messages[0].role == "system":
            return '```repl\nFINAL("".join(llm_query_batched(["a", "b", "c"])))\n```'
        await gate.wait()
        return "yes"

    async def progress(done, total, message):
        heard.append((done, total, message))
        if "of 4 nodes" in message:
            gate.set()

    asks = await agent(ScriptedModel(script))
    loaded = await asks("load_context", text=LINE * 5_000)
    answer = await asks("ask", question="All?", context=loaded["context"], progress=progress)
    assert answer["text"] == "yesyesyes"
    assert any(message.startswith("0 of 4 nodes settled, 1 calls") for _, _, message in heard)
    assert [done for done, _, _ in heard] == sorted({done for done, _, _ in heard})


async def test_limits_can_be_lowered_and_not_raised(agent):
    model = ScriptedModel("```repl\nprint(1)\n```")
    asks = await agent(model, limits=Limits(calls=6, turns=50, consecutive_errors=50))
    loaded = await asks("load_context", text=LINE * 5_000)
    for wanted, calls in ((3, 3), (500, 6)):
        before = model.calls
        done = await asks("ask", question="q", context=loaded["context"], limits={"calls": wanted})
        assert (done["status"], done["limit"], model.calls - before) == ("partial", "calls", calls)
    assert "no limit 'money'" in await asks.refused("ask", question="q", limits={"money": 1})


async def test_runs_are_inspected_node_by_node_and_as_a_page(agent):
    asks = await agent()
    loaded = await asks("load_context", text=LINE * 5_000 + "the needle\n")
    run = (await asks("ask", question="Which line?", context=loaded["context"]))["run"]
    listed = await asks("inspect_run", run=run)
    assert listed["nodes"] == ["node 0, the root, done: Which line?"]
    steps = (await asks("inspect_run", run=run, node=0))["steps"]
    assert steps[-1] == {"answer": "the needle", "status": "complete"}
    assert "no node 7" in await asks.refused("inspect_run", run=run, node=7)
    trace = (await asks.client.read_resource(f"rlm://runs/{run}")).contents[0]
    assert json.loads(trace.text)["run"] == run
    page = (await asks.client.read_resource(f"rlm://runs/{run}/page")).contents[0]
    assert page.mime_type == "text/html"
    assert page.text.startswith("<!doctype html>")


async def test_an_answer_can_be_data(agent):
    asks = await agent('{"years": 9}')
    schema = {"type": "object", "properties": {"years": {"type": "integer"}}, "required": ["years"]}
    assert (await asks("ask", question="Nine years. How long?", schema=schema))["data"] == {"years": 9}


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("a.txt", True),
        ("sub/*.txt", True),
        ("../b.txt", False),
        ("/etc/passwd", False),
        ("*/../../x", False),
        ("-", False),
    ],
)
def test_files_are_read_below_the_roots_only(tmp_path, path, allowed):
    rights = Rights(roots=(tmp_path / "docs",))
    (tmp_path / "docs" / "sub").mkdir(parents=True)
    if allowed:
        assert rights.allowed(path) == str(tmp_path / "docs" / path)
    else:
        with pytest.raises(ConfigError, match="--root"):
            rights.allowed(path)


def test_a_link_does_not_lead_out_of_a_root(tmp_path):
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "out").symlink_to("/etc")
    with pytest.raises(ConfigError):
        Rights(roots=(tmp_path / "docs",)).allowed("out/passwd")


@pytest.fixture
async def over_http(tmp_path):
    """The server on loopback behind two keys."""
    keys = Keys([Key(name=name, sha256=hashed(f"{name}-key")) for name in ("alice", "bob")])
    desk = Desk(RLM(ScriptedModel(COUNT), sandbox="inline"))
    app = server(desk, Rights(keys, ())).streamable_http_app()
    open_with(app, desk)
    listening = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(Guarded(app, keys), lifespan="on", log_config=None, timeout_graceful_shutdown=1)
    running = uvicorn.Server(config)
    running.capture_signals = contextlib.nullcontext
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(running.serve, [listening])
        await until(lambda: running.started)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/mcp"
        running.should_exit = True
    listening.close()


@contextlib.asynccontextmanager
async def agent_of(name, url):
    from mcp.client.streamable_http import streamable_http_client
    from mcp.shared._httpx_utils import create_mcp_http_client

    headers = {"Authorization": f"Bearer {name}-key"}
    async with (
        create_mcp_http_client(headers=headers) as plain,
        mcp.Client(streamable_http_client(url, http_client=plain)) as client,
    ):
        yield Agent(client)


async def test_over_http_each_key_sees_its_own_and_no_files(over_http):
    async with httpx.AsyncClient() as plain:
        assert (await plain.post(over_http, json={})).status_code == 401
    async with agent_of("alice", over_http) as alice, agent_of("bob", over_http) as bob:
        loaded = await alice("load_context", text=LINE * 5_000 + "the needle\n")
        answer = await alice("ask", question="Which line?", context=loaded["context"])
        assert answer["text"] == "the needle"
        assert "there is no context" in await bob.refused("ask", question="q", context=loaded["context"])
        assert "there is no run" in await bob.refused("result", run=answer["run"])
        assert (await bob("list_runs"))["runs"] == []
        assert "--root" in await alice.refused("load_context", paths=["/etc/passwd"])


async def test_over_stdio_it_is_a_process_that_ends_with_its_client(tmp_path):
    (tmp_path / "hay.txt").write_text(LINE * 100 + "the needle\n", encoding="utf-8")
    async with LoopbackServer("a needle, it says") as model:
        kept = {name: os.environ[name] for name in ("PATH", "LANG", "COVERAGE_PROCESS_START") if name in os.environ}
        started = mcp.StdioServerParameters(
            command=sys.executable,
            args=["-m", "rlm_async", "mcp", "--model", "openai/m", "--api-base", model.url, "--strategy", "direct"],
            env={**kept, "HOME": str(tmp_path), "PYTHONPATH": str(ROOT)},
            cwd=str(tmp_path),
        )
        async with mcp.Client(started) as client:
            asks = Agent(client)
            loaded = await asks("load_context", paths=["hay.txt"])
            answer = await asks("ask", question="What is in the hay?", context=loaded["context"])
    assert answer["text"] == "a needle, it says"


async def hang(_):
    await anyio.sleep_forever()


async def until(true):
    with anyio.fail_after(20):
        while not true():
            await anyio.sleep(0.005)
