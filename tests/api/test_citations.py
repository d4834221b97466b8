"""Answers that cite: every quote stands in the input, and says where."""

from __future__ import annotations

import pytest

from rlm_async import RLM, Limits
from rlm_async.core.citations import Misquoted, cited_schema, located
from rlm_async.core.context import Context
from rlm_async.errors import Unanswered
from rlm_async.testing import ScriptedModel

pytestmark = pytest.mark.anyio
CONTRACT = "1. Term. This agreement lasts\n   two years.\n2. Law. The law of Delaware governs it.\n" * 3
HONEST = """```repl
start = context.index("The law of")
answer["content"] = {"answer": "Delaware", "citations": [
    {"claim": "Delaware law governs", "document": "context", "quote": context[start:start + 18]}]}
answer["ready"] = True
```"""
INVENTED = HONEST.replace("context[start:start + 18]", "'the laws of New York'")


async def asked(*replies, context=CONTRACT, strategy="repl", **more):
    rlm = RLM(ScriptedModel(list(replies)), strategy=strategy, limits=Limits(turns=6))
    return await rlm.ask("Which law governs?", context, cite=True, **more)


async def test_an_answer_comes_with_the_places_it_stands_on():
    answer = await asked(HONEST)
    (citation,) = answer.citations
    assert (answer.text, answer.data) == ("Delaware", "Delaware")
    assert CONTRACT[citation.start : citation.end] == citation.quote == "The law of Delawar"
    assert (citation.claim, citation.document) == ("Delaware law governs", "context")


async def test_an_invented_quote_is_refused_and_the_model_told_why():
    model = ScriptedModel([INVENTED, HONEST])
    answer = await RLM(model, strategy="repl").ask("Which law governs?", CONTRACT, cite=True)
    assert answer.citations[0].quote == "The law of Delawar"
    assert "does not stand in the input" in model.requests[-1].messages[-1].text


async def test_a_model_that_only_invents_gives_no_answer():
    with pytest.raises(Unanswered, match="quote of citation 0 does not stand in the input"):
        await asked(*[INVENTED] * 6)


async def test_one_plain_completion_cites_too():
    reply = '{"answer": "two years", "citations": [{"claim": "term", "document": "x", "quote": "lasts two years"}]}'
    answer = await asked(reply, strategy="direct")
    assert answer.citations[0].quote == "lasts\n   two years", "as it stands in the text, white space and all"
    assert answer.citations[0].document == "context"


async def test_the_answers_own_schema_holds_inside():
    number = HONEST.replace('"Delaware", "citations"', 'len("Delaware"), "citations"')
    assert (await asked(number, schema={"type": "integer"})).data == 8


def test_a_quote_is_looked_for_in_the_document_that_was_named_first():
    context = Context.of({"a.txt": "the same words", "b.txt": "here too: the same words"})
    value = {"answer": "x", "citations": [{"claim": "c", "document": "b.txt", "quote": "the same words"}]}
    found = located(value, context)["citations"][0]
    assert (found["document"], found["start"], found["end"]) == ("b.txt", 10, 24)
    del value["citations"][0]["document"]
    assert located(value, context)["citations"][0]["document"] == "a.txt"


@pytest.mark.parametrize("value", [None, "text", {"answer": 1, "citations": ["none"]}])
def test_what_is_no_cited_answer_is_misquoted(value):
    with pytest.raises(Misquoted):
        located(value, Context.of("x"))


def test_the_schema_asks_for_at_least_one_citation():
    assert cited_schema(None)["properties"]["citations"]["minItems"] == 1
