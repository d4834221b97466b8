"""Lessons: demonstrations out of right runs, rules out of facts."""

from __future__ import annotations

from rlm_async.learning.lessons import bounds_of, demonstrations, lessons, mistakes
from rlm_async.learning.reflection import reflecting, rules_in
from tests.learning.conftest import asked, cells, rolled


def test_only_right_runs_are_shown_and_only_the_cells_that_ran():
    right = rolled(1.0, *cells(("bad()", "bad()"), ("look()", ""), ("FINAL(1)", "")))
    wrong = rolled(0.4, *cells(("FINAL(2)", "")), number=1)
    cut = rolled(1.0, *cells(("FINAL(3)", "")), number=2, limit="turns")
    [one] = demonstrations([right, wrong, cut])
    assert (one.question, one.cells) == ("How many?", ("look()", "FINAL(1)"))


def test_equal_programs_are_shown_once():
    assert len(demonstrations([rolled(1.0, *cells(("FINAL(1)", "")), number=n) for n in range(3)])) == 1


def test_a_mistake_is_a_rule_that_names_line_error_and_how_often():
    runs = [rolled(0.0, *cells(("open('x')", "open('x')")), number=n) for n in range(3)] + [rolled(1.0, number=4)]
    assert [(mistake.line, count) for mistake, count in mistakes(runs)] == [("open('x')", 3)]
    assert lessons(runs).rules[0] == ("Do not write `open('x')`: it failed in 3 of 4 runs (NameError: no such name).")


def test_a_measure_that_tells_good_runs_from_bad_is_a_rule():
    runs = [rolled(0.9, asked(2_000 + n), number=n) for n in range(5)]
    runs += [rolled(0.2, asked(9_000 + n), number=9 + n) for n in range(5)]
    [bound] = bounds_of(runs)
    assert bound.sentence == (
        "Put at most about 2,100 characters into the prompt of one sub-query: runs that did scored 90, others 20."
    )
    assert bound.kept_by(runs[0])
    assert not bound.kept_by(runs[-1])


def test_where_more_went_with_better_scores_the_rule_says_at_least():
    runs = [rolled(0.2, asked(2_000), number=n) for n in range(4)] + [
        rolled(0.9, asked(9_000), number=5 + n) for n in range(4)
    ]
    assert bounds_of(runs)[0].sentence.startswith("Put at least about 9,000 characters")


def test_a_few_runs_and_small_differences_make_no_rule():
    assert not bounds_of([rolled(1.0, asked(10)), rolled(0.0, asked(99), number=1)])
    assert not bounds_of([rolled(0.5 + n % 2 / 100, asked(10 * n), number=n) for n in range(10)])


def test_a_limit_that_was_hit_is_a_rule():
    runs = [rolled(0.0, limit="turns"), rolled(1.0, number=1)]
    assert lessons(runs).rules == ("Answer as soon as the result is checked: 1 of 2 runs ran out of turns.",)


def test_right_runs_that_do_what_right_runs_do_are_shown_first():
    lucky = rolled(1.0, asked(9_000), *cells(("FINAL('lucky')", "")), number=20)
    sound = rolled(1.0, asked(2_000), *cells(("FINAL('sound')", "")), number=21)
    runs = [rolled(0.9, asked(2_000), number=n) for n in range(5)] + [
        rolled(0.2, asked(9_000), number=9 + n) for n in range(5)
    ]
    assert lessons([lucky, *runs, sound]).demonstrations[0].cells == ("FINAL('sound')",)


def test_a_model_that_reflects_is_shown_the_worst_runs_and_writes_rules():
    prompts = []

    def say(prompt):
        prompts.append(prompt)
        return "Here:\n- Count by code.\n- Count by code.\n* Check twice.\nDone."

    runs = [rolled(0.0, *cells(("open('x')", "open('x')"))), rolled(1.0, number=1)]
    assert reflecting(say)(runs) == ("Count by code.", "Check twice.")
    assert "NameError: no such name" in prompts[0]
    assert "Right answer: 1" in prompts[0]
    assert rules_in("no list") == ()
