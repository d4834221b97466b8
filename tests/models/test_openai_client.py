"""The thin client against a loopback server."""

import random
import socket
from contextlib import asynccontextmanager

import anyio
import anyio.to_thread
import pytest

from rlm_async.core.budget import Budget
from rlm_async.core.messages import Message, Request
from rlm_async.core.usage import Limits
from rlm_async.errors import ConfigError, ContextOverflow, ModelRejected, ModelUnavailable
from rlm_async.models.endpoint import Endpoint
from rlm_async.models.openai_http import OpenAIClient
from rlm_async.models.retry import Patience
from rlm_async.models.stack import Rings
from rlm_async.models.table import ModelTable, Sources
from rlm_async.testing import MODEL_CLAIMS, LoopbackServer, ScriptedModel, Served

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend():
    return "asyncio"  # aiohttp knows no other


@pytest.fixture
def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        yield free.getsockname()[1]


def connecting(**options):
    @asynccontextmanager
    async def connect(url, key):
        client = OpenAIClient(Endpoint.parse(url, key), **options)
        try:
            yield client
        finally:
            await client.aclose()

    return connect


@pytest.mark.parametrize("claim", MODEL_CLAIMS, ids=lambda claim: claim.__name__)
async def test_the_thin_client_conforms(claim):
    await claim(connecting())


@pytest.mark.parametrize("claim", MODEL_CLAIMS, ids=lambda claim: claim.__name__)
async def test_the_thin_client_conforms_when_it_streams(claim):
    await claim(connecting(listener=lambda request, piece: None))


def client_for(server, key=None, **options):
    return OpenAIClient(Endpoint.parse(server.url, key), **options)


@asynccontextmanager
async def opened(server, key=None, **options):
    client = client_for(server, key, **options)
    try:
        yield client
    finally:
        await client.aclose()


def tabled(server, rings=None, **more):
    return ModelTable(Sources(api_base=server.url, **more), rings)


def request(prompt="?", **more):
    return Request(messages=(Message("user", prompt),), **{"model": "small", "max_tokens": 50, **more})


def budget():
    return Budget("run", Limits())


class Listening:
    def __init__(self):
        self.pieces = []

    def __call__(self, asked, piece):
        self.pieces.append(piece)


async def test_a_streamed_reply_is_told_piece_by_piece():
    listener = Listening()
    async with LoopbackServer("one two three") as server, opened(server, listener=listener) as client:
        completion = await client(request(), budget())
    assert listener.pieces == ["one", " two", " three"]
    assert completion.text == "one two three"
    assert completion.usage.completion_tokens == 3


async def test_a_runaway_reply_is_cut_at_its_bound():
    served = Served(text=" ".join(["again"] * 10_000), runaway=True)
    async with LoopbackServer(served) as server, opened(server, listener=Listening()) as client:
        completion = await client(request(max_tokens=20), budget())
    assert completion.finish == "length"
    assert completion.text.split() == ["again"] * 21
    assert completion.usage.completion_tokens == 21


async def test_a_stream_cut_in_the_middle_says_how_much_had_come():
    served = Served(text="one two three four five six", fault="truncate")
    async with LoopbackServer(served) as server, opened(server, listener=Listening()) as client:
        with pytest.raises(ModelUnavailable, match="cut in the middle") as caught:
            await client(request(), budget())
    assert caught.value.received == 3


async def test_a_stream_that_the_server_does_not_count_is_counted_by_its_pieces():
    served = Served(text="one two three", counted=False)
    async with LoopbackServer(served) as server, opened(server, listener=Listening()) as client:
        completion = await client(request(), budget())
    assert completion.usage.completion_tokens == 3


async def test_an_error_within_a_stream_is_an_error():
    raw = b'data: {"error": {"message": "overloaded", "code": 503}}\n\n'
    served = Served(raw=raw, headers={"Content-Type": "text/event-stream"})
    async with LoopbackServer(served) as server, opened(server, listener=Listening()) as client:
        with pytest.raises(ModelUnavailable, match="overloaded"):
            await client(request(), budget())


