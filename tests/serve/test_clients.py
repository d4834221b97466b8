"""The real clients against a real server: openai and litellm."""

from __future__ import annotations

import base64
import json
import os

import anyio
import httpx
import pytest

from rlm_async import Limits
from rlm_async.core.messages import Completion
from rlm_async.core.usage import Usage
from rlm_async.errors import ModelRejected, RateLimited
from rlm_async.serve import Key
from rlm_async.serve.keys import hashed
from rlm_async.testing import ScriptedModel
from tests.serve.conftest import COUNT

openai = pytest.importorskip("openai")
LINE = "A line of hay, and nothing else is in it at all.\n"
LARGE = LINE * 60_000 + "the needle is on this line\n" + LINE * 45_000
pytestmark = [pytest.mark.anyio, pytest.mark.required_in_ci("other people's clients are what the server is for")]


@pytest.fixture
async def client(served):
    """Opens openai's own client on a server."""
    opened = []

    def on(running, key="any"):
        opened.append(openai.AsyncOpenAI(base_url=running.url, api_key=key, max_retries=0))
        return opened[-1]

    yield on
    for each in opened:
        await each.close()


def messages(*texts):
    return [{"role": "user", "content": text} for text in texts]


async def test_five_megabytes_in_one_message_are_answered_in_a_stream_with_usage(served, client):
    running = await served()
    assert len(LARGE) > 5_000_000
    text, usage, finish = "", None, None
    stream = await client(running).chat.completions.create(
        model="rlm-async",
        messages=messages(f"{LARGE}\n\nWhich line has the needle?"),
        stream=True,
        stream_options={"include_usage": True},
    )
    async for chunk in stream:
        if chunk.choices:
            text += chunk.choices[0].delta.content or ""
            finish = chunk.choices[0].finish_reason or finish
        usage = chunk.usage or usage
    assert text == "1 found: the needle is on this line"
    assert finish == "stop"
    assert usage.total_tokens == sum(len(prompt.split()) for prompt in running.prompts) + len(COUNT.split())
    assert all(len(prompt) < 20_000 for prompt in running.prompts)


async def test_a_whole_completion_says_what_it_cost_and_which_run_it_was(served, client):
    running = await served()
    done = await client(running).chat.completions.create(model="rlm-async", messages=messages(LARGE, "Which line?"))
    assert done.choices[0].message.content.startswith("1 found")
    assert done.usage.prompt_tokens > 0
    assert done.rlm["status"] == "complete"
    assert done.rlm["calls"] == 1


async def test_a_short_question_is_one_plain_call(served, client):
    running = await served("four")
    done = await client(running).chat.completions.create(model="rlm-async", messages=messages("two and two?"))
    assert done.choices[0].message.content == "four"
    assert running.model.calls == 1


async def test_attached_files_are_read(served, client):
    running = await served()
    data = base64.b64encode((LINE * 2_000 + "the needle").encode()).decode()
    part = {"type": "file", "file": {"filename": "hay.txt", "file_data": f"data:text/plain;base64,{data}"}}
    asked = [{"role": "user", "content": [part, {"type": "text", "text": "Which files?"}]}]
    done = await client(running).chat.completions.create(model="rlm-async", messages=asked)
    assert done.choices[0].message.content == "1 found: hay.txt"


async def test_a_schema_gives_data(served, client):
    running = await served('{"years": 9}')
    schema = {"type": "object", "properties": {"years": {"type": "integer"}}, "required": ["years"]}
    form = {"type": "json_schema", "json_schema": {"name": "term", "schema": schema}}
    done = await client(running).chat.completions.create(
        model="rlm-async", messages=messages("The term is nine years. How long?"), response_format=form
    )
    assert json.loads(done.choices[0].message.content) == {"years": 9}


