"""Learning from beginning to end, with the simulated model: its own transcripts in, a file out, an honest verdict."""

from __future__ import annotations

import pytest

from rlm_async.core.profile import PLAIN
from rlm_async.errors import ConfigError
from rlm_async.learning.items import Split, split
from rlm_async.learning.learner import Learner
from rlm_async.learning.optimiser import NO_ADVICE, Optimiser, candidate_of
from rlm_async.learning.rolling import Roller
from rlm_async.learning.search import Candidate
from rlm_async.profiles import load
from rlm_async.profiles.file import ProfileFile
from rlm_async.testing import ScriptedModel


@pytest.fixture
def learner(roller):
    return Learner(roller=roller, name="needles", about="hay with needles", count=4)


def test_what_was_learned_is_a_file_that_is_judged_on_items_kept_apart(learner, needles, tmp_path):
    parts = split(needles[0], 0)
    lesson = learner.learn(parts)
    path = tmp_path / "needles.toml"
    path.write_text(lesson.file.written(), "utf-8")
    assert ProfileFile.read(lesson.file.written(), "x") == lesson.file
    profile = load(str(path))
    assert profile.rules == lesson.file.rules
    assert profile.demonstrations == lesson.file.demonstrations
    assert lesson.comparison.difference.n == len(parts.held_out)
    assert lesson.file.learned["verdict"] == lesson.comparison.verdict
    again = Learner(roller=learner.roller, name="needles", about="hay with needles", count=4).learn(parts)
    assert again.file == lesson.file  # the same seed, the same file
    assert again.runs == lesson.runs  # nothing was run twice


def test_nothing_in_the_file_comes_from_the_items_that_judge(learner, needles):
    parts = split(needles[0], 0)
    file = learner.learn(parts).file
    seen = {item.question for item in parts.source}
    assert all(one.question in seen for one in file.demonstrations)
    written = file.written()
    kept_apart = {item.gold for item in (*parts.selection, *parts.held_out)} - {item.gold for item in parts.source}
    assert kept_apart
    assert not any(gold in written for gold in kept_apart)


def test_runs_that_teach_nothing_are_an_error_that_says_what_to_do(needles):
    from rlm_async import RLM

    parts = split(needles[0], 0)
    few = Split(source=parts.source[:1], selection=parts.selection[:1], held_out=parts.held_out[:1])
    roller = Roller(
        lambda profile: RLM(ScriptedModel(lambda _: "```repl\nFINAL('x')\n```"), profile=profile, strategy="repl")
    )
    with pytest.raises(ConfigError, match="nothing can be learned from 1 runs"):
        Learner(roller=roller, name="x", about="y").learn(few)


def test_gepa_is_handed_a_profile_and_gives_one_back(learner, needles):
    pytest.importorskip("gepa", reason="the extra `learn` is not installed")
    parts = split(needles[0], 0)
    few = Split(source=parts.source[:3], selection=parts.selection[:3], held_out=parts.held_out[:3])
    shown = []

    def say(prompt):
        shown.append(prompt)
        return "```\n- Do not write `import requests`.\n- Never write `import pandas as pd`.\n```"

    optimiser = Optimiser(
        roll=lambda candidate, items: learner.roller.roll(learner.profile(candidate), items), say=say, most=14
    )
    best = optimiser.best(few, Candidate())
    lesson = learner.judged(best, few, learned=None)
    assert ProfileFile.read(lesson.file.written(), "x") == lesson.file
    assert lesson.comparison.difference.n == 3
    reflected = bool(shown)  # it does not where every run of a batch is right
    assert not reflected or "magic number" in shown[0]


def test_gepa_reflects_on_runs_and_keeps_what_scores_better():
    pytest.importorskip("gepa", reason="the extra `learn` is not installed")
    from tests.learning.conftest import cells, rolled, scored

    def roll(candidate, items):
        good = "Count by code." in candidate.rules
        return [rolled(1.0 if good else 0.2, *cells(("open('x')", "open('x')"))) for _ in items]

    prompts = []

    def say(prompt):
        prompts.append(prompt)
        return "```\n- Count by code.\n```"

    parts = Split(source=(scored(1),), selection=(scored(2),), held_out=(scored(3),))
    best = Optimiser(roll=roll, say=say, most=20).best(parts, Candidate())
    assert best.rules == ("Count by code.",)
    assert "NameError: no such name" in prompts[0]
    assert "Right answer: 1" in prompts[0]


def test_texts_that_are_no_list_are_advice():
    made = candidate_of({"advice": "Look first.", "rules": "Then count."}, Candidate())
    assert (made.advice, made.rules) == ("Look first.\nThen count.", ())
    assert candidate_of({"advice": NO_ADVICE, "rules": NO_ADVICE}, Candidate()) == Candidate()


def test_the_default_is_the_profile_that_is_improved_on(learner):
    assert learner.profile(Candidate()).rules == PLAIN.rules
    assert learner.file(Candidate(rules=("x",))).base == ""
