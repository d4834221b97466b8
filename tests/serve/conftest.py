"""A server on loopback with a scripted model behind it."""

from __future__ import annotations

import contextlib
import socket
from dataclasses import dataclass

import anyio
import pytest

from rlm_async import RLM, Limits
from rlm_async.testing import ScriptedModel

pytest.importorskip("starlette", reason="the extra `serve` is not installed")
import uvicorn

from rlm_async.serve import Keys, Serving, application

COUNT = """```repl
found = [line for line in context.splitlines() if "needle" in line] if isinstance(context, str) else sorted(context)
FINAL(f"{len(found)} found: {found[0]}" if found else "nothing")
```"""


@pytest.fixture
def anyio_backend():
    """uvicorn is asyncio's."""
    return "asyncio"


@dataclass
class Running:
    url: str
    model: ScriptedModel
    serving: Serving

    @property
    def prompts(self):
        return ["\n".join(message.text for message in request.messages) for request in self.model.requests]


@pytest.fixture
async def served():
    """Starts servers; ends them with the test."""
    async with contextlib.AsyncExitStack() as stack:

        async def start(script=COUNT, *, keys=(), limits=None, clock=None, **settings):
            model = script if isinstance(script, ScriptedModel) else ScriptedModel(script)
            rlm = RLM(model, limits=limits or Limits(), sandbox="inline")
            kept = Keys(list(keys), clock) if clock else Keys(list(keys))
            serving = Serving({"rlm-async": rlm}, kept, **settings)
            listening = socket.create_server(("127.0.0.1", 0))
            config = uvicorn.Config(application(serving), lifespan="on", log_config=None, timeout_graceful_shutdown=1)
            server = uvicorn.Server(config)
            tasks = await stack.enter_async_context(anyio.create_task_group())

            async def serve():
                with contextlib.ExitStack() as closing:
                    closing.enter_context(listening)
                    server.capture_signals = contextlib.nullcontext
                    await server.serve([listening])

            tasks.start_soon(serve)
            stack.callback(setattr, server, "should_exit", True)
            while not server.started:
                await anyio.sleep(0.005)
            return Running(f"http://127.0.0.1:{listening.getsockname()[1]}/v1", model, serving)

        yield start
