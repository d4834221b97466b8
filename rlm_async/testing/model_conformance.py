"""What every client of a provider must do, as claims to run against ours and a plugin's.

A claim takes `connect`, which opens a client for an OpenAI-compatible address and a key, and raises
AssertionError where the client fails it. With pytest::

    @pytest.mark.parametrize("claim", MODEL_CLAIMS, ids=lambda claim: claim.__name__)
    async def test_my_client(claim):
        await claim(connect)
"""

from __future__ import annotations

import socket
import traceback
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace

import anyio

from rlm_async.core.budget import Budget
from rlm_async.core.messages import Completion, Message, Request
from rlm_async.core.usage import Limits
from rlm_async.errors import ContextOverflow, ModelError, ModelRejected, ModelUnavailable, RateLimited
from rlm_async.ports import Model
from rlm_async.testing.loopback import Asked, LoopbackServer, Served

Connect = Callable[[str, str | None], AbstractAsyncContextManager[Model]]
Claim = Callable[[Connect], Awaitable[None]]

KEY = "sk-secret-0123456789abcdef"
MODEL = "openai/small"
_SCHEMA = '{"properties":{"n":{"type":"integer"}},"required":["n"],"type":"object","additionalProperties":false}'
_PATIENCE = 30.0
_LONG = "maximum context length is 10 tokens. However, your messages resulted in 99 tokens"

REFUSALS: tuple[tuple[Served, type[ModelError]], ...] = (
    (Served(status=400, text="temperature must be at most 2"), ModelRejected),
    (Served(status=400, text=_LONG, code="context_length_exceeded"), ContextOverflow),
    (Served(status=401, text=f"Incorrect API key provided: {KEY}"), ModelRejected),
    (Served(status=403, text="not in your region"), ModelRejected),
    (Served(status=404, text="The model `small` does not exist", code="model_not_found"), ModelRejected),
    (Served(status=408, text="timeout"), ModelUnavailable),
    (Served(status=429, text="slow down", headers={"Retry-After": "7"}), RateLimited),
    (Served(status=500, text="oops"), ModelUnavailable),
    (Served(status=502, text="bad gateway"), ModelUnavailable),
    (Served(status=503, text="overloaded"), ModelUnavailable),
    (Served(fault="garbage"), ModelUnavailable),
    (Served(fault="truncate", text="a reply that is long enough to be cut"), ModelUnavailable),
    (Served(fault="drop"), ModelUnavailable),
)
"""What goes wrong on the way, and what the caller is told."""


async def a_reply_comes_with_its_usage(connect: Connect) -> None:
    """Text, model, finish, and tokens with those from the provider's cache."""
    served = Served(text="forty two", tokens=(1000, 2, 800))
    async with LoopbackServer(served) as server, connect(server.url, None) as model:
        completion = await model(_request("how many?"), _budget())
    usage = completion.usage
    _equal(completion.text, "forty two")
    _equal(completion.finish, "stop")
    _equal((usage.calls, usage.prompt_tokens, usage.completion_tokens, usage.cached_tokens), (1, 1000, 2, 800))


async def what_is_asked_arrives(connect: Connect) -> None:
    """Messages in order, bound, temperature, schema and key reach the server."""
    messages = (Message("system", "Be short."), Message("user", "Grüße, 你好"))
    request = Request(model=MODEL, messages=messages, max_tokens=77, temperature=0.25, schema=_SCHEMA)
    async with LoopbackServer('{"n": 1}', key=KEY) as server, connect(server.url, KEY) as model:
        await model(request, _budget())
    (asked,) = server.requests
    body = asked.body
    _equal(body["model"], "small")
    _equal(
        body["messages"],
        [{"role": "system", "content": "Be short."}, {"role": "user", "content": "Grüße, 你好"}],
    )
    _equal(body["max_tokens"], 77)
    _equal(body["temperature"], 0.25)
    _true("json_schema" in str(body["response_format"]) and "integer" in str(body["response_format"]), "no schema sent")


async def a_reply_cut_at_its_bound_says_so(connect: Connect) -> None:
    """`finish` is `length`."""
    async with LoopbackServer("one two three four") as server, connect(server.url, None) as model:
        completion = await model(_request("count", max_tokens=2), _budget())
    _equal((completion.text, completion.finish), ("one two", "length"))


async def each_fault_is_told_as_what_it_is(connect: Connect) -> None:
    """The table of refusals; one attempt sends one request, whatever comes back."""
    for served, kind in REFUSALS:
        async with LoopbackServer(served) as server, connect(server.url, KEY) as model:
            error = await _error_of(model, _request("?"))
        _true(type(error) is kind, f"{served}: expected {kind.__name__}, got {error!r}")
        _equal(len(server.requests), 1)
        if isinstance(error, RateLimited):
            _equal(error.retry_after, 7.0)


async def errors_are_one_line_without_secrets(connect: Connect) -> None:
    """Neither the text nor a chained traceback holds the key."""
    for served, _ in REFUSALS:
        async with LoopbackServer(served) as server, connect(server.url, KEY) as model:
            error = await _error_of(model, _request("?"))
        _true("\n" not in str(error), f"more than one line: {error}")
        _true(KEY not in "".join(traceback.format_exception(error)), f"the key shows: {error!r}")


async def a_wrong_key_names_the_key(connect: Connect) -> None:
    """And who refused it."""
    async with LoopbackServer(key="another") as server, connect(server.url, KEY) as model:
        error = await _error_of(model, _request("?"))
    _true("key" in str(error) and "127.0.0.1" in str(error), str(error))


async def an_unknown_model_is_named(connect: Connect) -> None:
    """By its name on the server."""
    async with LoopbackServer(models={"large": None}) as server, connect(server.url, None) as model:
        error = await _error_of(model, _request("?"))
    _true(isinstance(error, ModelRejected) and "small" in str(error), repr(error))


