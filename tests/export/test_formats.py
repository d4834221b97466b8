"""Rows as their readers want them, rewards that say what is unknown, filters."""

from __future__ import annotations

import json

import pytest

from rlm_async.core.usage import Usage
from rlm_async.errors import ConfigError
from rlm_async.export.formats import FORMATS, Shaping, nested
from rlm_async.export.rewards import Scores, Weights
from rlm_async.export.samples import samples
from rlm_async.export.selection import Wanted
from tests.export.conftest import dialogue, story, tree

TWO = story(*dialogue("rules", "q", "a1", "out1", "a2"))


def made(form, *trees, joined=True, **shaping):
    found = [sample for one in trees for node in one.nodes for sample in samples(one, node, joined=joined)]
    return [row.fields for row in FORMATS[form](found, Shaping(Weights(), **shaping))]


def said(*pairs):
    return [{"role": role, "content": text} for role, text in pairs]


def test_sft_marks_what_is_learned():
    (row,) = made("sft", tree("r", TWO, score=0.5))
    assert row["prompt"] == said(("system", "rules"), ("user", "q"))
    assert row["completion"] == said(("assistant", "a1"), ("user", "out1"), ("assistant", "a2"))
    assert row["mask"] == [0, 0, 1, 0, 1]
    assert (row["rewards"]["score"], row["rewards"]["tree_usd"], row["info"]["turns"]) == (0.5, 0.002, 2)


def test_openai_takes_messages_and_nothing_else():
    found = list(samples(tree("r", TWO), TWO, joined=True))
    (row,) = FORMATS["openai"](found, Shaping(Weights()))
    assert set(row.fields) == {"messages"}
    assert [message.get("weight") for message in row.fields["messages"]] == [None, None, 1, None, 1]
    assert row.info["info"]["id"] == "r/root"
    (tree_row,) = [nested(row, found[0].tree, found, Weights())]
    assert (set(tree_row.fields), len(tree_row.info["nodes"])) == ({"messages"}, 1)


def test_sharegpt_speaks_its_own_words():
    (row,) = made("sharegpt", tree("r", TWO))
    assert [(turn["from"], turn["train"]) for turn in row["conversations"]] == [
        ("system", False),
        ("human", False),
        ("gpt", True),
        ("human", False),
        ("gpt", True),
    ]


def answers(*scored, words="a"):
    nodes = [story(*dialogue("rules", "q", f"{words}{n}")) for n in range(len(scored))]
    return [tree(f"r{n}", node, score=score) for n, (node, score) in enumerate(zip(nodes, scored, strict=True))]


def test_pairs_are_answers_to_one_prompt_the_better_one_chosen():
    rows = made("dpo", *answers(0.2, 1.0, None, 0.9), gap=0.1)
    assert [(row["score_chosen"], row["score_rejected"]) for row in rows] == [(1.0, 0.2)]
    assert rows[0]["chosen"] == said(("assistant", "a1"))
    assert rows[0]["rejected"] == said(("assistant", "a0"))
    assert made("dpo", *answers(1.0, 1.0)) == []
    assert len(made("dpo", *answers(0.2, 1.0, 0.9))) == 2


def test_the_moment_does_not_tell_prompts_apart():
    one = story(*dialogue("rules", "q\n\nLeft: 9 turns, 100 model calls.", "a"))
    other = story(*dialogue("rules", "q\n\nLeft: 9 turns, 90 model calls.", "b"))
    (row,) = made("dpo", tree("r", one, score=1.0), tree("s", other, score=0.0))
    assert row["rejected_id"] == "s/root"


def test_groups_hold_what_was_rewarded():
    (row,) = made("grpo", *answers(0.2, 1.0, None))
    assert row["rewards"] == [0.2, 1.0]
    assert [answer[0]["content"] for answer in row["answers"]] == ["a0", "a1"]
    assert row["ids"] == ["r0/root", "r1/root"]
    assert made("grpo", *answers(0.2, 1.0), least=3) == []


def test_a_reward_is_unknown_where_a_part_of_it_is():
    dear = tree("r", TWO, score=1.0)
    free = tree("r", TWO, score=1.0, usage=Usage(calls=1, nanos=None))
    weights = Weights.of(["usd=-100", "partial=-0.5", "calls=0"])
    assert weights.reward(dear) == pytest.approx(0.8)
    assert weights.reward(free) is None
    assert weights.reward(tree("r", TWO)) is None
    assert Weights.of(["score=0", "partial=-1"]).reward(tree("r", TWO, status="partial")) == -1.0
    assert str(weights) == "1·score -100·usd -0.5·partial"
    for wrong in ("usd", "money=1", "usd=much"):
        with pytest.raises(ConfigError, match="--weigh"):
            Weights.of([wrong])


def test_scores_are_found_by_run_or_by_item(tmp_path):
    path = tmp_path / "scores.jsonl"
    path.write_text('{"run": "r", "score": 1}\n\n{"id": 7, "score": 0.5}\n{"run": "x", "sco')
    scores = Scores.read([path])
    assert (scores.of("r", ""), scores.of("s", "7"), scores.of("s", "")) == (1.0, 0.5, None)
    path.write_text('{"run": "r", "score": "good"}\n')
    with pytest.raises(ConfigError, match="line 1: there is no number under 'score'"):
        Scores.read([path])


@pytest.mark.parametrize(
    ("wanted", "more", "reason"),
    [
        (Wanted(), {}, ""),
        (Wanted(), {"status": "failed"}, "status failed"),
        (Wanted(min_score=0.5), {"score": 0.4}, "score below 0.5"),
        (Wanted(min_score=0.5), {}, "score unknown"),
        (Wanted(max_usd=0.001), {}, "above $0.001"),
        (Wanted(max_usd=1), {"usage": Usage(nanos=None)}, "price unknown"),
        (Wanted(max_seconds=1), {}, "above 1 s"),
        (Wanted(max_seconds=1), {"ended": None}, "above 1 s"),
    ],
)
def test_runs_are_left_out_with_their_reason(wanted, more, reason):
    assert wanted.refusal(tree("r", TWO, **more)) == reason


def test_every_row_is_json():
    for form in FORMATS:
        for row in made(form, *answers(0.0, 1.0)):
            assert json.loads(json.dumps(row)) == row