async def test_a_server_that_hangs_is_given_up_in_time():
    async with LoopbackServer(Served(fault="hang")) as server, opened(server, timeout=0.05) as client:
        with pytest.raises(ModelUnavailable, match=r"did not answer within 0\.05 seconds") as caught:
            await client(request(), budget())
    assert caught.value.received == 0


async def test_an_error_inside_a_good_status_is_an_error():
    served = Served(raw=b'{"error": {"message": "no capacity", "code": 502}}')
    async with LoopbackServer(served) as server, opened(server) as client:
        with pytest.raises(ModelUnavailable, match="no capacity"):
            await client(request(), budget())


@pytest.mark.parametrize(
    "raw",
    [b'{"choices": []}', b"[]", b'{"choices": [{"message": {"content": 7}}]}', b"", b"<html>busy</html>"],
)
async def test_what_is_no_reply_is_never_taken_for_one(raw):
    if raw == b"":
        raw = b" "
    async with LoopbackServer(Served(raw=raw)) as server, opened(server) as client:
        with pytest.raises(ModelUnavailable):
            await client(request(), budget())


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ('{"content": null, "tool_calls": []}', ""),
        ('{"content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}', "ab"),
        ('{"content": "said", "reasoning_content": "thought"}', "said"),
    ],
)
async def test_replies_of_other_shapes_are_read(message, text):
    raw = f'{{"choices": [{{"message": {message}, "finish_reason": "stop"}}], "usage": null}}'.encode()
    async with LoopbackServer(Served(raw=raw)) as server, opened(server) as client:
        assert (await client(request(), budget())).text == text


async def test_a_withheld_reply_is_a_rejection():
    raw = b'{"choices": [{"message": {"content": ""}, "finish_reason": "content_filter"}]}'
    async with LoopbackServer(Served(raw=raw)) as server, opened(server) as client:
        with pytest.raises(ModelRejected, match="content filter"):
            await client(request(), budget())


async def test_a_unix_socket_serves_too(tmp_path):
    async with LoopbackServer("fine", socket=str(tmp_path / "s")) as server, opened(server) as client:
        assert (await client(request(), budget())).text == "fine"


async def test_connections_are_kept_and_no_more_are_opened_than_the_pool_has():
    async with LoopbackServer(Served(text="fine", latency=0.01)) as server, opened(server, connections=4) as client:
        async with anyio.create_task_group() as group:
            for _ in range(40):
                group.start_soon(client, request(), budget())
        assert server.connections <= 4
        assert server.peak_in_flight <= 4
        assert len(server.requests) == 40


async def test_an_address_without_a_path_means_v1():
    async with LoopbackServer("fine") as server:
        client = OpenAIClient(Endpoint.parse(server.url.removesuffix("/v1")))
        try:
            assert (await client(request(), budget())).text == "fine"
        finally:
            await client.aclose()


async def test_a_server_that_wants_the_newer_name_of_the_bound_gets_it_from_then_on():
    def picky(asked):
        if "max_tokens" in asked.body:
            return Served(status=400, text="Unsupported parameter: use 'max_completion_tokens' instead")
        return "fine"

    async with LoopbackServer(picky) as server, opened(server) as client:
        await client(request(), budget())
        await client(request(), budget())
    assert ["max_tokens" in asked.body for asked in server.requests] == [True, False, False]
    assert server.requests[-1].body["max_completion_tokens"] == 50


async def test_a_bound_beyond_the_window_is_lowered_to_what_fits():
    def small(asked):
        if asked.body["max_tokens"] > 96:
            return Served(
                status=400,
                text="This model's maximum context length is 128 tokens. However, you requested 532 tokens "
                "(32 in the messages, 500 in the completion).",
            )
        return "fine"

    async with LoopbackServer(small) as server, opened(server) as client:
        assert (await client(request(max_tokens=500), budget())).text == "fine"
    assert server.requests[-1].body["max_tokens"] == 96


async def test_a_prompt_beyond_the_window_is_an_overflow():
    text = "This model's maximum context length is 128 tokens. However, you requested 700 tokens (200 in the messages)."
    async with LoopbackServer(Served(status=400, text=text)) as server, opened(server) as client:
        with pytest.raises(ContextOverflow):
            await client(request(max_tokens=500), budget())
    assert len(server.requests) == 1


