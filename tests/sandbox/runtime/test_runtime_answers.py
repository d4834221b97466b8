"""The answer protocols, and how values become plain data."""

import json
from collections import Counter, OrderedDict, defaultdict, deque
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from typing import NamedTuple

import pytest

from rlm_async.sandbox.answers import plain
from tests.sandbox.runtime.runtime_fakes import Repl

PROTOCOLS = {
    "answer dict": "answer['content'] = 'yes'\nanswer['ready'] = True",
    "answer dict rebound": "answer = {'content': 'yes', 'ready': True}",
    "answer dict updated": "answer.update(content='yes', ready=True)",
    "FINAL": "FINAL('yes')",
    "FINAL of an expression": "x = 'ye'\nFINAL(f'{x}s')",
    "FINAL_VAR by name": "result = 'yes'\nFINAL_VAR('result')",
    "FINAL_VAR by quoted name": "result = 'yes'\nFINAL_VAR('\"result\"')",
    "FINAL_VAR by value": "result = 'yes'\nFINAL_VAR(result)",
    "FINAL_VAR of a rebound answer": "answer = 'yes'\nFINAL_VAR('answer')",
    "FINAL_VAR of the answer dict": "answer['content'] = 'yes'\nFINAL_VAR('answer')",
    "FINAL of the answer dict": "answer['content'] = 'yes'\nFINAL(answer)",
    "FINAL_VAR of context": "context = 'yes'\nFINAL_VAR('context')",
    "SUBMIT": "SUBMIT('yes')",
    "SUBMIT answer=": "SUBMIT(answer='yes')",
    "FINAL of a handle": "FINAL(llm_query('x').strip()[:3])",
    "answer content is a handle": "answer['content'] = llm_query_batched(['x'])[0].strip()[:3]\nanswer['ready'] = True",
    "the block goes on": "FINAL('no')\nFINAL('yes')\nprint('still here')",
}


@pytest.mark.parametrize("name", PROTOCOLS)
def test_a_protocol_gives_the_answer(name):
    repl = Repl()
    repl.run(PROTOCOLS[name])
    assert repl.result["answer"] == {"value": "yes"}
    assert repl.result["draft"] is None


def test_the_answer_is_taken_at_the_end_and_only_once():
    repl = Repl()
    assert repl.run("FINAL('a')\nprint('after')") == "after\n"
    assert repl.result["answer"] == {"value": "a"}
    repl.run("x = 1")
    assert repl.result["answer"] is None


def test_content_without_ready_is_a_draft_that_lives_on():
    repl = Repl()
    repl.run("answer['content'] = 'so far'")
    assert (repl.result["answer"], repl.result["draft"]) == (None, {"value": "so far"})
    repl.run("x = 1")
    assert repl.result["draft"] == {"value": "so far"}
    repl.run("answer['ready'] = True")
    assert repl.result["answer"] == {"value": "so far"}


def test_submit_with_fields_gives_a_dict():
    repl = Repl()
    repl.run("SUBMIT(city='Oslo', people=3)")
    assert repl.result["answer"] == {"value": {"city": "Oslo", "people": 3}}


def test_an_answer_given_before_an_error_stands():
    repl = Repl()
    repl.fails("FINAL('a')\n1 / 0")
    assert repl.result["answer"] == {"value": "a"}


def test_a_missing_variable_is_an_error_that_names_those_there_are():
    repl = Repl()
    repl.run("total = 3\nrows = []")
    error = repl.fails("FINAL_VAR('totl')")
    assert error["type"] == "NameError"
    assert "'totl'" in error["message"]
    assert "rows, total" in error["message"]
    assert repl.result["answer"] is None


def test_a_text_that_is_no_name_is_the_answer_itself():
    repl = Repl()
    repl.run("FINAL_VAR('It is Paris, in France.')")
    assert repl.result["answer"] == {"value": "It is Paris, in France."}


def test_an_answer_that_is_too_large_is_an_error_with_the_sizes():
    repl = Repl(answer_bytes=1000)
    error = repl.fails("FINAL('é' * 600)")
    assert error["type"] == "AnswerTooLarge"
    assert "1,202 bytes" in error["message"]
    assert "1,000" in error["message"]
    assert repl.result["answer"] is None
    repl.run("FINAL('short')")
    assert repl.result["answer"] == {"value": "short"}


def test_a_value_that_cannot_leave_is_an_error_at_its_line():
    error = Repl().fails("x = 1\nFINAL(lambda: 1)")
    assert (error["type"], error["line"]) == ("TypeError", 2)


class Point(NamedTuple):
    x: int
    y: int


@dataclass
class Row:
    name: str
    when: date


class Colour(Enum):
    RED = "red"


VALUES = [
    (None, None), (True, True), (3, 3), (2.5, 2.5), ("é", "é"), ([1, (2, 3)], [1, [2, 3]]), ({3, 1, 2}, [1, 2, 3]),
    ({"b", 1}, [1, "b"]), (frozenset("a"), ["a"]), ({1: "a", (2, 3): "b", None: 1}, {"1": "a", "2, 3": "b", "null": 1}),
    (Counter("aab"), {"a": 2, "b": 1}), (OrderedDict(a=1), {"a": 1}), (defaultdict(list, a=[1]), {"a": [1]}), (deque([1]), [1]),
    (Point(1, 2), {"x": 1, "y": 2}), (Row("a", date(2020, 1, 2)), {"name": "a", "when": "2020-01-02"}), (Colour.RED, "red"),
    (datetime(2020, 1, 2, 3, 4, tzinfo=UTC), "2020-01-02T03:04:00+00:00"), (timedelta(hours=1), "1:00:00"),
    (Decimal("1.5"), 1.5), (Decimal("0.1000000000000000000001"), "0.1000000000000000000001"), (Fraction(1, 3), "1/3"),
    (b"ab", "ab"), (b"\xff", "/w=="), (float("nan"), "nan"), (float("inf"), "inf"), (2**70, str(2**70)), (range(3), [0, 1, 2]),
    (ValueError("no"), "ValueError: no"), ({"a": 1}.keys(), ["a"]), ({"a": 1}.items(), [["a", 1]]), (iter([1, 2]), [1, 2]), (1j, "1j"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("value", "expected"), VALUES, ids=[f"{type(v).__name__} {n}" for n, (v, _) in enumerate(VALUES)]
)
def test_a_value_becomes_plain_data(value, expected):
    result = plain(value)
    assert result == expected
    assert type(result) is type(expected)
    json.dumps(result, allow_nan=False)


def test_objects_of_the_codes_own_classes_become_dicts():
    repl = Repl()
    repl.run("class Box:\n    def __init__(self):\n        self.a = 1\n        self.b = {'c': {2, 1}}\nFINAL([Box()])")
    assert repl.result["answer"] == {"value": [{"a": 1, "b": {"c": [1, 2]}}]}


def test_a_value_that_contains_itself_is_an_error():
    loop = []
    loop.append(loop)
    with pytest.raises(ValueError, match="contains itself"):
        plain(loop)
