"""Profiles: found by entry point, chosen by a look at the context, in the prompt and in the session."""

from __future__ import annotations

from importlib.metadata import EntryPoint

import pytest

from rlm_async import RLM, Limits
from rlm_async.core.context import Context, Document
from rlm_async.core.events import RunStarted
from rlm_async.core.profile import PLAIN, Profile
from rlm_async.errors import ConfigError
from rlm_async.profiles import choose, installed, load
from rlm_async.profiles.installed import made
from rlm_async.testing import ScriptedModel


def verses(context: Context) -> Context:
    return Context(tuple(Document(d.name, d.text.replace("/", "\n")) for d in context), context.shape)


POEM = Profile(
    name="poem",
    about="a poem",
    advice="Verses end with a slash.",
    functions={"verses()": "the verses, as a list"},
    preamble="def verses():\n    return context.splitlines()",
    prepare=verses,
    fits=lambda context: 0.9 if "/" in context.text[:1000] else 0.1,
)


def poem() -> Profile:
    return POEM


def entry(target: str, name: str = "poem") -> EntryPoint:
    return EntryPoint(name, f"{__name__}:{target}", "rlm_async.profiles")


NOT_A_PROFILE = "text"


def not_a_profile() -> str:
    return NOT_A_PROFILE


def broken() -> Profile:
    raise RuntimeError("no data")


def test_an_entry_point_gives_its_profile():
    assert made(entry("poem")) is POEM


@pytest.mark.parametrize(
    ("target", "name", "says"),
    [
        ("broken", "poem", "cannot be loaded: RuntimeError: no data"),
        ("nowhere", "poem", "cannot be loaded"),
        ("not_a_profile", "poem", "gives a str and no Profile"),
        ("poem", "verse", "calls itself 'poem'"),
    ],
)
def test_a_profile_that_cannot_be_had_is_named(target, name, says):
    with pytest.raises(ConfigError, match=says) as caught:
        made(entry(target, name))
    assert f"the profile {name!r} of" in str(caught.value)


def test_an_unknown_profile_is_told_with_those_there_are():
    with pytest.raises(ConfigError, match=r"no profile 'poetry'; choose one of: auto, plain"):
        load("poetry")
    assert load("plain") is PLAIN
    assert "plain" not in installed()


def test_the_surest_profile_is_chosen_and_says_why():
    chosen = choose(Context.of("a rose / is a rose"), [PLAIN, POEM])
    assert chosen.profile is POEM
    assert chosen.reason == "the input looks like a poem (90% sure)"


def test_an_input_that_fits_nothing_gets_the_plain_one():
    assert choose(Context.of("a rose is a rose"), [POEM]).profile is PLAIN


def test_a_judgement_that_fails_is_the_plugins_fault_and_says_so():
    crooked = Profile(name="crooked", about="x", fits=lambda context: 1 / 0)
    with pytest.raises(ConfigError, match="the profile 'crooked' cannot judge this input: ZeroDivisionError"):
        choose(Context.of("x"), [crooked])


@pytest.mark.anyio
async def test_a_profile_speaks_in_the_prompt_works_in_the_session_and_shapes_the_input():
    model = ScriptedModel(["```repl\nFINAL(verses())\n```"])
    answer = await RLM(model, strategy="repl", profile=POEM).ask("Which verses?", "a rose/is a rose")
    assert answer.data == ["a rose", "is a rose"]
    prompt = model.requests[0].messages[0].text
    assert "## This input: a poem\nVerses end with a slash." in prompt
    assert "- `verses()`: the verses, as a list" in prompt
    started = next(event for event in answer.trace if isinstance(event, RunStarted))
    assert started.query.profile == "poem"


@pytest.mark.anyio
async def test_children_have_the_profile_too():
    model = ScriptedModel(
        ["```repl\nFINAL(rlm_query('Which?', context='x/y'))\n```", "```repl\nFINAL(verses()[0])\n```"]
    )
    rlm = RLM(model, strategy="repl", profile=POEM, limits=Limits(depth=2))
    assert (await rlm.ask("Which verses?", "a rose/is a rose")).text == "x/y"


@pytest.mark.anyio
async def test_a_preamble_that_does_not_run_is_told_before_the_model_is_blamed():
    wrong = Profile(name="wrong", about="x", preamble="import os")
    model = ScriptedModel(["```repl\nFINAL(1)\n```"])
    with pytest.raises(ConfigError, match="the preamble of the profile 'wrong' does not run"):
        await RLM(model, strategy="repl", profile=wrong).ask("Which?", "text")


@pytest.mark.anyio
async def test_an_input_that_a_profile_cannot_read_is_told():
    wrong = Profile(name="wrong", about="x", prepare=lambda context: 1 / 0)
    with pytest.raises(ConfigError, match="the profile 'wrong' cannot read this input: ZeroDivisionError"):
        await RLM(ScriptedModel([]), profile=wrong).ask("Which?", "text")