async def test_responses_are_answered_whole_and_streamed(served, client):
    running = await served()
    api = client(running).responses
    whole = await api.create(model="rlm-async", input=f"{LARGE}\n\nWhich line?", instructions="Be short.")
    assert whole.output_text == "1 found: the needle is on this line"
    assert whole.status == "completed"
    assert whole.usage.total_tokens > 0
    kinds, text = [], ""
    async for event in await api.create(model="rlm-async", input=f"{LARGE}\n\nWhich line?", stream=True):
        kinds.append(event.type)
        text += getattr(event, "delta", "")
    assert text == whole.output_text
    assert kinds[:2] == ["response.created", "response.in_progress"]
    assert kinds[-1] == "response.completed"
    assert event.response.output_text == whole.output_text
    assert event.response.usage.output_tokens == whole.usage.output_tokens


async def test_models_are_listed(served, client):
    running = await served()
    assert [model.id async for model in client(running).models.list()] == ["rlm-async"]
    assert (await client(running).models.retrieve("rlm-async")).owned_by == "rlm-async"


async def test_errors_have_the_provider_s_shape(served, client):
    running = await served("yes", keys=[Key(name="alice", sha256=hashed("right"), requests_per_minute=1)])
    with pytest.raises(openai.AuthenticationError, match="not known here") as caught:
        await client(running, "wrong").models.list()
    assert caught.value.code == "invalid_api_key"
    api = client(running, "right").chat.completions
    with pytest.raises(openai.NotFoundError, match="no model 'gpt-9'"):
        await api.create(model="gpt-9", messages=messages("q"))
    with pytest.raises(openai.BadRequestError, match="no user message"):
        await api.create(model="rlm-async", messages=[])
    await api.create(model="rlm-async", messages=messages("q"))
    with pytest.raises(openai.RateLimitError, match="requests a minute") as limited:
        await api.create(model="rlm-async", messages=messages("q"))
    assert int(limited.value.response.headers["retry-after"]) > 50
    async with httpx.AsyncClient() as plain:
        reply = await plain.post(f"{running.url}/embeddings", json={})
    assert reply.status_code == 404
    assert reply.json()["error"]["code"] == "unknown_url"


async def test_what_the_provider_behind_says_no_to_is_told_and_not_tried_again(served, client):
    running = await served(ModelRejected("the key of the server is not valid there"))
    with pytest.raises(openai.InternalServerError) as caught:
        await client(running).chat.completions.create(model="rlm-async", messages=messages("q"))
    assert caught.value.status_code == 502
    assert caught.value.response.headers["x-should-retry"] == "false"
    stream = await client(running).chat.completions.create(model="rlm-async", messages=messages("q"), stream=True)
    with pytest.raises(openai.APIError, match="not valid there"):
        [chunk async for chunk in stream]


async def test_a_request_may_lower_the_limits_and_not_raise_them(served, client):
    loop = "```repl\nprint(1)\n```"
    running = await served(loop, limits=Limits(calls=6, turns=50, consecutive_errors=50))
    api = client(running).chat.completions
    for wanted, calls in ((3, 3), (500, 6)):
        before = running.model.calls
        done = await api.create(
            model="rlm-async", messages=messages(LARGE, "Which?"), extra_body={"rlm": {"limits": {"calls": wanted}}}
        )
        assert done.choices[0].finish_reason == "length"
        assert done.rlm["limit"] == "calls"
        assert running.model.calls - before == calls
    with pytest.raises(openai.BadRequestError, match="no limit 'money'"):
        await api.create(model="rlm-async", messages=messages("q"), extra_body={"rlm": {"limits": {"money": 1}}})


async def test_a_client_that_hangs_up_ends_its_run(served):
    running = await served(hanging())
    body = {"model": "rlm-async", "messages": messages("q")}
    for stream in (False, True):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(post, running, {**body, "stream": stream})
            await until(lambda: running.model.in_flight == 1)
            tasks.cancel_scope.cancel()
        await until(lambda: running.model.in_flight == 0)
        await until(lambda: running.serving.in_flight == 0)


