"""Items: three parts that share no context, whatever the items are."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rlm_async.errors import ConfigError
from rlm_async.learning.items import Split, contexts, read_items, split
from tests.learning.conftest import scored


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 12), min_size=1, max_size=60), st.integers(0, 5))
def test_no_context_is_learned_from_and_judged_on(numbers, seed):
    items = [scored(number, f"question {place}") for place, number in enumerate(numbers)]
    if len(contexts(items)) < 3:
        with pytest.raises(ConfigError, match="different contexts"):
            split(items, seed)
        return
    parts = split(items, seed)
    all_ = [set(contexts(part)) for part in (parts.source, parts.selection, parts.held_out)]
    assert all(all_)
    assert sum(map(len, all_)) == len(set().union(*all_))
    assert sorted(item.key for part in (parts.source, parts.selection, parts.held_out) for item in part) == sorted(
        item.key for item in items
    )
    assert parts == split(items, seed)


def test_parts_that_share_a_context_are_refused():
    with pytest.raises(ConfigError, match="two parts"):
        Split(source=(scored(1),), selection=(scored(2),), held_out=(scored(1, "Other?"),))


def test_items_are_read_from_a_file(tmp_path):
    (tmp_path / "a.txt").write_text("one", "utf-8")
    path = tmp_path / "items.jsonl"
    lines = [
        {"question": "How many?", "expected": 3, "kind": "number", "context": "a b c"},
        {"question": "What?", "expected": "one", "paths": [str(tmp_path / "a.txt")]},
    ]
    path.write_text("\n".join(map(json.dumps, lines)), "utf-8")
    first, second = read_items(path)
    assert (first.gold, first.kind, first.context.text) == ("3", "number", "a b c")
    assert (second.gold, second.kind, second.context.text) == ("one", "exact", "one")


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("{", "line 1 is not JSON"),
        ("[]", "is no JSON object"),
        ('{"question": "x", "context": "y"}', "needs `question`"),
        ('{"question": "x", "expected": "z"}', "needs `context`"),
        ('{"question": "x", "expected": "z", "context": "y", "kind": "fuzzy"}', "kind 'fuzzy'"),
    ],
)
def test_what_is_wrong_with_an_item_is_said(tmp_path, line, says):
    path = tmp_path / "items.jsonl"
    path.write_text(line, "utf-8")
    with pytest.raises(ConfigError, match=says):
        read_items(path)