async def test_a_server_without_stream_options_is_asked_without_them():
    def old(asked):
        if "stream_options" in asked.body:
            return Served(status=400, text="unknown field stream_options")
        return "fine"

    async with LoopbackServer(old) as server, opened(server, listener=Listening()) as client:
        assert (await client(request(), budget())).text == "fine"


async def test_a_redirect_is_not_followed_with_the_key():
    served = Served(status=307, headers={"Location": "http://127.0.0.1:1/elsewhere"}, text="")
    async with LoopbackServer(served) as server, opened(server, key="sk-secret-0123456789") as client:
        with pytest.raises(ModelRejected, match="another address"):
            await client(request(), budget())


async def test_a_client_opens_again_after_it_was_closed():
    async with LoopbackServer("fine") as server:
        client = client_for(server)
        for _ in range(2):
            assert (await client(request(), budget())).text == "fine"
            await client.aclose()


async def test_the_window_is_learned_from_the_servers_own_list():
    async with LoopbackServer("fine", models={"small": 4_096}) as server, tabled(server) as table:
        await table.prepare(["openai/small"], Limits())
        assert table.info("openai/small").window == 4_096
        await table(request(model="openai/small", max_tokens=None), budget())
    assert server.requests[0].body["max_tokens"] < 4_096


async def test_a_wrong_key_and_a_missing_server_are_found_before_anything_runs(free_port):
    async with LoopbackServer("fine", key="right") as server, tabled(server, api_key="sk-wrong-0123456789") as table:
        with pytest.raises(ConfigError, match="refused the key") as caught:
            await table.prepare(["m"], Limits())
        assert "wrong" not in str(caught.value)
    assert server.requests == []
    async with ModelTable(Sources(api_base=f"http://127.0.0.1:{free_port}/v1")) as table:
        with pytest.raises(ConfigError, match=rf"cannot reach 127.0.0.1:{free_port} \(Connection refused\)"):
            await table.prepare(["m"], Limits())


async def test_a_model_out_of_reach_may_have_a_fallback(free_port):
    sources = Sources(api_base=f"http://127.0.0.1:{free_port}/v1", given={"spare": ScriptedModel("spare")})
    rings = Rings(haste=Patience(attempts=1))
    async with ModelTable(sources, rings, fallbacks=["spare"]) as table:
        await table.prepare(["m"], Limits())
        assert (await table(request(model="m"), budget())).text == "spare"


async def test_faults_of_a_tenth_of_all_calls_reach_nobody_and_are_counted():
    chance = random.Random(3)

    def shaky(asked):
        return Served(status=500, text="oops") if chance.random() < 0.1 else "fine"

    scope = Budget("run", Limits())
    rings = Rings(patience=Patience(shortest=0.001))
    completions = []
    async with LoopbackServer(shaky) as server, tabled(server, rings) as table:

        async def ask(number):
            completions.append(await table(request(str(number)), scope))

        async with anyio.create_task_group() as group:
            for number in range(100):
                group.start_soon(ask, number)
    assert [completion.text for completion in completions] == ["fine"] * 100
    assert scope.usage.calls == sum(completion.attempts for completion in completions) == len(server.requests) > 100


async def test_a_limit_of_the_server_reaches_nobody():
    """Nothing is configured: the gate learns from the 429s, and everyone is answered."""
    refusals = iter([Served(status=429, text="slow down", headers={"Retry-After": "0.01"})] * 10)

    def limited(asked):
        return next(refusals, "fine")

    scope = Budget("run", Limits())
    async with LoopbackServer(limited) as server, tabled(server) as table:
        async with anyio.create_task_group() as group:
            for number in range(60):
                group.start_soon(table, request(str(number)), scope)
        assert table.statistics()["small"].overloads == 10
    assert scope.usage.calls == len(server.requests) == 70


async def test_on_another_loop_the_client_says_what_it_needs():
    def on_trio():
        async def ask():
            client = OpenAIClient(Endpoint.parse("http://127.0.0.1:1/v1"))
            with pytest.raises(ConfigError, match="asyncio"):
                await client(request(), budget())

        anyio.run(ask, backend="trio")

    await anyio.to_thread.run_sync(on_trio)
