"""An OpenAI-compatible server on this machine whose replies, delays and faults are set by the test.

asyncio only. It serves ``/v1/chat/completions`` (also streamed) and ``/v1/models`` on a free port of
127.0.0.1, or on a unix socket; ``/v1/responses`` too, where every reply is `raw`.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Literal, Self

import msgspec
from aiohttp import web

from rlm_async.core.data import Data


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """One reply of the server, and what goes wrong with it. Times in seconds.

    A word is a token; `tokens` (prompt, completion, cached) says otherwise. With `status` other than 200
    the reply is an error with `text` as its message and `code`.
    """

    text: str = "yes"
    latency: float = 0.0
    status: int = 200
    code: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    tokens: tuple[int, int, int] | None = None
    counted: bool = True
    """False: no usage in the reply."""
    runaway: bool = False
    """True: `max_tokens` is ignored."""
    fault: Literal["hang", "drop", "truncate", "garbage"] | None = None
    """Never answer; close without a word; break off in the middle of the reply; send no JSON."""
    raw: bytes | None = None
    """Sent as the body instead of anything else."""


Reply = str | Served
Replies = Reply | Sequence[Reply] | Callable[["Asked"], Reply | Awaitable[Reply]]


@dataclass(frozen=True, slots=True)
class Asked:
    """One request as it arrived; header names are lower case."""

    path: str
    body: Mapping[str, Data]
    headers: Mapping[str, str]

    @property
    def prompt(self) -> str:
        """The text of the last message."""
        messages = msgspec.convert(self.body.get("messages") or [{}], list[_Spoken])
        return messages[-1].content


class _Spoken(msgspec.Struct):
    content: str = ""


class LoopbackServer:
    """Serves for the length of an ``async with`` block.

    `requests` holds the completions asked for, in order; `peak_in_flight` how many were being answered
    at once; `connections` how many were opened. With `models` (name to window) other names are unknown, with `key`
    other keys are refused, with `per_second` more requests than that in any second get a 429.
    """

    def __init__(
        self,
        replies: Replies = "yes",
        *,
        models: Mapping[str, int | None] | None = None,
        key: str | None = None,
        per_second: int | None = None,
        socket: str | None = None,
    ) -> None:
        """Nothing is opened yet. A sequence of replies ends with its last one repeated."""
        self._reply = _reader(replies)
        self._models = models
        self._key = key
        self._per_second = per_second
        self._recent: deque[float] = deque()
        self._socket = socket
        self._ending = asyncio.Event()
        self._runner: web.ServerRunner | None = None
        self._peers: set[object] = set()
        self._arrival = asyncio.Event()
        self.url = ""
        self.requests: list[Asked] = []
        self.in_flight = 0
        self.peak_in_flight = 0

    @property
    def connections(self) -> int:
        """How many connections were opened so far."""
        return len(self._peers)

    async def __aenter__(self) -> Self:
        """Open the port."""
        self._runner = web.ServerRunner(web.Server(self._handle, access_log=None), shutdown_timeout=0.5)
        await self._runner.setup()
        site: web.BaseSite
        if self._socket is not None:
            site = web.UnixSite(self._runner, self._socket)
            await site.start()
            self.url = f"unix://{self._socket}"
        else:
            site = web.TCPSite(self._runner, "127.0.0.1", 0, backlog=4096)
            await site.start()
            self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}/v1"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Let go of those who hang, and close the port."""
        self._ending.set()
        if self._runner is not None:
            await self._runner.cleanup()

    async def arrived(self, count: int) -> None:
        """Wait until `count` completions have been asked for."""
        while len(self.requests) < count:
            self._arrival.clear()
            await self._arrival.wait()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        self._peers.add(request.transport)
        if request.path.endswith("/models"):
            return self._listed(request)
        if not request.path.endswith(("/v1/chat/completions", "/v1/responses")):
            return web.Response(status=404, text="404 page not found")
        raw = await request.content.read(-1)
        headers = {name.lower(): value for name, value in request.headers.items()}
        asked = Asked(request.path, msgspec.json.decode(raw), headers)
        self.requests.append(asked)
        self._arrival.set()
        with self._counted():
            served = self._refusal(asked) or await self._reply(asked)
            if served.latency:
                await asyncio.sleep(served.latency)
            return await self._answer(request, asked, served)

    async def _answer(self, request: web.BaseRequest, asked: Asked, served: Served) -> web.StreamResponse:
        if served.fault == "hang":
            await self._ending.wait()
        if served.fault in {"hang", "drop"}:
            return _dropped(request)
        if served.raw is not None or served.fault == "garbage":
            return _json(served.raw or b'{"choices": [{"mess', served)
        if served.status != 200:  # noqa: PLR2004 - an HTTP status
            return _json(msgspec.json.encode({"error": {"message": served.text, "code": served.code}}), served)
        if asked.body.get("stream"):
            return await _streamed(request, asked, served)
        body = _whole(asked, served)
        if served.fault == "truncate":
            return await _truncated(request, body)
        return _json(body, served)

    def _refusal(self, asked: Asked) -> Served | None:
        if self._key is not None and asked.headers.get("authorization") != f"Bearer {self._key}":
            return Served(status=401, text="Incorrect API key provided: sk-abcd****wxyz", code="invalid_api_key")
        model = asked.body.get("model")
        if self._models is not None and model not in self._models:
            return Served(status=404, text=f"The model `{model}` does not exist", code="model_not_found")
        return self._limited()

    def _limited(self) -> Served | None:
        if self._per_second is None:
            return None
        now = asyncio.get_running_loop().time()
        while self._recent and self._recent[0] <= now - 1.0:
            self._recent.popleft()
        if len(self._recent) >= self._per_second:
            wait = self._recent[0] + 1.0 - now
            return Served(status=429, text="rate limit reached", headers={"Retry-After": f"{wait:.3f}"})
        self._recent.append(now)
        return None

    def _listed(self, request: web.BaseRequest) -> web.Response:
        if self._key is not None and request.headers.get("Authorization") != f"Bearer {self._key}":
            return web.json_response({"error": {"message": "no such key"}}, status=401)
        cards = [{"id": name, "max_model_len": window} for name, window in (self._models or {}).items()]
        return web.json_response({"object": "list", "data": cards})

    @contextmanager
    def _counted(self) -> Iterator[None]:
        self.in_flight += 1
        self.peak_in_flight = max(self.peak_in_flight, self.in_flight)
        try:
            yield
        finally:
            self.in_flight -= 1


