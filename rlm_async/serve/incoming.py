"""The caller's trace of a request: a run that a server answers belongs to the trace of whoever asked."""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send

from rlm_async.telemetry.propagation import continued

_HEADERS = frozenset({b"traceparent", b"tracestate"})


class Continued:
    """An ASGI application in which the span of the request's `traceparent` is the current one (W3C Trace Context).

    Around the whole application, because a streamed reply is made after its handler has returned.
    """

    def __init__(self, app: ASGIApp) -> None:
        """Wrap `app`."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        headers = scope.get("headers", ()) if scope["type"] == "http" else ()
        carrier = {name.decode("ascii"): value.decode("latin-1") for name, value in headers if name in _HEADERS}
        with continued(carrier):
            await self._app(scope, receive, send)
