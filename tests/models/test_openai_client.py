"""The thin client against a loopback server."""

from contextlib import asynccontextmanager

import pytest

from rlm_async.models.endpoint import Endpoint
from rlm_async.models.openai_http import OpenAIClient
from rlm_async.testing import MODEL_CLAIMS

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend():
    return "asyncio"  # aiohttp knows no other


def connecting(**options):
    @asynccontextmanager
    async def connect(url, key):
        client = OpenAIClient(Endpoint.parse(url, key), **options)
        try:
            yield client
        finally:
            await client.aclose()

    return connect


@pytest.mark.parametrize("claim", MODEL_CLAIMS, ids=lambda claim: claim.__name__)
async def test_the_thin_client_conforms(claim):
    await claim(connecting())


@pytest.mark.parametrize("claim", MODEL_CLAIMS, ids=lambda claim: claim.__name__)
async def test_the_thin_client_conforms_when_it_streams(claim):
    await claim(connecting(listener=lambda request, piece: None))
