"""What is asked, and the traps of published benchmarks of this kind: each avoided, and tested to be."""

from __future__ import annotations

import re
from itertools import combinations

import pytest

from rlm_async.bench.sim.kit.records import record_in
from rlm_async.bench.sim.plan import plan_of
from rlm_async.bench.tasks.catalogue import TASKS, opened
from rlm_async.bench.tasks.lines import FIRST, Line
from rlm_async.bench.tasks.pairs import LETTERS, PREDICATES, gold_pairs, question
from rlm_async.bench.windows import Question, window
from rlm_async.errors import ConfigError
from tests.bench.conftest import SIZES

LINE = re.compile(r"Date: [A-Z][a-z]{2} \d{1,2}, 202[23] \|\| User: \d{5} \|\| Instance: (.+)")


@pytest.fixture(params=TASKS)
def made(request, everything):
    return window(everything[0][request.param], SIZES[request.param], seed=1)


def test_a_window_is_the_same_for_the_same_seed(everything, made):
    again = window(everything[0][made.task], made.size, made.seed)
    other = window(everything[0][made.task], made.size, made.seed + 1)
    assert (again.context.digest, again.questions) == (made.context.digest, made.questions)
    assert other.context.digest != made.context.digest


def test_the_planner_understands_every_question(made):
    assert all(plan_of(asked.text) for asked in made.questions)


def test_no_label_stands_beside_its_item(everything, made):
    """Gold labels inside the context: a line is a date, a user and a text of the corpus, and nothing else."""
    labels = everything[1].labels
    for document in made.context:
        for line in document.text.splitlines() if made.task in {"oolong_trec", "oolong_pairs", "nested_oolong"} else ():
            record = record_in(line)
            assert record is not None
            assert record[2] in labels
            if made.task != "nested_oolong":
                assert LINE.fullmatch(line)[1] == record[2]


def test_a_question_with_a_hole_is_refused():
    with pytest.raises(ValueError, match="hole"):
        Question(text="How many lines of the user None are there?", gold="1", kind="number", family="x")
    with pytest.raises(ValueError, match="hole"):
        Question(text="Label them with '' only", gold="1", kind="number", family="x")
    with pytest.raises(ValueError, match="without a gold"):
        Question(text="How many?", gold="", kind="number", family="x")


def test_a_window_that_is_not_as_long_as_it_says_is_refused(everything, variant):
    task = everything[0]["oolong_trec"]
    short = variant(task, build=lambda size, chance: task.build(size // 10, chance))
    with pytest.raises(ConfigError, match="called what it is not"):
        window(short, 8_192, 0)


def test_lines_are_as_many_as_oolong_has_them(everything):
    made = window(everything[0]["oolong_trec"], 131_072, 0)
    assert made.context.text.count("\n") + 1 == round(0.95 * 131_072 / 39)


def test_most_lines_come_from_few_users(everything):
    made = window(everything[0]["oolong_trec"], 32_768, 0)
    users = [line.split(" || ")[1] for line in made.context.text.splitlines()]
    busiest = sorted(set(users), key=users.count, reverse=True)
    few = busiest[: max(1, len(busiest) // 5)]
    assert 0.7 < sum(user in few for user in users) / len(users) < 0.95


def test_an_unknown_task_is_named():
    with pytest.raises(ConfigError, match=r"no task 'oolong'.*oolong_trec"):
        opened(["oolong"], None)


@pytest.mark.parametrize("number", range(20))
def test_every_predicate_is_understood_as_it_is_meant(number):
    """The planner reads a predicate off its words; gold pairs come from its letters. Both agree on all small worlds."""
    from rlm_async.bench.sim.kit.records import pairs_of

    days = [FIRST, FIRST.replace(year=2023, month=1, day=6), FIRST.replace(year=2023, month=4, day=20)]
    labels = sorted(LETTERS.values())
    worlds = [[first, second] for first in labels for second in labels]
    lines = []
    for user, pair in enumerate(worlds, 10_000):
        lines += [
            Line(days[(user + i) % 3], str(user), f"t{user}{i}", label) for i, label in enumerate([*pair, pair[0]])
        ]
    asked = question(number, lines, labels)
    plan = plan_of(asked.text)
    rows = [("", line.day.isoformat(), line.user, line.label) for line in lines]
    gold = gold_pairs(PREDICATES[number], lines)
    assert pairs_of(plan, rows) == gold
    assert set(gold) <= set(combinations([str(user) for user in range(10_000, 10_000 + len(worlds))], 2))