async def test_a_key_pays_for_what_its_broken_off_runs_have_used(served):
    first = Completion(text="```repl\nllm_query('wait')\n```", usage=Usage(calls=1, prompt_tokens=500))
    asked = []

    async def script(request):
        asked.append(request)
        if len(asked) == 1:
            return first
        return await anyio.sleep_forever()

    running = await served(
        ScriptedModel(script), keys=[Key(name="alice", sha256=hashed("k"), tokens_per_day=9_000_000)]
    )
    body = {"model": "rlm-async", "messages": messages(LARGE, "Which?")}
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(post, running, body, {"Authorization": "Bearer k"})
        await until(lambda: len(asked) == 2)
        tasks.cancel_scope.cancel()
    await until(lambda: running.serving.in_flight == 0)
    assert running.serving.keys.account("Bearer k").spent.tokens >= 500


async def test_silence_is_filled_with_comments(served):
    running = await served(hanging(), heartbeat=0.01)
    body = {"model": "rlm-async", "messages": messages("q"), "stream": True}
    async with (
        httpx.AsyncClient() as plain,
        plain.stream("POST", f"{running.url}/chat/completions", json=body) as reply,
    ):
        lines = [line async for line in first_of(reply.aiter_lines(), 6)]
    assert reply.headers["content-type"].startswith("text/event-stream")
    assert ": still at it" in lines


async def test_a_body_that_is_too_large_is_refused_before_it_is_read(served):
    running = await served(body=1_000)
    async with httpx.AsyncClient() as plain:
        reply = await plain.post(f"{running.url}/chat/completions", content=b"x" * 5_000)
    assert reply.status_code == 413
    assert reply.json()["error"]["code"] == "request_too_large"


async def test_health_needs_no_key_and_tells_when_the_end_has_begun(served):
    running = await served(keys=[Key(name="a", sha256=hashed("k"))])
    async with httpx.AsyncClient(base_url=running.url.removesuffix("/v1")) as plain:
        assert (await plain.get("/health")).json()["status"] == "ok"
        running.serving.stopping = True
        assert (await plain.get("/health")).status_code == 503


async def test_the_provider_s_own_429_names_its_wait(served, client):
    running = await served(ScriptedModel(RateLimited("slow down", retry_after=7.0)), limits=Limits(seconds=0.05))
    with pytest.raises(openai.APIStatusError) as caught:
        await client(running).chat.completions.create(model="rlm-async", messages=messages("q"))
    assert caught.value.status_code in {400, 429}


@pytest.mark.filterwarnings("ignore")  # litellm's own: its types, its transport, pydantic's deprecations
async def test_litellm_is_a_client_too(served):
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    litellm = pytest.importorskip("litellm")
    running = await served()
    settings = {"model": "openai/rlm-async", "api_base": running.url, "api_key": "any", "max_retries": 0}
    asked = messages(f"{LARGE}\n\nWhich line has the needle?")
    whole = await litellm.acompletion(**settings, messages=asked)
    assert whole.choices[0].message.content == "1 found: the needle is on this line"
    assert whole.usage.total_tokens > 0
    stream = await litellm.acompletion(**settings, messages=asked, stream=True, stream_options={"include_usage": True})
    chunks = [chunk async for chunk in stream]
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == (
        "1 found: the needle is on this line"
    )
    assert chunks[-1].usage.total_tokens == whole.usage.total_tokens


def hanging():
    async def never(_):
        await anyio.sleep_forever()

    return ScriptedModel(never)


async def post(running, body, headers=None):
    async with httpx.AsyncClient(timeout=60) as plain:
        await plain.post(f"{running.url}/chat/completions", json=body, headers=headers)


async def until(true):
    with anyio.fail_after(20):
        while not true():
            await anyio.sleep(0.005)


async def first_of(lines, count):
    async for line in lines:
        if line:
            yield line
            count -= 1
        if count == 0:
            return