def _reader(replies: Replies) -> Callable[[Asked], Awaitable[Served]]:
    rest = deque([replies] if isinstance(replies, str | Served) else [] if callable(replies) else replies)

    async def reply(asked: Asked) -> Served:
        if callable(replies):
            made = replies(asked)
            chosen = await made if isinstance(made, Awaitable) else made
        else:
            chosen = rest.popleft() if len(rest) > 1 else rest[0]
        return Served(text=chosen) if isinstance(chosen, str) else chosen

    return reply


def _cut(asked: Asked, served: Served) -> tuple[list[str], str]:
    words = served.text.split(" ")
    most = asked.body.get("max_tokens", asked.body.get("max_completion_tokens"))
    if not served.runaway and isinstance(most, int) and len(words) > most:
        return words[:most], "length"
    return words, "stop"


def _usage(asked: Asked, served: Served, completion: int) -> dict[str, Data]:
    messages = msgspec.convert(asked.body.get("messages"), list[_Spoken])
    counts = served.tokens or (sum(len(message.content.split()) for message in messages), completion, 0)
    prompt, completion, cached = counts
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": cached},
    }


def _whole(asked: Asked, served: Served) -> bytes:
    words, finish = _cut(asked, served)
    body: dict[str, Data] = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": str(asked.body.get("model")),
        "choices": [
            {"index": 0, "message": {"role": "assistant", "content": " ".join(words)}, "finish_reason": finish}
        ],
    }
    if served.counted:
        body["usage"] = _usage(asked, served, len(words))
    return msgspec.json.encode(body)


async def _streamed(request: web.BaseRequest, asked: Asked, served: Served) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    words, finish = _cut(asked, served)
    model = str(asked.body.get("model"))
    sent = words[: len(words) // 2] if served.fault == "truncate" else words
    for number, word in enumerate(sent):
        text = word if number == 0 else f" {word}"
        await response.write(_event({"model": model, "choices": [{"index": 0, "delta": {"content": text}}]}))
    if served.fault != "truncate":
        last: dict[str, Data] = {"index": 0, "delta": {}, "finish_reason": finish}
        await response.write(_event({"model": model, "choices": [last]}))
        if served.counted and asked.body.get("stream_options"):
            usage = _usage(asked, served, len(words))
            await response.write(_event({"model": model, "choices": [], "usage": usage}))
        await response.write(b"data: [DONE]\n\n")
    await response.write_eof()
    return response


async def _truncated(request: web.BaseRequest, body: bytes) -> web.StreamResponse:
    headers = {"Content-Type": "application/json", "Content-Length": str(len(body))}
    response = web.StreamResponse(headers=headers)
    await response.prepare(request)
    await response.write(body[: len(body) // 2])
    if request.transport is not None:
        request.transport.close()
    return response


def _dropped(request: web.BaseRequest) -> web.Response:
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


def _event(chunk: dict[str, Data]) -> bytes:
    return b"data: " + msgspec.json.encode(chunk) + b"\n\n"


def _json(body: bytes, served: Served) -> web.Response:
    return web.Response(status=served.status, body=body, headers={"Content-Type": "application/json", **served.headers})
