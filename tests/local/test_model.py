"""The local model behind the Model port, with a fake server and then with the real one."""

import json
import os
import signal
from contextlib import aclosing, asynccontextmanager

import anyio
import pytest

from rlm_async.core.budget import Budget
from rlm_async.core.messages import Completion, Message, Request
from rlm_async.core.usage import Limits, ModelInfo, Usage
from rlm_async.errors import ConfigError, ContextOverflow, ModelUnavailable
from rlm_async.models.endpoint import Endpoint
from rlm_async.models.local.model import LocalModel
from rlm_async.models.local.progress import Silent
from rlm_async.models.local.settings import Serving, Settings
from rlm_async.models.openai_http import OpenAIClient

pytestmark = pytest.mark.anyio

INFO = ModelInfo(name="local", window=100, max_output=40)
ASK = Request(model="local", messages=(Message("user", "Hello?"),))


def budget():
    return Budget("test", Limits())


class FakeSupervisor:
    """Starts servers that are numbers, and lets them die."""

    def __init__(self):
        self.started = 0
        self.living = None

    def ensure(self, settings, report):
        if self.living is None:
            self.started += 1
            self.living = Serving(
                address=f"http://127.0.0.1:{self.started}",
                api_key="k",
                pid=self.started,
                name=settings.name,
                model=settings.model,
                window=100,
                slots=1,
                started=0.0,
            )
        return self.living

    def ended(self, settings, serving):
        return self.living != serving


class FakeClient:
    def __init__(self, serving, script):
        self.serving, self.script, self.asked, self.closed = serving, script, [], 0

    async def __call__(self, request, budget):
        self.asked.append(request)
        await anyio.lowlevel.checkpoint()
        if self.script:
            self.script.pop(0)()
        return Completion(text="hi", usage=Usage(calls=1, prompt_tokens=3, completion_tokens=1, nanos=None))

    async def aclose(self):
        self.closed += 1


@pytest.fixture
def world():
    supervisor, clients, script = FakeSupervisor(), [], []

    def connect(serving):
        clients.append(FakeClient(serving, script))
        return clients[-1]

    settings = Settings(model="/w.gguf", name="tiny", window=100)
    return LocalModel(INFO, settings, supervisor, connect, Silent()), supervisor, clients, script


async def test_a_request_is_greedy_and_bounded_unless_it_says_otherwise(world):
    model, _, clients, _ = world
    await model(ASK, budget())
    asked = clients[0].asked[0]
    assert (asked.temperature, asked.max_tokens, asked.model) == (0.0, 40, "tiny")

    await model(Request(model="local", messages=ASK.messages, temperature=0.7, max_tokens=5), budget())
    assert (clients[0].asked[1].temperature, clients[0].asked[1].max_tokens) == (0.7, 5)


async def test_a_local_call_costs_nothing_and_says_so(world):
    model, *_ = world
    completion = await model(ASK, budget())
    assert completion.usage == Usage(calls=1, prompt_tokens=3, completion_tokens=1, nanos=0)


async def test_a_crash_is_told_as_one_and_the_next_call_starts_another_server(world):
    model, supervisor, clients, script = world

    def crash():
        supervisor.living = None
        raise ModelUnavailable("connection reset", received=7)

    script.append(crash)
    with pytest.raises(ModelUnavailable, match="the process of tiny ended while it answered") as caught:
        await model(ASK, budget())
    assert caught.value.received == 7
    assert (await model(ASK, budget())).text == "hi"
    assert supervisor.started == 2
    assert clients[0].closed == 1


async def test_a_fault_of_a_living_server_is_passed_on(world):
    model, supervisor, _, script = world

    def fault():
        raise ModelUnavailable("it failed (500)")

    script.append(fault)
    with pytest.raises(ModelUnavailable, match="it failed"):
        await model(ASK, budget())
    assert supervisor.started == 1


async def test_siblings_take_turns_and_share_one_start(world):
    model, supervisor, clients, _ = world
    async with anyio.create_task_group() as group:
        for _ in range(5):
            group.start_soon(model, ASK, budget())
    assert supervisor.started == 1
    assert len(clients) == 1
    assert len(clients[0].asked) == 5


async def test_a_server_that_ended_idle_between_two_calls_is_no_error(world):
    model, supervisor, clients, _ = world
    await model(ASK, budget())
    supervisor.living = None
    assert (await model(ASK, budget())).text == "hi"
    assert [client.closed for client in clients] == [1, 0]


async def test_closing_twice_closes_once(world):
    model, _, clients, _ = world
    await model(ASK, budget())
    await model.aclose()
    await model.aclose()
    assert clients[0].closed == 1


async def test_a_configuration_error_at_the_start_is_passed_on(world):
    model, supervisor, *_ = world

    def ensure(settings, report):
        raise ConfigError("no engine")

    supervisor.ensure = ensure
    with pytest.raises(ConfigError, match="no engine"):
        await model(ASK, budget())


