"""The Monty sandbox keeps what the port promises, and is found by its name."""

from __future__ import annotations

import os
from contextlib import asynccontextmanager

import pytest
from rlm_async.core.context import Context
from rlm_async.sandbox.named import installed, opened
from rlm_async.testing import SANDBOX_CLAIMS, STOPPING_CLAIMS
from rlm_async.testing.sandbox_conformance import EchoHost
from rlm_async_monty import MontySandbox
from rlm_async_monty.session import Limits
from rlm_async_monty.source import prepared

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request):
    return request.param


@asynccontextmanager
async def connect(seconds):
    async with MontySandbox(limits=Limits(seconds=seconds, memory_bytes=128 << 20)) as factory:
        yield factory


@pytest.mark.parametrize("claim", SANDBOX_CLAIMS + STOPPING_CLAIMS, ids=lambda claim: claim.__name__)
async def test_it_keeps_the_promises_of_the_port(claim):
    await claim(connect)


async def test_the_helpers_of_a_session_work():
    async with connect(5) as factory, factory.open(Context.of("one two three"), EchoHost()) as sandbox:
        output = await sandbox.run("print(peek(3), grep('tw.', around=0), chunks(5), count_tokens(context))")
        assert output.stdout == "one ['two'] ['one t', 'wo th', 'ree'] 4\n"


async def test_what_stands_around_it_is_said():
    async with connect(5) as factory, factory.open(Context.of(""), EchoHost()) as sandbox:
        assert sandbox.layers == ("process", "monty")


async def test_it_is_found_by_its_name_once_it_is_installed():
    if "monty" not in installed():
        if os.environ.get("CI"):
            pytest.fail("CI installs this plugin")
        pytest.skip("not installed: pip install --editable plugins/rlm-async-monty")
    async with opened("monty") as factory, factory.open(Context.of("four"), EchoHost()) as sandbox:
        assert (await sandbox.run("len(context)")).stdout == "4\n"


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("x = await llm_query('a')", "x = await llm_query_later('a')"),
        ("g = gather(llm_query('ä'), llm_query('b'))", "g = gather(llm_query_later('ä'), llm_query_later('b'))"),
        ("llm_query('a')", "shown_ = (llm_query('a'))"),
        ("f(\n  1,\n)", "shown_ = (f(\n  1,\n))"),
        ("x = (", "x = ("),
    ],
)
def test_a_cell_is_edited_in_place(source, text):
    assert prepared(source).text == text
