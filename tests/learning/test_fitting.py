"""Rules fitted from rows and journals: the better way where an interval says which, else the cheaper one."""

from __future__ import annotations

import json

import pytest

from rlm_async import RLM
from rlm_async.bench.points import Point, Row
from rlm_async.core.usage import Usage
from rlm_async.errors import ConfigError
from rlm_async.learning.fitting import fitted
from rlm_async.learning.observations import DIRECT, Observation, observed, of_row
from rlm_async.strategies.rules import shipped
from rlm_async.testing import ScriptedModel


def seen(depth, tokens, score, window, *, cost=1_000_000, question="0"):
    usage = Usage(calls=1, prompt_tokens=900, completion_tokens=100, nanos=cost)
    return Observation(
        family="m-1",
        shape="survey",
        depth=depth,
        tokens=tokens,
        size=tokens,
        window=f"{tokens}/{window}",
        question=question,
        score=score,
        root=usage,
        below=Usage(calls=2, prompt_tokens=2 * tokens, nanos=0),
    )


def many(depth, tokens, score, **more):
    return [seen(depth, tokens, score, window, **more) for window in range(6)]


def rule(*groups):
    [one] = fitted([each for group in groups for each in group], shipped().of)
    return one


def test_direct_is_read_up_to_the_last_length_at_which_code_is_not_better():
    one = rule(
        many(DIRECT, 4_000, 0.9, cost=1), many(1, 4_000, 0.9), many(DIRECT, 9_000, 0.4, cost=1), many(1, 9_000, 0.9)
    )
    assert one.direct_tokens == 4_000
    assert "at 9,000 tokens code scores better" in one.source


def test_of_two_that_score_the_same_the_cheaper_one_is_taken():
    one = rule(
        many(DIRECT, 4_000, 0.9, cost=1), many(1, 4_000, 0.9), many(DIRECT, 9_000, 0.9, cost=9**9), many(1, 9_000, 0.9)
    )
    assert one.direct_tokens == 4_000
    assert "code is cheaper and no worse" in one.source


def test_direct_that_scores_better_is_taken_at_any_price():
    one = rule(many(DIRECT, 4_000, 0.9, cost=9**9), many(1, 4_000, 0.5))
    assert one.direct_tokens == 4_000


def test_depth_is_the_least_that_no_deeper_one_beats():
    assert rule(many(1, 4_000, 0.5), many(2, 4_000, 0.9)).depth == 2
    assert rule(many(1, 4_000, 0.9), many(2, 4_000, 0.9)).depth == 1
    assert rule(many(1, 4_000, 0.9)).depth is None


def test_costs_are_what_was_seen():
    costs = rule(many(1, 4_000, 0.9)).costs
    assert (costs.root_calls.low, costs.root_calls.high) == (1, 1)
    assert (costs.sub_share.low, costs.sub_share.high) == (2, 2)
    assert costs.direct_share == shipped().of("m-1", "survey").costs.direct_share  # direct was not seen


def test_too_few_questions_make_no_rule():
    assert fitted([seen(1, 4_000, 0.9, 0)], shipped().of) == []


def row(run="r1"):
    point = Point(task="sniah", size=4_096, seed=1, arm="depth 1", model="openai/m-1", sub_model="m-1")
    return Row(
        key=point.key(2), point=point, source="simulated", family="single", tokens=4_000, score=0.5, status="complete",
        calls=3, prompt_tokens=900, completion_tokens=100, usd=0.1, run=run,
        by_depth={"0": (2, 800, 0.06), "1": (1, 200, 0.04)},
    )  # fmt: skip


def test_a_row_is_an_observation():
    one = of_row(row())
    assert (one.family, one.shape, one.depth, one.question) == ("m-1", "lookup", 1, "2")
    assert (one.root.calls, one.below.calls, one.whole.tokens, round(one.whole.usd, 6)) == (2, 1, 1_000, 0.1)


def test_a_journals_runs_tell_costs_and_scores_that_stand_beside_them(tmp_path):
    journal = tmp_path / "runs.sqlite"
    rlm = RLM(ScriptedModel(["```repl\nFINAL(llm_query('x'))\n```", "3"] * 2), strategy="repl", journal=journal)
    first = rlm.ask_sync("How many lines?", "a\nb\nc")
    scores = tmp_path / "scores.jsonl"
    scores.write_text(json.dumps({"run": first.run, "score": 0.5}), "utf-8")
    [one] = observed([journal, scores])
    assert (one.shape, one.depth, one.score) == ("survey", 1, 0.5)
    assert (one.root.calls, one.below.calls) == (1, 1)
    rows = tmp_path / "rows.jsonl"
    rows.write_text(row(first.run).written(), "utf-8")
    assert len(observed([journal, rows])) == 1  # a run whose row is there counts once


def test_a_file_that_is_neither_is_an_error_that_names_the_line(tmp_path):
    path = tmp_path / "x.jsonl"
    path.write_text('{"a": 1}', "utf-8")
    with pytest.raises(ConfigError, match="line 1: neither a row"):
        observed([path])
    with pytest.raises(ConfigError, match="cannot read"):
        observed([tmp_path / "none"])
