from __future__ import annotations

import pytest

from rlm_async.bench.score import final_of, interval, scored


@pytest.mark.parametrize(
    ("kind", "said", "gold", "score"),
    [
        ("number", "Answer: 12", "12", 1.0),
        ("number", "Answer: 10", "12", 0.75**2),
        ("number", "I counted 7 of one kind.\nAnswer: 1,204", "1204", 1.0),
        ("number", "none", "0", 0.0),
        ("exact", "Label: Human Being.", "human being", 1.0),
        ("exact", "Answer: 07", "7", 0.0),
        ("pairs", "(1, 2)\n(3, 1)", "(2, 1)\n(1, 4)", 0.5),
        ("pairs", "Answer:\n", "", 1.0),
        ("set", "Answer:\n- a.txt\n- b.txt", "a.txt\nc.txt", 0.5),
        ("set", "Answer: 11, 22, 33", "22, 11", 0.8),
    ],
)
def test_scores_are_the_official_ones(kind, said, gold, score):
    assert scored(kind, said, gold) == pytest.approx(score)


def test_an_answer_that_merely_holds_the_gold_is_wrong():
    assert scored("exact", "Answer: entity or human being", "entity") == 0.0
    assert scored("exact", "Answer: 12345678", "2345678") == 0.0
    assert scored("set", "Answer: 1234567", "123456") == 0.0


def test_naming_everything_does_not_pay():
    assert scored("set", "Answer: " + ", ".join(map(str, range(100))), "7") < 0.05


def test_only_the_last_answer_counts():
    assert final_of("Answer: 3\nno, wait\nAnswer: 4") == "4"


def test_an_answer_without_a_mark_ends_where_its_source_begins():
    said = '\n5737192\n\nSource: line 4: "the number for dusty-kettle is: 5737192."\nNot certain.'
    assert final_of(said) == "5737192"
    assert scored("exact", said, "5737192") == 1.0
    assert scored("exact", "Here it is:\n\n5737192", "5737192") == 0.0


def test_intervals_resample_windows_and_not_questions():
    """Ten questions of one window that all fail together are one observation, not ten."""
    together = [[0.0] * 10, [1.0] * 10, [0.0] * 10, [1.0] * 10]
    apart = [[0.0, 1.0] * 5] * 4
    wide, narrow = interval(together), interval(apart)
    assert (wide.mean, narrow.mean) == (0.5, 0.5)
    assert wide.high - wide.low > 0.7
    assert narrow.high == narrow.low == 0.5
    assert (wide.n, wide.windows) == (40, 4)


def test_one_window_gives_no_interval():
    assert (interval([[1.0] * 20]).low, interval([[1.0] * 20]).high) == (0.0, 1.0)


def test_an_interval_says_its_n():
    assert str(interval([[0.5], [0.5]])) == "50.0 [50.0, 50.0] n=2/2"
