"""A provider reads from its cache what a prompt shares with an earlier one: from the start, byte by byte."""

from itertools import pairwise

import msgspec
import pytest

from rlm_async import RLM, Limits
from rlm_async.core.usage import ModelInfo, Price
from rlm_async.testing import LoopbackServer, Served

pytestmark = pytest.mark.anyio
INFO = ModelInfo(name="openai/m", price=Price(prompt=1.0, completion=10.0, cached=0.1))
TURNS = ("print(len(context))", "x = 1\nprint(x)", 'answer["content"] = "done"\nanswer["ready"] = True')


@pytest.fixture
def anyio_backend():
    return "asyncio"  # the thin client knows no other


def played(asked):
    """One turn after the other; from the second on most of the prompt is read from the cache."""
    turn = sum(message["role"] == "assistant" for message in asked.body["messages"])
    return Served(text=f"```repl\n{TURNS[turn]}\n```", tokens=(1_000, 10, 800 if turn else 0))


async def asked_about(text):
    async with LoopbackServer(played) as server:
        rlm = RLM("openai/m", api_base=server.url, strategy="repl", model_infos=[INFO], limits=Limits(usd=1.0))
        return await rlm.ask("How long is it?", text), server.requests


async def test_messages_only_ever_grow_at_their_end():
    _, requests = await asked_about("a text " * 1_000)
    sent = [request.body["messages"] for request in requests]
    assert [len(messages) for messages in sent] == [2, 4, 6]
    for before, after in pairwise(sent):
        assert after[: len(before)] == before
        assert msgspec.json.encode(after).startswith(msgspec.json.encode(before)[:-1]), "not a byte of it differs"


async def test_the_rules_are_the_same_for_another_question_of_the_same_shape():
    first, second = [(await asked_about(text))[1][0].body["messages"][0] for text in ("one " * 900, "two " * 900)]
    assert first == second, "what differs stands in the question, after the rules"


async def test_what_was_read_from_the_cache_is_counted_and_priced_as_such():
    answer, _ = await asked_about("a text " * 1_000)
    total = answer.usage.total
    assert (total.prompt_tokens, total.cached_tokens, total.completion_tokens) == (3_000, 1_600, 30)
    assert total.nanos == 1_400 * 1_000 + 1_600 * 100 + 30 * 10_000
