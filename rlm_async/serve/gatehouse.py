"""An ASGI application behind API keys, and open for as long as something else is."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from rlm_async.serve.faults import Fault
from rlm_async.serve.keys import Keys


class Guarded:
    """Lets only those in who bring a key; what is inside looks at the key again to know whose it is."""

    def __init__(self, app: ASGIApp, keys: Keys) -> None:
        """Stand before `app`."""
        self._app = app
        self._keys = keys

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "http":
            try:
                self._keys.account(Request(scope).headers.get("authorization"))
            except Fault as fault:
                refusal = Response(
                    msgspec.json.encode(fault.body), fault.status, {"WWW-Authenticate": "Bearer"}, "application/json"
                )
                await refusal(scope, receive, send)
                return
        await self._app(scope, receive, send)


def open_with(app: Starlette, resource: AbstractAsyncContextManager[object]) -> None:
    """Open `resource` before the application takes requests, and close it after the last one."""
    inner = app.router.lifespan_context

    @asynccontextmanager
    async def lifespan(of: Starlette) -> AsyncIterator[None]:
        async with resource, inner(of):
            yield

    app.router.lifespan_context = lifespan
