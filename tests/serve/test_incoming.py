"""A request's `traceparent` is the parent of the run that answers it, streamed or not."""

from __future__ import annotations

import aiohttp
import pytest

from rlm_async.serve.incoming import Continued
from rlm_async.telemetry.propagation import carried
from rlm_async.testing import ScriptedModel

pytestmark = pytest.mark.anyio
PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@pytest.mark.parametrize("stream", [False, True])
async def test_a_run_belongs_to_the_trace_of_whoever_asked(served, stream):
    seen = []

    def reply(request):
        seen.append(carried().get("traceparent"))
        return "an answer"

    running = await served(ScriptedModel(reply))
    body = {"model": "rlm-async", "messages": [{"role": "user", "content": "which?"}], "stream": stream}
    base = running.url.removesuffix("/v1")
    async with aiohttp.ClientSession() as session:
        for headers in ({"traceparent": PARENT}, {}, {"traceparent": "nonsense"}):
            async with session.post(f"{base}/v1/chat/completions", json=body, headers=headers) as response:
                assert response.status == 200
                await response.read()
    assert seen == [PARENT, None, None]


async def test_a_lifespan_has_no_headers_and_goes_through():
    met = []

    async def app(scope, receive, send):
        met.append(scope["type"])

    await Continued(app)({"type": "lifespan"}, None, None)
    assert met == ["lifespan"]
