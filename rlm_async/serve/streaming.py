"""Server-sent events (HTML, section 9.2) for as long as a run takes, and the end of the run where nobody listens."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

import anyio
import msgspec
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from rlm_async.core.data import Data

HEARTBEAT = 10.0
"""Seconds after which a comment is sent where nothing else was, so that no proxy takes the silence for the end."""

Emit = Callable[[str | None, Data], Awaitable[None]]
"""Sends one event: its name, where it has one, and its data; a str goes as it is, anything else as JSON."""


class EventStream(Response):
    """Sends what `tell` emits. `tell` is cancelled when the client has gone, and must not raise."""

    def __init__(
        self, tell: Callable[[Emit], Awaitable[None]], *, headers: Mapping[str, str], heartbeat: float = HEARTBEAT
    ) -> None:
        """Nothing is sent yet."""
        super().__init__(
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no", **headers}, media_type="text/event-stream"
        )
        del self.headers["content-length"]  # nobody knows it yet
        self._tell = tell
        self._heartbeat = heartbeat

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - as ASGI calls it
        """Answer one request."""

        async def emit(name: str | None, data: Data) -> None:
            text = data if isinstance(data, str) else msgspec.json.encode(data).decode()
            event = "" if name is None else f"event: {name}\n"
            await self._send(send, f"{event}data: {text}\n\n")

        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        over = False
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(gone, receive, tasks.cancel_scope)
            tasks.start_soon(self._beat, send)
            try:
                await self._tell(emit)
                over = True
            except OSError:  # the connection is lost, and the server has noticed before we have
                over = False
            tasks.cancel_scope.cancel()
        if over:
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _beat(self, send: Send) -> None:
        while True:
            await anyio.sleep(self._heartbeat)
            await self._send(send, ": still at it\n\n")

    async def _send(self, send: Send, text: str) -> None:
        body = text.encode("utf-8", "replace")
        await send({"type": "http.response.body", "body": body, "more_body": True})


async def gone(receive: Receive, scope: anyio.CancelScope) -> None:
    """Cancel `scope` when the client has hung up."""
    while (await receive())["type"] != "http.disconnect":
        continue
    scope.cancel()
