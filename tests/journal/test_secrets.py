"""No key, header or password is in a journal, whatever field a caller had put it into."""

from __future__ import annotations

import sqlite3
import zlib

import pytest

from rlm_async import RLM, ModelInfo, Rates
from rlm_async.core.messages import Completion, Request
from rlm_async.errors import RLMError
from rlm_async.journal import Journal
from rlm_async.journal.recording import Recording
from rlm_async.testing import LoopbackServer, Served
from tests.journal.conftest import LONG, Player, code

pytestmark = pytest.mark.anyio

KEY = "sk-planted-0123456789abcdefghijklmnopqrstuv"


@pytest.fixture
def anyio_backend():
    """The loopback server is asyncio's."""
    return "asyncio"


def everything(path):
    """Every value of every row, texts unpacked; and the raw files beside them."""
    connection = sqlite3.connect(path)
    tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
    found = []
    for table in tables:
        for row in connection.execute(f"SELECT * FROM {table}").fetchall():  # noqa: S608 - names from the file
            for value in row:
                raw = value.encode() if isinstance(value, str) else value if isinstance(value, bytes) else b""
                found.append(raw)
                if table == "texts" and row[1]:
                    found.append(zlib.decompress(row[2]))
    connection.close()
    files = [file.read_bytes() for file in path.parent.glob(f"{path.name}*")]
    return b"\n".join([*found, *files])


async def told(path, **settings):
    try:
        async with RLM(journal=path, rates=Rates(concurrency=4), **settings) as rlm:
            return (await rlm.ask("What is it?", "a short text")).text
    except RLMError as error:
        return str(error)


async def test_the_endpoint_s_key_is_not_in_the_journal(path):
    async with LoopbackServer("fine", key=KEY) as server:
        assert await told(path, model="openai/m", api_base=server.url, api_key=KEY) == "fine"
    assert b"What is it?" in everything(path)
    assert KEY.encode() not in everything(path)


async def test_a_password_in_the_address_is_not_in_the_journal(path):
    async with LoopbackServer("fine") as server:
        address = server.url.replace("http://", f"http://user:{KEY}@")
        await told(path, model="openai/m", api_base=address)
    assert not path.exists() or KEY.encode() not in everything(path)


async def test_an_error_that_repeats_the_key_is_kept_without_it(path):
    refusals = [Served(status=400, text=f"bad request: Authorization: Bearer {KEY}", code=KEY)]
    async with LoopbackServer(refusals) as server:
        await told(path, model="openai/m", api_base=server.url, api_key=KEY)
    with Journal(path) as journal:
        assert journal.run("last").status == "failed"
    assert KEY.encode() not in everything(path)


async def test_a_key_in_the_environment_is_not_in_the_journal(path, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    async with LoopbackServer("fine", key=KEY) as server:
        assert await told(path, model="openai/m", api_base=server.url) == "fine"
    assert KEY.encode() not in everything(path)


async def test_a_model_of_one_s_own_is_told_by_its_class_and_not_by_what_it_holds(path):
    class Own:
        def __init__(self):
            self.api_key = KEY
            self.info = ModelInfo(name="own", window=1_000)

        def __repr__(self):
            return f"Own({self.api_key})"

        async def __call__(self, request, budget):
            raise ValueError(f"cannot connect with {self.api_key}")

    assert "ValueError" in await told(path, model=Own())
    assert KEY.encode() not in everything(path)


async def test_what_a_tool_holds_is_not_in_the_journal(path, kept):
    class Lookup:
        name, line, secret = "lookup", "lookup(name)", KEY

        async def __call__(self, name):
            if name == "bad":
                raise OSError(f"refused for {self.secret}")
            return name.upper()

    program = (
        code("print(await tool('lookup', 'a'))", "print(await tool('lookup', 'bad'))"),
        code("answer.update(content='done', ready=True)"),
    )
    await kept(Player(program).model(), tools=[Lookup()]).ask("what?", LONG)
    assert KEY.encode() not in everything(path)


def test_what_a_recording_is_handed_has_no_place_for_a_key():
    """A request has no headers, a completion no raw reply: what is not there cannot be written."""
    fields = {*Request.__dataclass_fields__, *Completion.__dataclass_fields__, *Recording.__init__.__annotations__}
    assert not {field for field in fields if "key" in field or "header" in field or "raw" in field}
