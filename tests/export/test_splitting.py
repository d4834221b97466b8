"""Nothing that a model could remember is in two parts."""

from __future__ import annotations

from random import Random

import pytest

from rlm_async.core.context import Context
from rlm_async.errors import ConfigError
from rlm_async.export.samples import samples
from rlm_async.export.splitting import Split, groups
from tests.export.conftest import dialogue, story, tree


def grouped(*trees, joined=True):
    every = [sample for one in trees for node in one.nodes for sample in samples(one, node, joined=joined)]
    return groups(trees, every)


def asked(run, prompt, context):
    return tree(run, story(*dialogue("rules", prompt, "a")), context=Context.of(context))


def test_one_input_is_in_one_part_whatever_is_asked_of_it():
    found = grouped(asked("a", "1", "text"), asked("b", "2", "text"), asked("c", "3", "other"))
    assert found["a"] == found["b"] != found["c"]


def test_a_long_document_binds_runs_whose_inputs_differ_and_a_short_one_does_not():
    long = "a story " * 100
    found = grouped(asked("a", "1", {"x": long, "y": "no"}), asked("b", "2", {"z": long}), asked("c", "3", {"y": "no"}))
    assert found["a"] == found["b"] != found["c"]


def test_an_equal_prompt_binds_runs_by_way_of_others():
    found = grouped(asked("a", "same", "1"), asked("b", "same", "2"), asked("c", "else", "2"), asked("d", "own", "3"))
    assert found["a"] == found["b"] == found["c"] != found["d"]


def test_questions_without_an_input_are_told_apart_by_their_words():
    one, same, other = (
        tree(run, story(*dialogue("rules", run, "a")), question=question)
        for run, question in (("a", "who?"), ("b", "who?"), ("c", "why?"))
    )
    found = grouped(one, same, other)
    assert found["a"] == found["b"] != found["c"]


@pytest.mark.parametrize("seed", range(5))
def test_shares_are_met_as_well_as_groups_allow(seed):
    chance = Random(seed)
    sizes = {f"group {n}": chance.randint(1, 9) for n in range(200)}
    drawn = Split((0.8, 0.1, 0.1), seed).drawn(sizes)
    total = sum(sizes.values())
    for part, share in (("train", 0.8), ("validation", 0.1), ("test", 0.1)):
        size = sum(sizes[name] for name, own in drawn.items() if own == part)
        assert abs(size / total - share) < 0.02
    assert drawn == Split((0.8, 0.1, 0.1), seed).drawn(dict(reversed(sizes.items())))
    assert drawn != Split((0.8, 0.1, 0.1), seed + 1).drawn(sizes)


def test_no_part_is_empty_where_there_are_enough_groups():
    drawn = Split((0.98, 0.01, 0.01), 0).drawn({"a": 50, "b": 1, "c": 1})
    assert set(drawn.values()) == {"train", "validation", "test"}
    assert set(Split((0.5, 0.25, 0.25), 0).drawn({"a": 1}).values()) == {"train"}


@pytest.mark.parametrize("text", ["0.9", "0.9/0.2", "1/1/1", "a/b/c", "0/0.5/0.5", "-1/1/1", "0.25/0.25/0.25/0.25"])
def test_shares_that_are_none_are_refused(text):
    with pytest.raises(ConfigError, match="add up to 1"):
        Split.of(text, 0)
