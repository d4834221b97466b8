"""The client for providers: litellm, for its reach. The only module that imports it.

Its import costs seconds, so it is loaded at the first call, in a thread. Retries, cache and router of
litellm stay off: tenacity and our gate do that (see docs/adr/0006-model-rings.md). asyncio only.
"""

from __future__ import annotations

import asyncio
import importlib
import logging
import os
import time
import warnings
from types import ModuleType

import anyio
import anyio.to_thread

from rlm_async.core.budget import Budget
from rlm_async.core.messages import Completion, Request
from rlm_async.core.usage import NANO, ModelInfo, Usage
from rlm_async.errors import ConfigError, ContextOverflow, ModelError, ModelRejected, ModelUnavailable
from rlm_async.models.endpoint import Endpoint
from rlm_async.models.failures import Answerer, failure, retry_after, unreachable
from rlm_async.models.openai_reply import Heard
from rlm_async.models.wire import Body, Choice, Counts, Details, Said, response_format

_KEY_SUFFIXES = ("_API_KEY", "_TOKEN")


class LiteLLMClient:
    """A Model behind litellm, by its names ("openai/gpt-5", "anthropic/claude-sonnet-4-5").

    `timeout` is seconds for a whole attempt. Keys come from the environment, as litellm reads them,
    unless `api_key` is given. Parameters that a model does not take are left out.
    """

    def __init__(self, *, api_base: str | None = None, api_key: str | None = None, timeout: float = 600.0) -> None:
        """Nothing is loaded yet."""
        self._endpoint = None if api_base is None else Endpoint.parse(api_base, api_key)
        self._api_key = api_key
        self._timeout = timeout
        self._loading = anyio.Lock()
        self._library: ModuleType | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def __call__(self, request: Request, budget: Budget) -> Completion:  # noqa: ARG002 - part of the port
        """One attempt."""
        litellm = await self._loaded()
        answerer = self._answerer(litellm, request.model)
        try:
            with anyio.fail_after(self._timeout):
                if request.heard is not None:
                    return await self._streamed(litellm, request, answerer)
                reply = await litellm.acompletion(**self._arguments(request))
        except ModelError:
            raise
        except TimeoutError:
            text = f"{answerer.host} did not answer within {self._timeout:g} seconds"
            raise ModelUnavailable(text, received=0) from None
        except Exception as error:  # noqa: BLE001 - the boundary to a library
            # litellm raises what it likes, also bare exceptions of its transports; their texts and
            # chains hold addresses with keys (Gemini's), so they end here
            raise translated(error, answerer) from None
        return _completion(reply, request)

    async def check(self, model: str) -> ModelInfo | None:
        """Raise ConfigError for an unknown provider, and where the provider's key is not set.

        Nothing is said of the model: the price list knows it already.
        """
        litellm = await self._loaded()
        try:
            litellm.get_llm_provider(model)
        except Exception:  # noqa: BLE001 - the only thing it can mean
            raise ConfigError(
                f"no provider is known for the model {model!r}: name it as litellm does, such as "
                "'openai/gpt-5', or give the api_base of the server that has it, or use 'local'"
            ) from None
        if self._api_key or self._endpoint is not None:
            return None
        found = litellm.validate_environment(model)
        missing = [name for name in found.get("missing_keys", ()) if name.endswith(_KEY_SUFFIXES)]
        if not found.get("keys_in_environment") and len(missing) == 1:
            raise ConfigError(f"no key for {model!r}: set {missing[0]}, or pass api_key")
        return None

    async def aclose(self) -> None:
        """Close the connections that litellm keeps for this loop."""
        if self._library is not None and self._loop is asyncio.get_running_loop():
            self._loop = None
            await self._library.close_litellm_async_clients()
            self._library.in_memory_llm_clients_cache.flush_cache()

    async def _loaded(self) -> ModuleType:
        try:
            self._loop = asyncio.get_running_loop()
        except RuntimeError:
            raise ConfigError("litellm needs asyncio: run on asyncio, or give a model of your own") from None
        async with self._loading:
            if self._library is None:
                self._library = await anyio.to_thread.run_sync(_load)
            return self._library

    async def _streamed(self, litellm: ModuleType, request: Request, answerer: Answerer) -> Completion:
        """A reply heard piece by piece, cut where it runs past its bound."""
        heard = Heard(request)
        options = {"stream": True, "stream_options": {"include_usage": True}}
        stream = await litellm.acompletion(**self._arguments(request), **options)
        try:
            async for chunk in stream:
                heard.take(_body(chunk))
                if heard.runaway:
                    return heard.completion("length")
        finally:
            await stream.aclose()
        if getattr(stream, "received_finish_reason", heard.finish) is None:  # litellm makes one up for a reply cut off
            raise ModelUnavailable(f"the reply of {answerer.host} was cut in the middle", received=heard.pieces)
        return heard.completion(heard.finish)

    def _arguments(self, request: Request) -> dict[str, object]:
        arguments: dict[str, object] = {
            "model": request.model,
            "messages": [{"role": m.role, "content": _sendable(m.text)} for m in request.messages],
            "timeout": self._timeout,
            "max_retries": 0,
            "num_retries": 0,
            "drop_params": True,
            "caching": False,
        }
        optional = {
            "max_tokens": request.max_tokens,
            "temperature": request.temperature,
            "api_key": self._api_key,
            "api_base": None if self._endpoint is None else self._endpoint.base + self._endpoint.query,
            "response_format": None if request.schema is None else response_format(request.schema),
        }
        arguments.update((name, value) for name, value in optional.items() if value is not None)
        if self._endpoint is not None and self._api_key is None:
            arguments["api_key"] = "none"  # servers without a key: the openai client insists on one
        return arguments

    def _answerer(self, litellm: ModuleType, model: str) -> Answerer:
        try:
            name, provider, _, base = litellm.get_llm_provider(model)
        except Exception:  # noqa: BLE001 - an unknown provider is told by the call itself
            name, provider, base = model, model.partition("/")[0], None
        host = self._endpoint.name if self._endpoint is not None else (base and Endpoint.parse(base).name) or provider
        secrets = (self._api_key,) if self._api_key else ()
        return Answerer(host, name, bool(self._api_key) or self._endpoint is None, secrets)


