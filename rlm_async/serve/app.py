"""The application: routes, who may use them, and one run for each request."""

from __future__ import annotations

import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from functools import partial

import anyio.to_thread
import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from rlm_async import __version__
from rlm_async.api import RLM
from rlm_async.api.lowering import lowered
from rlm_async.core.data import Data
from rlm_async.errors import InternalError, RLMError
from rlm_async.serve import faults, wire
from rlm_async.serve.faults import Fault
from rlm_async.serve.incoming import Continued
from rlm_async.serve.jobs import CHAT, RESPONSES, Job
from rlm_async.serve.keys import Account, Keys
from rlm_async.serve.replies import Naming
from rlm_async.serve.streaming import HEARTBEAT, EventStream
from rlm_async.serve.wire import Wanted

BODY = 256_000_000
"""Bytes of one request at most."""
CLOSED = 499
"""The status that the log gives a request whose client has hung up."""


@dataclass(slots=True)
class Serving:
    """What is served: models by the names that clients use, to whom, within what."""

    models: Mapping[str, RLM]
    keys: Keys = field(default_factory=Keys)
    body: int = BODY
    heartbeat: float = HEARTBEAT
    in_flight: int = 0
    stopping: bool = False
    """True: health says so, and a balancer sends no more."""


def application(serving: Serving) -> Starlette:
    """The ASGI application; its lifespan opens connections and warm workers, and closes them."""
    server = _Server(serving)
    routes = [
        Route("/health", server.health),
        Route("/v1/models", server.guarded(server.listed)),
        Route("/v1/models/{model:path}", server.guarded(server.one)),
        Route("/v1/chat/completions", server.guarded(partial(server.asked, read=wire.chat)), methods=["POST"]),
        Route("/v1/responses", server.guarded(partial(server.asked, read=wire.responses)), methods=["POST"]),
    ]
    handlers = {HTTPException: _not_here, Exception: _bug}
    return Starlette(
        routes=routes,
        middleware=[Middleware(Continued)],
        exception_handlers=handlers,
        lifespan=server.lifespan,
    )


class _Server:
    """One server at work."""

    def __init__(self, serving: Serving) -> None:
        self._serving = serving
        self._started = int(time.time())

    @asynccontextmanager
    async def lifespan(self, _: Starlette) -> AsyncIterator[None]:
        """Keep each model open for as long as the server runs."""
        async with AsyncExitStack() as stack:
            for rlm in {id(rlm): rlm for rlm in self._serving.models.values()}.values():
                await stack.enter_async_context(rlm)
            yield
            self._serving.stopping = True

    async def health(self, _: Request) -> Response:
        """Whether it takes requests; needs no key, says nothing of anybody."""
        serving = self._serving
        state = "stopping" if serving.stopping else "ok"
        body: dict[str, Data] = {"status": state, "in_flight": serving.in_flight, "version": __version__}
        return _json(body, 503 if serving.stopping else 200)

    async def listed(self, request: Request, account: Account) -> Response:  # noqa: ARG002 - as all handlers
        """The models."""
        cards: list[Data] = [self._card(name) for name in self._serving.models]
        return _json({"object": "list", "data": cards})

    async def one(self, request: Request, account: Account) -> Response:  # noqa: ARG002 - as all handlers
        """One model."""
        name = request.path_params["model"]
        self._rlm(name)
        return _json(self._card(name))

    async def asked(self, request: Request, account: Account, read: Callable[[bytes], Wanted]) -> Response:
        """A question, whichever interface it came by."""
        raw = await self._body(request)
        wanted = await anyio.to_thread.run_sync(read, raw)
        rlm = self._rlm(wanted.model)
        name = Naming(secrets.token_hex(12), wanted.model, int(time.time()))
        shape = CHAT if read is wire.chat else RESPONSES
        job = Job(lowered(rlm, wanted.limits), wanted, account, self._busy)
        headers = {"x-request-id": name.id}
        if wanted.stream:
            job.admit()  # a refusal has a status of its own; from here on the status is 200
            tell = partial(job.told, shape=shape, name=name)
            return EventStream(tell, headers=headers, heartbeat=self._serving.heartbeat)
        answer = await job.answered(request.receive)
        return Response(status_code=CLOSED) if answer is None else _json(shape.whole(answer, name), headers=headers)

    @contextmanager
    def _busy(self) -> Iterator[None]:
        self._serving.in_flight += 1
        try:
            yield
        finally:
            self._serving.in_flight -= 1

    def guarded(
        self, handler: Callable[[Request, Account], Awaitable[Response]]
    ) -> Callable[[Request], Awaitable[Response]]:
        """A handler behind its key, whose faults are replies."""

        async def handle(request: Request) -> Response:
            try:
                account = self._serving.keys.account(request.headers.get("authorization"))
                return await handler(request, account)
            except Fault as fault:
                return _refused(fault)
            except RLMError as error:
                return _refused(faults.of(error))

        return handle

    def _rlm(self, name: str) -> RLM:
        rlm = self._serving.models.get(name)
        if rlm is None:
            known = ", ".join(self._serving.models)
            raise Fault(
                404, f"there is no model {name[:100]!r} here, but: {known}", code="model_not_found", param="model"
            )
        return rlm

    def _card(self, name: str) -> dict[str, Data]:
        return {"id": name, "object": "model", "created": self._started, "owned_by": "rlm-async"}

    async def _body(self, request: Request) -> bytes:
        most = self._serving.body
        fault = Fault(413, f"the body has more than {most:,} bytes", code="request_too_large")
        if int(request.headers.get("content-length") or 0) > most:
            raise fault
        pieces: list[bytes] = []
        size = 0
        async for piece in request.stream():
            size += len(piece)
            if size > most:
                raise fault
            pieces.append(piece)
        return b"".join(pieces)


async def _not_here(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    why = "there is no such path" if status == 404 else "another method is wanted here"  # noqa: PLR2004 - an HTTP status
    return _refused(Fault(status, f"{request.method} {request.url.path[:200]}: {why}", code="unknown_url"))


async def _bug(request: Request, error: Exception) -> Response:  # noqa: ARG001 - as starlette calls it, which logs the error
    return _refused(faults.of(InternalError("a bug")))


def _refused(fault: Fault) -> Response:
    return _json(fault.body, fault.status, fault.headers)


def _json(body: dict[str, Data], status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return Response(msgspec.json.encode(body), status, dict(headers or {}), "application/json")