async def an_unreachable_endpoint_is_named(connect: Connect) -> None:
    """By its host and port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        async with connect(f"http://127.0.0.1:{port}/v1", KEY) as model:
            error = await _error_of(model, _request("?"))
    _true(isinstance(error, ModelUnavailable), repr(error))
    _true(f"127.0.0.1:{port}" in str(error) and "reach" in str(error), str(error))


async def giving_up_leaves_a_usable_client(connect: Connect) -> None:
    """A call that hangs can be cancelled, and the next one goes through."""
    replies = [Served(fault="hang"), Served(text="fine")]
    async with LoopbackServer(replies) as server, connect(server.url, None) as model:
        async with anyio.create_task_group() as group:
            group.start_soon(model, _request("first"), _budget())
            await server.arrived(1)
            group.cancel_scope.cancel()
        completion = await model(_request("second"), _budget())
    _equal(completion.text, "fine")


async def calls_run_at_once(connect: Connect) -> None:
    """Sixteen calls are in flight together, and each gets its own answer."""
    texts: dict[int, str] = {}

    async def ask(model: Model, number: int) -> None:
        texts[number] = (await model(_request(f"number {number}"), _budget())).text

    async def when_all_are_here(asked: Asked) -> str:
        await server.arrived(16)
        return asked.prompt

    async with LoopbackServer(when_all_are_here) as server, connect(server.url, None) as model:
        with anyio.fail_after(_PATIENCE):
            async with anyio.create_task_group() as group:
                for number in range(16):
                    group.start_soon(ask, model, number)
    _equal(texts, {number: f"number {number}" for number in range(16)})


async def broken_characters_do_not_stop_a_call(connect: Connect) -> None:
    """Half of a surrogate pair, as files in the wild hold them, is sent as something else."""
    async with LoopbackServer("fine") as server, connect(server.url, None) as model:
        completion = await model(_request("broken \udc80 text"), _budget())
    _equal(completion.text, "fine")


async def a_reply_is_heard_as_it_comes(connect: Connect) -> None:
    """Who wants to hear it is told how much has come; text, usage and finish are those of a reply in one piece."""
    heard: list[int] = []
    pieces: list[str] = []

    def hear(characters: int, piece: str) -> None:
        heard.append(characters)
        pieces.append(piece)

    served = Served(text="one two three", tokens=(1000, 3, 800))
    async with LoopbackServer(served) as server, connect(server.url, None) as model:
        completion = await model(replace(_request("count"), heard=hear), _budget())
    _equal((completion.text, completion.finish), ("one two three", "stop"))
    _equal("".join(pieces), "one two three")
    _equal(heard[-1], len("one two three"))
    _true(len(heard) > 1, "it came in one piece")
    usage = completion.usage
    _equal((usage.prompt_tokens, usage.completion_tokens, usage.cached_tokens), (1000, 3, 800))


async def a_heard_reply_that_runs_away_is_cut(connect: Connect) -> None:
    """A server that ignores the bound it was told is cut off near it, and what came is the reply."""
    served = Served(text=" ".join(["again"] * 5_000), runaway=True)
    async with LoopbackServer(served) as server, connect(server.url, None) as model:
        completion = await model(replace(_request("?", 20), heard=_hear_nothing), _budget())
    _equal(completion.finish, "length")
    _true(20 <= len(completion.text.split()) < 100, f"{len(completion.text)} characters came")  # noqa: PLR2004 - near it


async def a_heard_reply_that_breaks_off_is_no_reply(connect: Connect) -> None:
    """The error says how much had come, for it may be billed."""
    served = Served(text="one two three four five six", fault="truncate")
    async with LoopbackServer(served) as server, connect(server.url, None) as model:
        error = await _error_of(model, replace(_request("?"), heard=_hear_nothing))
    _true(isinstance(error, ModelUnavailable) and error.received == 3, repr(error))  # noqa: PLR2004 - half of it


MODEL_CLAIMS: tuple[Claim, ...] = (
    a_reply_comes_with_its_usage,
    what_is_asked_arrives,
    a_reply_cut_at_its_bound_says_so,
    each_fault_is_told_as_what_it_is,
    errors_are_one_line_without_secrets,
    a_wrong_key_names_the_key,
    an_unknown_model_is_named,
    an_unreachable_endpoint_is_named,
    giving_up_leaves_a_usable_client,
    calls_run_at_once,
    broken_characters_do_not_stop_a_call,
    a_reply_is_heard_as_it_comes,
    a_heard_reply_that_runs_away_is_cut,
    a_heard_reply_that_breaks_off_is_no_reply,
)


async def model_conformance(connect: Connect) -> None:
    """All claims, one after the other."""
    for claim in MODEL_CLAIMS:
        await claim(connect)


def _request(prompt: str, max_tokens: int | None = 50) -> Request:
    return Request(model=MODEL, messages=(Message("user", prompt),), max_tokens=max_tokens)


def _hear_nothing(characters: int, piece: str) -> None:
    """Be somebody who listens, so that the reply is streamed."""
    _true(characters >= len(piece), "less has come than the last piece")


def _budget() -> Budget:
    return Budget("run", Limits())


async def _error_of(model: Model, request: Request) -> ModelError:
    try:
        completion: Completion = await model(request, _budget())
    except ModelError as error:
        return error
    raise AssertionError(f"expected a ModelError, got {completion!r}")


def _equal(found: object, expected: object) -> None:
    if found != expected:
        raise AssertionError(f"expected {expected!r}, got {found!r}")


def _true(holds: bool, otherwise: str) -> None:  # noqa: FBT001 - an assertion
    if not holds:
        raise AssertionError(otherwise)
