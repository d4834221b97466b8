"""Tools of a real MCP server, called by model-written code: over standard input and output, and over HTTP."""

# ruff: noqa: E402 - an extra is asked for before what needs it is imported

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from rlm_async import RLM, ConfigError, Limits, at_depth
from rlm_async.testing import ScriptedModel

mcp = pytest.importorskip("mcp", reason="the extra `mcp` is not installed")

from rlm_async.adapters.mcp import MCPServer

SERVER = Path(__file__).with_name("a_server.py")
COMMAND = [sys.executable, str(SERVER)]
pytestmark = [pytest.mark.anyio, pytest.mark.required_in_ci("tools of servers are a part of what RLM takes")]


@pytest.fixture
def anyio_backend():
    """One loop: what differs between loops is the SDK's."""
    return "asyncio"


def code(source: str) -> str:
    return f"```repl\n{source}\n```"


def asking(source: str, *tools, **settings) -> tuple[RLM, ScriptedModel]:
    model = ScriptedModel(code(source))
    return RLM(model, tools=tools, strategy="repl", **{"sandbox": "inline", **settings}), model


@pytest.fixture(scope="module")
def url():
    """A server in a process of its own at a free port, one for all tests that do not end it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen([*COMMAND, str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until = time.monotonic() + 60
        while True:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except OSError:
                assert time.monotonic() < until, "the server did not start"
                with suppress(subprocess.TimeoutExpired):
                    process.wait(0.05)
        yield f"http://127.0.0.1:{port}/mcp"
    finally:
        process.kill()
        process.wait()


CALLS = """
tea = price("tea", currency="USD")
try:
    price("gold")
except Exception as error:
    missing = str(error)
try:
    price()
except Exception as error:
    wrong = str(error)
FINAL([tea["price"], tea["currency"], items(), items(limit=1), missing, wrong])
"""
ANSWERED = [
    7,
    "USD",
    ["rice", "tea"],
    ["rice"],
    "ValueError: price: Error executing tool price: there is no gold on the shelf",
    "TypeError: price: item is missing: price(item: str, currency: str = 'EUR')",
]


async def test_code_calls_the_tools_of_a_command():
    rlm, model = asking(CALLS, MCPServer(COMMAND), sandbox="strict")
    assert (await rlm.ask("q", "c")).data == ANSWERED
    prompt = model.requests[0].messages[0].text
    assert "`price`: price(item: str, currency: str = 'EUR') -> dict: Look a price up. In whole units." in prompt
    assert "`items`: items(limit: int | None = None) -> list[str]: What is there." in prompt


async def test_code_calls_the_tools_at_an_address_with_headers(url):
    rlm, _ = asking(CALLS, MCPServer(url))
    assert (await rlm.ask("q", "c")).data == ANSWERED
    rlm, _ = asking('FINAL(header("x-shelf"))', MCPServer(url, headers={"X-Shelf": "third"}))
    assert (await rlm.ask("q", "c")).text == "third"


async def test_names_that_would_clash_begin_with_the_servers(url):
    def price() -> str:
        """The caller's own."""
        return "own"

    source = 'FINAL([price(), test_shelf_price("tea")["price"], test_shelf_search("x"), test_shelf_llm_query("y")])'
    rlm, model = asking(source, MCPServer(url), price)
    assert (await rlm.ask("q", "c")).data == ["own", 7, "shelf: x", "shelf: y"]
    assert "test_shelf_items" not in model.requests[0].messages[0].text


async def test_a_server_is_started_once_and_ends_with_the_rlm(tmp_path, monkeypatch):
    monkeypatch.setenv("SECRET_OF_OURS", "s3cret")
    started = tmp_path / "started"
    source = 'FINAL([environment("SECRET_OF_OURS"), environment("SHELF")])'
    server = MCPServer(COMMAND, env={"STARTED": str(started), "SHELF": "third"})
    rlm, _ = asking(source, server)
    async with rlm:
        assert (await rlm.ask("q", "c")).data == ["not set", "third"]
        await rlm.ask("another", "c")
        (pid,) = map(int, started.read_text().split())
        os.kill(pid, 0)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


async def test_a_server_that_dies_is_an_error_of_the_call_and_not_of_the_run():
    rlm, _ = asking(
        "try:\n    end()\nexcept Exception as error:\n    FINAL(type(error).__name__ + ': ' + str(error))",
        MCPServer(COMMAND),
    )
    assert (await rlm.ask("q", "c")).text == "ToolError: ValueError: end: Connection closed"


async def test_only_some_tools_may_be_lent_and_only_at_some_depth(url):
    def play(request):
        child = "at the child" in request.messages[-1].text
        return code("FINAL(price('tea')['price'])" if child else "FINAL(rlm_query('what is it at the child?', 'text'))")

    model = ScriptedModel(play)
    lent = at_depth(MCPServer(url, only=["price"]), 1)
    answer = await RLM(model, tools=[lent], strategy="repl", sandbox="inline", limits=Limits(depth=2)).ask("q", "c")
    assert answer.data == 7
    root, child = (request.messages[0].text for request in model.requests)
    assert "price(" not in root
    assert "price(item" in child
    assert "items(" not in child


@pytest.mark.parametrize(
    ("server", "words"),
    [
        (MCPServer("no-such-program --token s3cret"), "MCP server no-such-program cannot be reached"),
        (MCPServer([sys.executable, "-c", "import sys; sys.exit('no shelf here')"]), "it said: no shelf here"),
        (MCPServer([sys.executable, "-c", "import sys; sys.stdin.read()"], timeout=0.05), "said nothing in 0.05 s"),
        (MCPServer("http://user:s3cret@127.0.0.1:9/mcp?key=s3cret"), "server http://127.0.0.1:9/mcp cannot be reached"),
        (MCPServer(COMMAND, only=["buy"]), "has no tool 'buy'; it has: price, items, search"),
    ],
    ids=["absent", "ends", "silent", "nobody", "no such tool"],
)
async def test_a_server_that_cannot_be_reached_is_told_before_anything_is_asked(server, words):
    rlm, model = asking("FINAL(1)", server)
    with pytest.raises(ConfigError) as told:
        await rlm.ask("q", "c")
    assert words in str(told.value)
    assert "s3cret" not in str(told.value)
    assert model.calls == 0


@pytest.mark.parametrize(
    "make",
    [
        lambda: MCPServer(""),
        lambda: MCPServer("unclosed 'quote"),
        lambda: MCPServer("program", headers={"a": "b"}),
        lambda: MCPServer("https://host/mcp", env={"a": "b"}),
    ],
)
async def test_what_cannot_be_meant_is_refused_at_once(make):
    with pytest.raises(ConfigError):
        make()
