"""A profile in a direct call: its advice stands before the text, and nowhere where no text is shown."""

from __future__ import annotations

import pytest

from rlm_async import RLM, Limits
from rlm_async.core.context import Context
from rlm_async.core.profile import Profile
from rlm_async.core.usage import ModelInfo
from rlm_async.errors import ConfigError, ContextOverflow
from rlm_async.testing import ScriptedModel

pytestmark = pytest.mark.anyio
ADVICE = "Verses end with a slash."
POEM = Profile(
    name="poem",
    about="a poem",
    advice=ADVICE,
    method="Begin with verses().",
    functions={"verses()": "the verses"},
    preamble="def verses():\n    return context.splitlines()",
    prepare=lambda context: Context.of(context.text.replace("/", "\n")),
    schemas={"verses": {"type": "array", "items": {"type": "string"}}},
)


def spoken(request):
    return [(message.role, message.text) for message in request.messages]


async def test_a_direct_call_is_told_the_advice_and_sees_the_prepared_text():
    model = ScriptedModel("two")
    answer = await RLM(model, strategy="direct", profile=POEM).ask("How many verses?", "a rose/is a rose")
    assert answer.text == "two"
    (system, user) = spoken(model.requests[0])
    assert system == ("system", f"The text is of this kind: a poem.\n{ADVICE}")
    assert user[1].startswith("a rose\nis a rose")
    assert "verses()" not in system[1] + user[1]


async def test_a_question_without_a_text_and_a_plain_sub_query_get_none_of_it():
    model = ScriptedModel("yes")
    await RLM(model, strategy="direct", profile=POEM).ask("Why?")
    assert spoken(model.requests[0]) == [("user", "Why?")]
    model = ScriptedModel(["```repl\nFINAL(llm_query('Is it red?'))\n```", "yes"])
    await RLM(model, strategy="repl", profile=POEM).ask("Which?", "a rose/is a rose")
    assert spoken(model.requests[1]) == [("user", "Is it red?")]


async def test_a_root_with_a_session_is_told_the_method_too():
    model = ScriptedModel(["```repl\nFINAL(len(verses()))\n```"])
    await RLM(model, strategy="repl", profile=POEM).ask("How many?", "a rose/is a rose")
    prompt = model.requests[0].messages[0].text
    assert ADVICE in prompt
    assert "- `verses()`: the verses\nBegin with verses()." in prompt


async def test_the_advice_counts_against_the_window():
    class Narrow(ScriptedModel):
        info = ModelInfo(name="narrow", window=400)

    long = Profile(name="long", about="a poem", advice="Mind the verses. " * 200)
    await RLM(Narrow("yes"), strategy="direct", profile=POEM).ask("Why?", "a rose")
    with pytest.raises(ContextOverflow, match=r"the window of .* holds 400"):
        await RLM(Narrow("yes"), strategy="direct", profile=long).ask("Why?", "a rose")


async def test_a_schema_is_asked_for_by_the_name_that_the_profile_gives_it():
    model = ScriptedModel('["a rose", "is a rose"]')
    rlm = RLM(model, strategy="direct", profile=POEM, limits=Limits(depth=0))
    answer = await rlm.ask("Which verses?", "a rose/is a rose", schema="verses")
    assert answer.data == ["a rose", "is a rose"]
    assert '"array"' in model.prompts[0]
    with pytest.raises(ConfigError, match="the profile 'poem' brings no schema 'rhymes'; it brings: verses"):
        await rlm.ask("Which?", "a rose", schema="rhymes")
    with pytest.raises(ConfigError, match="the profile 'plain' brings no schema 'verses'; it brings none"):
        await RLM(model, profile="plain").ask("Which?", "a rose", schema="verses")
