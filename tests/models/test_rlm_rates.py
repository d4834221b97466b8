"""What a caller sees of gates: RLMs that share one, fallbacks, a timeout for an attempt."""

import socket

import anyio
import pytest

from rlm_async import RLM, Rates
from rlm_async.core.events import ModelReplied
from rlm_async.core.usage import ModelInfo
from rlm_async.errors import ConfigError
from rlm_async.testing import LoopbackServer, ScriptedModel, Served

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend():
    return "asyncio"  # the thin client knows no other


async def test_two_rlms_that_are_not_entered_share_the_gate_of_their_model():
    fake = ScriptedModel("yes", latency=0.01)
    rlms = [RLM(fake, strategy="direct", rates=Rates(concurrency=2)) for _ in range(2)]
    async with anyio.create_task_group() as tasks:
        for number in range(8):
            tasks.start_soon(rlms[number % 2].ask, f"question {number}", "text")
    assert (fake.calls, fake.peak) == (8, 2)


def test_so_do_questions_asked_from_threads_with_loops_of_their_own():
    fake = ScriptedModel("yes", latency=0.02)
    rlm = RLM(fake, strategy="direct", rates=Rates(concurrency=1))

    async def ask_in_threads():
        async with anyio.create_task_group() as tasks:
            for number in range(4):
                tasks.start_soon(anyio.to_thread.run_sync, rlm.ask_sync, f"question {number}", "text")

    anyio.run(ask_in_threads)
    assert (fake.calls, fake.peak) == (4, 1)


async def test_where_the_server_is_not_there_the_fallback_answers():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
    infos = [ModelInfo(name="openai/down"), ModelInfo(name="openai/spare")]

    def answered(asked):
        return Served(status=503, text="gone") if asked.body["model"] == "down" else "from the spare"

    with pytest.raises(ConfigError, match="cannot reach"):  # both at one address that nobody serves
        await RLM("openai/down", api_base=url, fallbacks=["openai/spare"], strategy="direct").ask("?", "text")
    async with LoopbackServer(answered) as server:
        rlm = RLM("openai/down", api_base=server.url, fallbacks=["openai/spare"], strategy="direct", model_infos=infos)
        answers = [await rlm.ask(question, "text") for question in ("one?", "two?")]
    assert [answer.text for answer in answers] == ["from the spare"] * 2
    asked = [request.body["model"] for request in server.requests]
    assert asked == ["down", "down", "down", "spare", "spare"], "a few tries, then the spare at once"
    assert list(answers[1].usage.by_model) == ["spare"]


async def test_an_attempt_that_hangs_is_given_up_and_made_again():
    async with LoopbackServer([Served(fault="hang"), "fine"]) as server:
        answer = await RLM("openai/m", api_base=server.url, strategy="direct", timeout=0.1).ask("?", "text")
    replied = next(event for event in answer.trace if isinstance(event, ModelReplied))
    assert (answer.text, replied.attempts, answer.usage.calls) == ("fine", 2, 2)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"timeout": 0}, "timeout=0: use a number of seconds above 0"),
        ({"timeout": float("inf")}, "timeout=inf"),
        ({"fallbacks": "openai/gpt-5"}, "give a list of names"),
        ({"fallbacks": [""]}, "give a list of names"),
    ],
    ids=["no-time", "endless", "one-name", "empty-name"],
)
def test_settings_that_cannot_be_kept_are_named(options, words):
    with pytest.raises(ConfigError, match=words):
        RLM(ScriptedModel("x"), **options)
