"""The thin client: OpenAI-compatible servers over aiohttp, at a fifth of a millisecond a call.

The only module that imports aiohttp. It runs on asyncio only, as aiohttp does.
"""

from __future__ import annotations

import asyncio
import os
import time

import aiohttp
import msgspec
from yarl import URL

from rlm_async.core.budget import Budget
from rlm_async.core.data import Data
from rlm_async.core.messages import Completion, Request
from rlm_async.core.usage import ModelInfo
from rlm_async.errors import ConfigError, ModelError, ModelUnavailable
from rlm_async.models.endpoint import Endpoint
from rlm_async.models.failures import Answerer, failure, retry_after, unreachable
from rlm_async.models.openai_reply import Heard, Listener, listen, parsed
from rlm_async.models.wire import Card, Cards, Dialect, bare_name, encode, fault_text

_CHAT = "/chat/completions"
_CONNECT = 10.0
_KEEP_ALIVE = 30.0
_OK, _BAD, _UNAUTHORISED, _MISSING, _UNPROCESSABLE = 200, 400, 401, 404, 422


class OpenAIClient:
    """A Model on an OpenAI-compatible endpoint.

    One connection pool of at most `connections`, kept alive, opened at the first call and closed by
    `aclose`; it opens again at the next call, also on another event loop. `timeout` is seconds for a
    whole attempt. With `listener`, or where a request wants to be `heard`, replies are streamed: each piece is
    told, and a reply that runs past `max_tokens` is cut there. Errors never hold the key, a header, or
    credentials of the address.
    """

    def __init__(
        self, endpoint: Endpoint, *, connections: int = 64, timeout: float = 600.0, listener: Listener | None = None
    ) -> None:
        """Talk to `endpoint`; nothing is opened yet."""
        self._endpoint = endpoint
        self._connections = connections
        self._timeout = timeout
        self._waits = aiohttp.ClientTimeout(total=timeout, sock_connect=_CONNECT)
        self._answerers: dict[str, Answerer] = {}
        self._listener = listener
        self._dialect = Dialect("max_completion_tokens" if endpoint.name == "api.openai.com" else "max_tokens")
        self._root = "/v1" if endpoint.bare else ""
        self._chat = self._address(_CHAT)
        self._session: aiohttp.ClientSession | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def __call__(self, request: Request, budget: Budget) -> Completion:  # noqa: ARG002 - part of the port
        """One attempt."""
        answerer = self._answerer(request.model)
        heard = Heard(request, self._listener)
        try:
            return await self._attempt(heard, answerer)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise unreachable(answerer, _reason(error)) from error
        except TimeoutError as error:
            text = f"{answerer.host} did not answer within {self._timeout:g} seconds"
            raise ModelUnavailable(text, received=heard.pieces) from error
        except (aiohttp.ClientError, OSError) as error:
            text = f"the connection to {answerer.host} broke off ({type(error).__name__})"
            raise ModelUnavailable(text, received=heard.pieces) from error

    async def check(self, model: str) -> ModelInfo | None:
        """Look whether the server is there and takes the key; what it says of the model, where it does.

        Raises ConfigError where it cannot be reached or refuses the key. A server that lists no models,
        or not this one, may still have it: that is told by the first call.
        """
        try:
            cards = await self._cards()
        except ModelError as error:
            raise ConfigError(str(error)) from error
        name = bare_name(model)
        window = next((card.max_model_len for card in cards if card.id == name), None)
        return None if window is None else ModelInfo(name=model, window=window)

    async def _cards(self) -> list[Card]:
        answerer = self._answerer("")
        url = self._address("/models")
        timeout = aiohttp.ClientTimeout(total=_CONNECT)
        try:
            async with self._open().get(url, timeout=timeout, allow_redirects=False) as response:
                if response.status == _UNAUTHORISED:
                    raise failure(response.status, "", answerer)
                raw = await response.read() if response.status == _OK else b"{}"
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise unreachable(answerer, _reason(error)) from error
        except (aiohttp.ClientError, TimeoutError):
            return []  # it is there, and has no list to show
        try:
            return msgspec.json.decode(raw, type=Cards).data
        except (msgspec.DecodeError, UnicodeDecodeError):
            return []

    async def aclose(self) -> None:
        """Close the pool."""
        session, self._session = self._session, None
        if session is not None and self._loop is asyncio.get_running_loop():
            await session.close()

    def _answerer(self, model: str) -> Answerer:
        known = self._answerers.get(model)
        if known is None:
            endpoint = self._endpoint
            keyed = endpoint.authorization is not None
            known = self._answerers[model] = Answerer(endpoint.name, bare_name(model), keyed, endpoint.secrets)
        return known

    def _address(self, path: str) -> URL:
        return URL(self._endpoint.url(self._root + path))

    def _open(self) -> aiohttp.ClientSession:
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            raise ConfigError(
                "OpenAI-compatible endpoints need asyncio (aiohttp does): run on asyncio, or give a model of your own"
            ) from None
        if self._session is None or self._loop is not loop:
            self._session, self._loop = self._new_session(), loop
        return self._session

    def _new_session(self) -> aiohttp.ClientSession:
        endpoint = self._endpoint
        headers = {"Content-Type": "application/json", "User-Agent": "rlm-async"}
        if endpoint.authorization is not None:
            headers["Authorization"] = endpoint.authorization
        limit = self._connections
        connector: aiohttp.BaseConnector
        if endpoint.socket is not None:
            connector = aiohttp.UnixConnector(endpoint.socket, limit=limit, keepalive_timeout=_KEEP_ALIVE)
        else:
            connector = aiohttp.TCPConnector(limit=limit, limit_per_host=limit, keepalive_timeout=_KEEP_ALIVE)
        # trust_env: proxies of the environment, which must not come between us and this machine
        return aiohttp.ClientSession(
            connector=connector, headers=headers, trust_env=not endpoint.local, cookie_jar=aiohttp.DummyCookieJar()
        )

    async def _attempt(self, heard: Heard, answerer: Answerer) -> Completion:
        """Ask, once more where the server wants the same in another form."""
        request = heard.request
        session = self._open()
        body = self._dialect.body(
            request, answerer.model, stream=self._listener is not None or request.heard is not None
        )
        while True:
            asking = session.post(self._chat, data=encode(body), timeout=self._waits, allow_redirects=False)
            async with asking as response:
                if response.status == _OK:
                    if response.content_type == "text/event-stream":
                        return await listen(response.content.iter_any(), heard, answerer)
                    return parsed(await response.read(), request, answerer)
                complaint = fault_text(await response.read())
                if not self._adapted(response.status, body, complaint):
                    wait = retry_after(response.headers, time.time())
                    raise failure(response.status, complaint, answerer, wait)

    def _adapted(self, status: int, body: dict[str, Data], complaint: str) -> bool:
        """Whether the same attempt is worth sending in another form."""
        if status == _MISSING and self._root and "model" not in complaint.lower():
            self._root = ""
            self._chat = self._address(_CHAT)
            return True
        return status in {_BAD, _UNPROCESSABLE} and self._dialect.adapt(body, complaint)


def _reason(error: aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError) -> str:
    if not isinstance(error, aiohttp.ClientConnectorError):
        return "no connection in time"
    cause = error.os_error
    if cause.errno is not None and cause.errno > 0:
        return os.strerror(cause.errno)  # asyncio's own text repeats the address
    return cause.strerror or "no connection"
