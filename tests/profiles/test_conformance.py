"""The suite for profiles finds what it is there to find: each claim fails for the fault that it names."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import replace
from importlib.metadata import EntryPoint

import pytest

from rlm_async.core.context import Context
from rlm_async.core.preamble import preamble
from rlm_async.core.profile import Example, Profile
from rlm_async.sandbox import Sandbox
from rlm_async.testing import PROFILE_CLAIMS, Subject, profile_conformance

TEXT = "== recipe ==\nFlour, water, salt.\n== recipe ==\nRice, beans.\n"


@pytest.fixture
def anyio_backend():
    """One loop is enough for what happens in a worker."""
    return "asyncio"


@pytest.fixture
def good(tmp_path):
    (tmp_path / "kitchen.txt").write_text(TEXT)
    return Profile(
        name="kitchen",
        about="recipes",
        advice="A recipe begins with its mark.",
        functions={"recipes(doc=None)": "the recipes"},
        preamble=preamble(
            'def recipes(doc=None):\n    return [p for _, text in _chosen(doc) for p in text.split("== recipe ==")[1:]]'
        ),
        schemas={"names": {"type": "array", "items": {"type": "string"}}},
        fits=lambda context: 0.9 if "== recipe ==" in context.text[:100] else 0.0,
        examples=(
            Example(question="How many?", path="kitchen.txt", expected="2", solution="FINAL(len(recipes()))"),
            Example(question="Elsewhere?", path="absent.txt", expected="x"),
        ),
        data=tmp_path,
    )


@asynccontextmanager
async def connect(seconds):
    async with Sandbox() as factory:
        yield factory


class Tried(Subject):
    """A subject whose profile is handed in: nothing is installed for it."""

    profile = None


def subject(profile):
    made = Tried(profile.name, connect)
    object.__setattr__(made, "profile", profile)
    return made


def claim(name):
    (found,) = [claim for claim in PROFILE_CLAIMS if claim.__name__ == name]
    return found


@pytest.mark.anyio
@pytest.mark.parametrize("claim", PROFILE_CLAIMS, ids=lambda claim: claim.__name__)
async def test_a_good_profile_passes(good, claim):
    await claim(subject(good))


FAULTS = {
    "advice": ("its_texts_are_short", {"advice": "x" * 5_000}, "5,000 characters of advice"),
    "silent": ("its_texts_are_short", {"advice": " "}, "says nothing"),
    "line": ("its_texts_are_short", {"functions": {"f()": "two\nlines"}}, "needs one line"),
    "schema": ("its_schemas_are_json_schemas", {"schemas": {"s": {"type": "strung"}}}, "the schema 's' is none"),
    "greedy": ("it_knows_its_own_and_no_prose", {"fits": lambda context: 0.9}, "sure that this is its kind"),
    "shy": ("it_knows_its_own_and_no_prose", {"fits": lambda context: 0.1}, "only 0.10 sure of its own"),
    "beyond": ("it_knows_its_own_and_no_prose", {"fits": lambda context: 3}, "not between 0 and 1"),
    "lossy": ("preparing_loses_nothing", {"prepare": lambda context: Context.of(context.text[:20])}, "lost"),
    "nothing": ("preparing_loses_nothing", {"prepare": lambda context: None}, "`prepare` gives a NoneType"),
    "absent": ("its_functions_are_there", {"functions": {"dishes()": "all"}}, "NameError|expected"),
    "signature": ("its_functions_are_there", {"functions": {"no signature": "x"}}, "is no signature"),
    "forbidden": ("its_functions_are_there", {"preamble": "import os"}, "the preamble.*ended"),
    "brittle": (
        "its_functions_stand_ugly_input",
        {"preamble": "def recipes(doc=None):\n    return context.split('== recipe ==')[1]"},
        r"recipes\(\) over .* ended error",
    ),
    "wrong": (
        "its_examples_are_right",
        {
            "examples": (
                Example(question="How many?", path="kitchen.txt", expected="3", solution="FINAL(len(recipes()))"),
            )
        },
        "is answered '2', and not '3'",
    ),
    "unproven": ("its_examples_are_right", {"examples": ()}, "no example with a solution"),
}


@pytest.mark.anyio
@pytest.mark.parametrize("fault", FAULTS)
async def test_each_fault_is_found_and_named(good, fault):
    name, changes, says = FAULTS[fault]
    with pytest.raises(AssertionError, match=says):
        await claim(name)(subject(replace(good, **changes)))


@pytest.mark.anyio
async def test_a_slow_judgement_is_found(good, monkeypatch):
    clock = iter(range(0, 1_000, 5))
    monkeypatch.setattr(profile_conformance.time, "thread_time", lambda: next(clock))
    with pytest.raises(AssertionError, match="processor time for a look at 10 MB"):
        await claim("it_judges_at_a_glance")(subject(good))


@pytest.mark.anyio
async def test_a_profile_that_nobody_installed_is_told():
    with pytest.raises(AssertionError, match="no installed distribution has an entry point 'nowhere'"):
        await claim("it_is_found_by_its_name")(Subject("nowhere", connect))


@pytest.mark.anyio
async def test_what_an_entry_point_gives_has_to_be_a_profile(monkeypatch):
    entry = EntryPoint("odd", f"{__name__}:TEXT.upper", "rlm_async.profiles")
    monkeypatch.setattr(profile_conformance, "entry_points", lambda group: [entry])
    with pytest.raises(AssertionError, match="gives a str and no Profile"):
        await claim("it_is_found_by_its_name")(Subject("odd", connect))


def test_an_export_loses_nothing_though_its_form_changes():
    words = profile_conformance._Words.of(
        Context.of('{"body": "Hello\\nthere", "n": [1, {"who": "Ann"}]}\n{"body": "two"}')
    )
    assert words.found == {"Hello", "there", "Ann", "two"}
