"""Profiles in files: written and read back, used by name, told from the version before."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rlm_async import RLM
from rlm_async.core.events import RunStarted
from rlm_async.core.profile import PLAIN, Demonstration, Profile
from rlm_async.errors import ConfigError
from rlm_async.profiles import load
from rlm_async.profiles.file import ProfileFile, read_file
from rlm_async.testing import ScriptedModel

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r"), min_size=1, max_size=40).map(
    lambda text: text.strip("\n") or "x"
)
files = st.builds(
    ProfileFile,
    name=texts,
    about=texts,
    advice=texts,
    rules=st.lists(texts, max_size=3).map(tuple),
    demonstrations=st.lists(
        st.builds(Demonstration, question=texts, cells=st.lists(texts, min_size=1, max_size=2).map(tuple)), max_size=2
    ).map(tuple),
    learned=st.dictionaries(st.sampled_from(["n", "seed"]), st.integers(-5, 5) | texts | st.booleans()),
)

SMALL = ProfileFile(
    name="orders",
    about="orders, one to a line",
    rules=("Count with code.",),
    demonstrations=(Demonstration(question="How many are late?", cells=('print("late" in context)', "FINAL(3)")),),
)


@settings(max_examples=60, deadline=None)
@given(files)
def test_what_is_written_reads_as_the_same(one):
    assert ProfileFile.read(one.written(), "x.toml") == one


def test_a_file_is_read_by_people_first():
    assert "\nFINAL(3)\n" in SMALL.written()
    assert SMALL.written() == ProfileFile.read(SMALL.written(), "x").written()


def test_a_root_is_shown_rules_and_worked_examples(tmp_path):
    path = tmp_path / "orders.toml"
    path.write_text(SMALL.written(), "utf-8")
    model = ScriptedModel(["```repl\nFINAL(1)\n```"])
    answer = RLM(model, profile=str(path), strategy="repl").ask_sync("How many?", "a\nb")
    system = model.requests[0].messages[0].text
    assert "## This input: orders, one to a line\n- Count with code." in system
    assert 'Question: How many are late?\n```repl\nprint("late" in context)\n```\n```repl\nFINAL(3)\n```' in system
    [started] = [event for event in answer.trace if isinstance(event, RunStarted)]
    assert started.query.profile == read_file(str(path))[1]
    assert load(started.query.profile).rules == SMALL.rules  # a replay finds it again


def test_an_example_that_asks_is_not_shown_where_nothing_may_be_asked(tmp_path):
    from rlm_async import Limits

    asking = Demonstration(question="Who?", cells=('FINAL(llm_query("Who?"))',))
    model = ScriptedModel(["```repl\nFINAL(1)\n```"])
    profile = Profile(name="x", about="y", demonstrations=(asking,))
    RLM(model, profile=profile, strategy="repl", limits=Limits(depth=0)).ask_sync("How many?", "a\nb")
    assert "Question: Who?" not in model.requests[0].messages[0].text


def test_a_file_that_has_changed_is_not_taken_for_the_one_that_was_used(tmp_path):
    path = tmp_path / "orders.toml"
    path.write_text(SMALL.written(), "utf-8")
    _, named = read_file(str(path))
    path.write_text(SMALL.written() + "# more\n", "utf-8")
    with pytest.raises(ConfigError, match="has changed"):
        load(named)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("format = 1\nname = ", "is not TOML"),
        ("name = 'x'", "has format None"),
        ("format = 1\nname = 'x'", "needs `name` and `about`"),
        ("format = 1\nname = 'x'\nabout = 'y'\nrule = 'z'", "unknown key 'rule'"),
        ("format = 1\nname = 'x'\nabout = 'y'\nrules = 'z'", "rules is a list"),
        ("format = 1\nname = 'x'\nabout = 'y'\n[[demonstrations]]\nquestion = 'z'", "`question` and `cells`"),
        ("format = 1\nname = 'x'\nabout = 'y'\nbase = 'nobody'", "there is no profile 'nobody'"),
        ("format = 1\nname = 'x'\nabout = 'y'\nbase = 'z.toml'", "name an installed profile"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(tmp_path, text, says):
    path = tmp_path / "x.toml"
    path.write_text(text, "utf-8")
    with pytest.raises(ConfigError, match=says):
        RLM(ScriptedModel([]), profile=str(path))


def test_a_missing_file_is_an_error_before_anything_runs(tmp_path):
    with pytest.raises(ConfigError, match=r"cannot read the profile .*none\.toml"):
        RLM(ScriptedModel([]), profile=str(tmp_path / "none.toml"))


def test_a_base_brings_what_runs():
    base = Profile(name="base", about="a", advice="Look.", preamble="x = 1", rules=("One.",))
    both = SMALL.over(base, "orders.toml#1")
    assert (both.preamble, both.advice, both.rules) == ("x = 1", "Look.", ("One.", "Count with code."))
    assert SMALL.over(PLAIN, "n").advice == ""