@asynccontextmanager
async def open_real(real, name, window=1024, listener=None):
    supervisor, settings = real
    wanted = settings(name, RLM_ASYNC_LOCAL_WINDOW=str(window))

    def connect(serving):
        return OpenAIClient(Endpoint.parse(serving.address, serving.api_key), timeout=110, listener=listener)

    known = ModelInfo(name=name, window=wanted.window, max_output=64)
    model = LocalModel(known, wanted, supervisor, connect, Silent())
    async with aclosing(model):
        yield model


SCHEMA = json.dumps(
    {
        "type": "object",
        "properties": {"answer": {"type": "string", "maxLength": 60}},
        "required": ["answer"],
        "additionalProperties": False,
    }
)
FACTS = [
    (
        (
            "The harbour of Ellmouth was closed in 1911 after the great storm. The lighthouse keeper, Ada Brandt, moved "
            "to the neighbouring village of Torrow and opened a bakery there, which her grandchildren run to this day."
        ),
        "Which village did the lighthouse keeper move to?",
        "torrow",
    ),
    (
        (
            "The pump draws 40 watts at rest and 310 watts at full load. Its filter has to be changed every 250 hours. "
            "The housing is made of cast aluminium and weighs 12 kilograms."
        ),
        "After how many hours does the filter have to be changed?",
        "250",
    ),
    (
        (
            "def connect(host, port=7433, *, retries=4):\n    '''Open a link to the relay. Gives up after `retries` "
            "attempts, each of at most nine seconds.'''\n"
        ),
        "What is the default port?",
        "7433",
    ),
]


def extraction(text, question):
    prompt = f"Text:\n{text}\n\nAnswer from the text, as short as possible.\nQuestion: {question}"
    return Request(model="local", messages=(Message("user", prompt),), schema=SCHEMA, max_tokens=60)


@pytest.mark.required_in_ci("the smallest weights, for the plumbing")
async def test_the_smallest_model_answers_in_the_form_it_is_told(real):
    async with open_real(real, "135m") as model:
        completion = await model(extraction(*FACTS[0][:2]), budget())
        assert isinstance(json.loads(completion.text)["answer"], str)
        assert completion.usage.calls == 1
        assert completion.usage.prompt_tokens > 50
        assert completion.usage.completion_tokens > 0
        assert completion.usage.usd == 0
        again = await model(extraction(*FACTS[0][:2]), budget())
        assert set(json.loads(again.text)) == {"answer"}  # not the same text: a warm cache rounds differently
        assert again.usage.cached_tokens > 50


@pytest.mark.required_in_ci("the smallest weights, for the plumbing")
async def test_a_prompt_longer_than_the_window_is_an_overflow(real):
    async with open_real(real, "135m", window=256) as model:
        with pytest.raises(ContextOverflow):
            await model(Request(model="local", messages=(Message("user", "word " * 400),)), budget())


@pytest.mark.required_in_ci("the smallest weights, for the plumbing")
async def test_a_reply_is_cut_at_its_bound(real):
    async with open_real(real, "135m") as model:
        wanted = Request(model="local", messages=(Message("user", "Tell a long story."),), max_tokens=8)
        completion = await model(wanted, budget())
        assert completion.finish == "length"
        assert completion.usage.completion_tokens == 8


@pytest.mark.required_in_ci("the smallest weights, for the plumbing")
async def test_a_server_killed_over_a_request_is_started_again_by_the_next(real):
    supervisor, _ = real
    victims = []

    def kill(request, piece):
        if not victims:
            victims.extend(found.pid for found in supervisor.serving())
            os.kill(victims[0], signal.SIGKILL)

    async with open_real(real, "135m", listener=kill) as model:
        long = Request(model="local", messages=(Message("user", "Count to a thousand."),), max_tokens=900)
        with pytest.raises(ModelUnavailable, match="ended while it answered"):
            await model(long, budget())
        assert (await model(extraction(*FACTS[1][:2]), budget())).text
        assert victims[0] not in {found.pid for found in supervisor.serving()}


@pytest.mark.slow
@pytest.mark.required_in_ci("the half-billion weights, for behaviour")
async def test_the_half_billion_model_pulls_facts_out_of_passages(real):
    async with open_real(real, "0.5b") as model:
        for text, question, expected in FACTS:
            completion = await model(extraction(text, question), budget())
            assert expected in json.loads(completion.text)["answer"].lower()


@pytest.mark.slow
async def test_the_default_model_pulls_facts_out_of_passages(real):
    async with open_real(real, "1.5b") as model:
        for text, question, expected in FACTS:
            completion = await model(extraction(text, question), budget())
            assert expected in json.loads(completion.text)["answer"].lower()
