"""The simulated model behind an OpenAI-compatible server, so that anyone's framework can be measured on the same thing.

`POST /v1/chat/completions` (also streamed), `GET /v1/models`, `GET /statistics` (and `DELETE`, to begin anew).
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Literal

import msgspec
from aiohttp import web

from rlm_async.bench.sim.model import SimulatedModel
from rlm_async.core.budget import UNLIMITED, Budget
from rlm_async.core.messages import Completion, Message, Request
from rlm_async.errors import ConfigError, ContextOverflow, RateLimited

LARGEST = 256 << 20
"""Bytes of a request: ten million tokens and their JSON."""


class _Part(msgspec.Struct):
    type: str = "text"
    text: str = ""


class _Spoken(msgspec.Struct):
    role: str
    content: str | list[_Part] | None = None


class _Streaming(msgspec.Struct):
    include_usage: bool = False


class _Body(msgspec.Struct):
    model: str
    messages: list[_Spoken]
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    temperature: float | None = None
    seed: int | None = None
    stream: bool = False
    stream_options: _Streaming | None = None


class Server:
    """Serves several simulated models by name."""

    def __init__(self, models: Mapping[str, SimulatedModel]) -> None:
        """Serve these."""
        self._models = models
        self.app = web.Application(client_max_size=LARGEST)
        self.app.router.add_post("/v1/chat/completions", self._complete)
        self.app.router.add_get("/v1/models", self._listed)
        self.app.router.add_get("/statistics", self._statistics)
        self.app.router.add_delete("/statistics", self._anew)
        self._tokens = {"prompt_tokens": 0, "completion_tokens": 0}
        self._refused = 0

    @asynccontextmanager
    async def serving(self, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[str]:
        """The address, for the length of the block. Raises ConfigError for a port that is taken."""
        runner = web.AppRunner(self.app, access_log=None, shutdown_timeout=0.5)
        await runner.setup()
        try:
            site = web.TCPSite(runner, host, port, backlog=4096)
            await site.start()
            bound = runner.addresses[0]
            yield f"http://{host}:{bound[1]}/v1"
        except OSError as error:
            raise ConfigError(f"cannot serve on {host}:{port}: {error.strerror}; choose another --port") from error
        finally:
            await runner.cleanup()

    async def _complete(self, request: web.Request) -> web.StreamResponse:
        try:
            body = msgspec.json.decode(await request.read(), type=_Body)
        except msgspec.DecodeError as error:
            return _refusal(400, f"the request is not a chat completion: {error}", "invalid_request_error")
        model = self._models.get(body.model.rpartition("/")[2])
        if model is None:
            return _refusal(404, f"The model `{body.model}` does not exist", "model_not_found")
        try:
            completion = await model(_request(body), Budget("server", UNLIMITED))
        except ContextOverflow as error:
            return _refusal(400, str(error), "context_length_exceeded")
        except RateLimited as error:
            self._refused += 1
            refusal = _refusal(429, str(error), "rate_limit_exceeded")
            refusal.headers["Retry-After"] = f"{error.retry_after or 1.0:.3f}"
            return refusal
        self._tokens["prompt_tokens"] += completion.usage.prompt_tokens
        self._tokens["completion_tokens"] += completion.usage.completion_tokens
        return await self._sent(request, body, completion)

    async def _sent(self, request: web.Request, body: _Body, completion: Completion) -> web.StreamResponse:
        usage = {
            "prompt_tokens": completion.usage.prompt_tokens,
            "completion_tokens": completion.usage.completion_tokens,
            "total_tokens": completion.usage.tokens,
        }
        whole = {"id": "chatcmpl-sim", "created": 1, "model": completion.model, "usage": usage}
        if not body.stream:
            said = {"role": "assistant", "content": completion.text}
            choice = {"index": 0, "message": said, "finish_reason": completion.finish}
            return web.json_response({**whole, "object": "chat.completion", "choices": [choice]})
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        chunk = {"id": "chatcmpl-sim", "created": 1, "model": completion.model, "object": "chat.completion.chunk"}
        steps: list[tuple[dict[str, str], str | None]] = [
            ({"role": "assistant", "content": completion.text}, None),
            ({}, completion.finish),
        ]
        for delta, finish in steps:
            await response.write(_event({**chunk, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}))
        if body.stream_options is not None and body.stream_options.include_usage:
            await response.write(_event({**chunk, "choices": [], "usage": usage}))
        await response.write(b"data: [DONE]\n\n")
        await response.write_eof()
        return response

    async def _listed(self, _: web.Request) -> web.Response:
        cards = [
            {"id": name, "object": "model", "owned_by": "rlm-async", "max_model_len": model.profile.window}
            for name, model in self._models.items()
        ]
        return web.json_response({"object": "list", "data": cards})

    async def _statistics(self, _: web.Request) -> web.Response:
        counted = {
            "requests": sum(model.calls for model in self._models.values()),
            "in_flight": sum(model.in_flight for model in self._models.values()),
            "peak": max(model.peak for model in self._models.values()),
            "refused": self._refused,
        }
        return web.json_response({**counted, **self._tokens})

    async def _anew(self, _: web.Request) -> web.Response:
        for model in self._models.values():
            model.calls, model.peak = 0, model.in_flight
        self._tokens = dict.fromkeys(self._tokens, 0)
        self._refused = 0
        return web.Response(status=204)


def _request(body: _Body) -> Request:
    return Request(
        model=body.model,
        messages=tuple(Message(_role(spoken.role), _text(spoken.content)) for spoken in body.messages),
        max_tokens=body.max_completion_tokens or body.max_tokens,
        sample=body.seed or 0,
    )


def _role(name: str) -> Literal["system", "user", "assistant"]:
    if name in {"system", "developer"}:
        return "system"
    return "assistant" if name == "assistant" else "user"


def _text(content: str | list[_Part] | None) -> str:
    if isinstance(content, str):
        return content
    return "\n".join(part.text for part in content or [])


def _refusal(status: int, message: str, code: str) -> web.Response:
    return web.json_response({"error": {"message": message, "type": code, "code": code}}, status=status)


def _event(chunk: Mapping[str, object]) -> bytes:
    return b"data: " + json.dumps(chunk).encode() + b"\n\n"
