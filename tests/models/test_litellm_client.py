"""litellm against a loopback server: the same claims as the thin client."""

from contextlib import asynccontextmanager

import pytest

from rlm_async.models.litellm_client import LiteLLMClient
from rlm_async.testing import MODEL_CLAIMS

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend():
    return "asyncio"  # litellm knows no other


@asynccontextmanager
async def connect(url, key):
    client = LiteLLMClient(api_base=url, api_key=key)
    try:
        yield client
    finally:
        await client.aclose()


@pytest.mark.parametrize("claim", MODEL_CLAIMS, ids=lambda claim: claim.__name__)
async def test_the_litellm_client_conforms(claim):
    await claim(connect)