def translated(error: Exception, answerer: Answerer) -> ModelError:
    """One of litellm's exceptions as ours, by its status and its class's name."""
    kind = type(error).__name__
    message = str(getattr(error, "message", error)).removeprefix(f"litellm.{kind}: ")
    if kind == "ContextWindowExceededError":
        return ContextOverflow(f"the prompt does not fit the window of {answerer.model!r}: {answerer.said(message)}")
    if kind == "ContentPolicyViolationError":
        return ModelRejected(f"{answerer.host} refused the content: {answerer.said(message)}")
    status = getattr(error, "status_code", None)
    if kind == "Timeout":
        return ModelUnavailable(f"{answerer.host} did not answer in time", received=0)
    if kind == "APIConnectionError" or (kind == "InternalServerError" and "onnection error" in message):
        # a refused connection and one that broke off look the same here; the request may have been sent
        return unreachable(answerer, "no connection, or it broke off")
    if not isinstance(status, int):
        return ModelRejected(f"{answerer.host} cannot be asked: {answerer.said(message)} ({kind})")
    headers = getattr(error, "litellm_response_headers", None) or {}
    return failure(status, message, answerer, retry_after(headers, time.time()))


def _load() -> ModuleType:
    # without this, importing litellm fetches a price list from the network
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    with warnings.catch_warnings():
        # its import, and its first call (which builds pydantic classes), emit warnings about litellm's own
        # code, which nobody here can act on: both happen here, the call without a network
        warnings.simplefilter("ignore")
        litellm = importlib.import_module("litellm")
        _quieten(litellm)
        first = {"model": "openai/first", "messages": [{"role": "user", "content": "?"}], "mock_response": "!"}
        litellm.completion(**first)
        list(litellm.completion(**first, stream=True))
    return litellm


def _quieten(litellm: ModuleType) -> None:
    settings: dict[str, object] = {"telemetry": False, "suppress_debug_info": True}
    vars(litellm).update(settings)
    for name in ("LiteLLM", "LiteLLM Router", "LiteLLM Proxy"):
        logging.getLogger(name).setLevel(logging.CRITICAL)  # it logs each failure with its traceback; we raise them


def _completion(reply: object, request: Request) -> Completion:
    choice = reply.choices[0]  # type: ignore[attr-defined]
    counts = getattr(reply, "usage", None)
    details = getattr(counts, "prompt_tokens_details", None)
    cost = (getattr(reply, "_hidden_params", None) or {}).get("response_cost")
    text = choice.message.content or ""
    if choice.finish_reason == "content_filter" and not text:
        raise ModelRejected(f"the provider of {request.model!r} withheld the reply (content filter)")
    usage = Usage(
        calls=1,
        prompt_tokens=getattr(counts, "prompt_tokens", 0) or 0,
        completion_tokens=getattr(counts, "completion_tokens", 0) or 0,
        cached_tokens=getattr(details, "cached_tokens", 0) or 0,
        nanos=round(cost * NANO) if cost else None,  # 0.0 is said of Ollama and of models without a price
    )
    finish = "length" if choice.finish_reason == "length" else "stop"
    return Completion(text=text, usage=usage, model=getattr(reply, "model", None) or request.model, finish=finish)


def _body(chunk: object) -> Body:
    """A piece of a stream, in the form in which OpenAI's servers send it."""
    choices = []
    for choice in getattr(chunk, "choices", ())[:1]:
        delta = choice.delta
        said = Said(content=delta.content, reasoning_content=getattr(delta, "reasoning_content", None))
        choices.append(Choice(delta=said, finish_reason=choice.finish_reason))
    counts = getattr(chunk, "usage", None)
    details = getattr(counts, "prompt_tokens_details", None)
    usage = None
    if counts is not None:
        cached = Details(cached_tokens=getattr(details, "cached_tokens", None))
        usage = Counts(counts.prompt_tokens, counts.completion_tokens, cached)
    return Body(choices=choices, model=getattr(chunk, "model", None), usage=usage)


def _sendable(text: str) -> str:
    """Halves of surrogate pairs, which cannot be sent, become question marks."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()
