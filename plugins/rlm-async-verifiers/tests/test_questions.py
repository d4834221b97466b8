"""Questions and scores, which need no verifiers."""

import importlib.util
import json

import pytest
import rlm_async_verifiers
from rlm_async.errors import ConfigError
from rlm_async_verifiers.questions import questions
from rlm_async_verifiers.scoring import scored


def test_lines_become_questions(tmp_path):
    path = tmp_path / "q.jsonl"
    lines = [
        {"question": "who?", "answer": "me", "context": "it was me"},
        {"id": 7, "question": "how many?", "answer": 3, "kind": "number", "context": ["a", "b"]},
        {"question": "which?", "answer": ["a", "b"], "kind": "set", "paths": ["docs"]},
    ]
    path.write_text("\n".join(map(json.dumps, lines)) + "\n\n")
    one, two, three = questions(path)
    assert (one.id, one.context, one.kind) == ("1", "it was me", "exact")
    assert (two.id, two.answer, two.context) == ("7", "3", ["a", "b"])
    assert (three.answer, three.paths) == ("a\nb", (str(tmp_path / "docs"),))


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", "line 1 is no JSON"),
        ('{"answer": "x"}', "with 'question'"),
        ('{"question": "x"}', "nothing can be rewarded"),
        ('{"question": "x", "answer": "y", "kind": "nice"}', "exact, number, set"),
        ('{"question": "x", "answer": "y", "context": 3}', "a text, a list of texts"),
    ],
)
def test_what_is_no_question_is_told_with_its_line(tmp_path, line, said):
    path = tmp_path / "q.jsonl"
    path.write_text(line)
    with pytest.raises(ConfigError, match=said):
        list(questions(path))


@pytest.mark.parametrize(
    ("kind", "said", "gold", "score"),
    [
        ("exact", " The Hall. ", "the hall", 1.0),
        ("exact", "the hall", "hall", 0.0),
        ("number", "It is 1,024 users.", "1024", 1.0),
        ("number", "none", "0", 0.0),
        ("set", "- a\n- b", "b\na", 1.0),
        ("set", "a\nc", "a\nb", 0.5),
        ("set", "", "", 1.0),
    ],
)
def test_scores(kind, said, gold, score):
    assert scored(kind, said, gold) == score


def test_without_verifiers_the_package_can_be_imported():
    assert bool(rlm_async_verifiers.__all__) == (importlib.util.find_spec("verifiers") is not None)
