"""litellm against a loopback server: the same claims as the thin client."""

import subprocess
import sys
import threading
from contextlib import asynccontextmanager

import anyio
import anyio.to_thread
import pytest

from rlm_async.core.budget import Budget
from rlm_async.core.messages import Message, Request
from rlm_async.core.usage import Limits
from rlm_async.errors import ConfigError, ContextOverflow, ModelRejected, ModelUnavailable, RateLimited
from rlm_async.models import litellm_client
from rlm_async.models.failures import Answerer
from rlm_async.models.litellm_client import LiteLLMClient
from rlm_async.models.table import ModelTable, Sources
from rlm_async.testing import MODEL_CLAIMS, LoopbackServer, Served

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.filterwarnings("ignore:Accessing the .model_:DeprecationWarning"),  # of litellm itself, in streams
]


@pytest.fixture
def anyio_backend():
    return "asyncio"  # litellm knows no other


STATUSES = {
    "AuthenticationError": 401,
    "NotFoundError": 404,
    "ContextWindowExceededError": 400,
    "ContentPolicyViolationError": 400,
    "Timeout": 408,
    "ServiceUnavailableError": 503,
    "APIConnectionError": 500,
    "RateLimitError": 429,
}


def openai_error(name):
    """An exception as litellm raises it, without loading litellm."""
    error = type(name, (Exception,), {})(f"litellm.{name}: it said so")
    error.message = str(error)
    error.status_code = STATUSES[name]
    return error


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


def request(model="openai/small", prompt="?", **more):
    return Request(model=model, messages=(Message("user", prompt),), max_tokens=50, **more)


async def test_it_is_loaded_at_the_first_call_and_off_the_loop(monkeypatch):
    threads = []

    def load():
        threads.append(threading.current_thread())
        return real()

    real = litellm_client._load
    monkeypatch.setattr(litellm_client, "_load", load)
    async with LoopbackServer("fine") as server, connect(server.url, None) as model:
        assert threads == []
        async with anyio.create_task_group() as group:
            for _ in range(3):
                group.start_soon(model, request(), Budget("run", Limits()))
    assert len(threads) == 1
    assert threads[0] is not threading.main_thread()


def test_nothing_of_it_is_imported_by_the_table_and_nothing_of_aiohttp():
    code = "import sys, rlm_async.models.table; print({'litellm', 'aiohttp', 'openai'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_a_program_that_used_it_ends_without_a_word():
    """No warning, no log line, no pending task, no open session at exit."""
    code = """
import anyio
from rlm_async.core.budget import Budget
from rlm_async.core.messages import Message, Request
from rlm_async.core.usage import Limits
from rlm_async.errors import ModelError
from rlm_async.models.table import ModelTable, Sources
from rlm_async.models.litellm_client import LiteLLMClient
from rlm_async.testing import LoopbackServer, Served

async def main():
    replies = [Served(text="fine"), Served(status=400, text="no")]
    for _ in range(2):
        async with LoopbackServer(replies) as server:
            client = LiteLLMClient(api_base=server.url, api_key="sk-0123456789")
            asked = Request(model="openai/small", messages=(Message("user", "?"),))
            await client(asked, Budget("run", Limits()))
            try:
                await client(asked, Budget("run", Limits()))
            except ModelError:
                pass
            await client.aclose()

anyio.run(main)
anyio.run(main)
"""
    done = subprocess.run([sys.executable, "-W", "default", "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


async def test_a_name_that_no_provider_has_is_an_error_before_anything_runs():
    async with ModelTable(Sources()) as table:
        with pytest.raises(ConfigError, match=r"no provider is known for the model 'nobody/nothing'.*api_base"):
            await table.prepare(["nobody/nothing"], Limits())


async def test_a_key_that_is_not_set_is_an_error_before_anything_runs(monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    async with ModelTable(Sources()) as table:
        with pytest.raises(ConfigError, match="no key for 'openai/gpt-5': set OPENAI_API_KEY, or pass api_key"):
            await table.prepare(["openai/gpt-5"], Limits())
    async with ModelTable(Sources(api_key="sk-0123456789")) as table:
        await table.prepare(["openai/gpt-5"], Limits(usd=1.0))
        info = table.info("openai/gpt-5")
    assert info.price is not None
    assert info.window > 100_000


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (openai_error("AuthenticationError"), ModelRejected),
        (openai_error("NotFoundError"), ModelRejected),
        (openai_error("ContextWindowExceededError"), ContextOverflow),
        (openai_error("ContentPolicyViolationError"), ModelRejected),
        (openai_error("Timeout"), ModelUnavailable),
        (openai_error("ServiceUnavailableError"), ModelUnavailable),
        (openai_error("APIConnectionError"), ModelUnavailable),
        (openai_error("RateLimitError"), RateLimited),
        (ValueError("something else"), ModelRejected),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else value.__name__,
)
def test_its_exceptions_are_told_apart_by_status_and_name(error, kind):
    made = litellm_client.translated(error, Answerer("openai", "gpt-5"))
    assert type(made) is kind
    assert "litellm." not in str(made)


def test_the_wait_is_where_litellm_keeps_it():
    error = openai_error("RateLimitError")
    error.litellm_response_headers = {"retry-after": "12"}
    assert litellm_client.translated(error, Answerer("openai", "gpt-5")).retry_after == 12.0


async def test_a_server_that_hangs_is_given_up_in_time():
    async with LoopbackServer(Served(fault="hang")) as server:
        model = LiteLLMClient(api_base=server.url, timeout=0.1)
        with pytest.raises(ModelUnavailable, match="did not answer"):
            await model(request(), Budget("run", Limits()))
        await model.aclose()


async def test_on_another_loop_it_says_what_it_needs():
    def on_trio():
        async def ask():
            with pytest.raises(ConfigError, match="asyncio"):
                await LiteLLMClient()(request(), Budget("run", Limits()))

        anyio.run(ask, backend="trio")

    await anyio.to_thread.run_sync(on_trio)
