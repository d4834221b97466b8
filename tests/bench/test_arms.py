"""Every arm on every task, with a model that makes no mistakes: whatever is missed then is the orchestrator's."""

from __future__ import annotations

import pytest

from rlm_async.bench.arms import rlm_for
from rlm_async.bench.points import ARMS, Point
from rlm_async.bench.sim.knowledge import Knowledge
from rlm_async.bench.summary import ideal_wall
from rlm_async.bench.tasks.catalogue import TASKS
from rlm_async.bench.windows import window
from tests.bench.conftest import SIZES

READING = [arm for arm in ARMS if arm != "depth 0"]


@pytest.mark.parametrize("task", TASKS)
def test_without_leaf_errors_every_arm_is_always_right(measured, task):
    rows = measured(task, arms=READING, questions={"oolong_pairs": 1}.get(task, 2))
    assert {row.point.arm for row in rows} == set(READING)
    assert [(row.point.arm, row.family, row.said) for row in rows if row.score < 1 or row.status != "complete"] == []
    least = 0.9 if task == "cuad_corpus" else 1.0  # lines at the seams of pieces are counted by whole lines
    assert all(row.coverage >= least for row in rows if task != "sniah" or row.point.arm == "direct")


def test_depth_zero_asks_nobody(measured):
    rows = measured("oolong_trec", arms=["depth 0"], questions=2)
    assert {row.calls for row in rows} == {2}  # two turns of the root
    assert {row.coverage for row in rows} == {0.0}


def test_the_direct_arm_sees_the_whole_window_and_may_say_all_it_wants(everything):
    """One published direct arm was cut off at 512 tokens."""
    import anyio

    from rlm_async.core.messages import Completion, Request

    seen: list[Request] = []

    class Watched:
        async def __call__(self, request, budget):
            seen.append(request)
            return Completion(text="Answer: 1")

    made = window(everything[0]["oolong_trec"], SIZES["oolong_trec"], 0)
    point = Point(task="oolong_trec", size=4096, seed=0, arm="direct", model="sim-strong", sub_model="sim-strong")
    rlm = rlm_for(point, Knowledge(), _nowhere())
    watched = type(rlm)(Watched(), strategy=rlm.strategy, limits=rlm.limits)
    anyio.run(watched.ask, made.questions[0].text, made.context)
    assert made.context.text in seen[0].messages[-1].text
    assert seen[0].max_tokens is None or seen[0].max_tokens >= 4_096


def _nowhere():
    from rlm_async.bench.arms import Endpoint

    return Endpoint()


@pytest.mark.parametrize("task", ["oolong_trec", "nested_oolong", "cuad_corpus"])
def test_one_at_a_time_and_sixty_four_at_once_give_identical_answers(measured, task):
    rows = measured(task, model="sim-middle", arms=["depth 1", "depth 2"], concurrency=[1, 64], questions=1)
    said = {}
    for row in rows:
        said.setdefault((row.point.arm, row.key[-1]), []).append((row.said, row.calls, row.usd, row.status))
    assert len(said) == 2
    assert all(one == other for one, other in said.values())
    assert {row.peak for row in rows if row.point.concurrency == 1} == {1}
    assert max(row.peak for row in rows) > 1


def test_a_chain_gains_nothing_from_concurrency(measured):
    one, many = measured("babi_chain", arms=["depth 1"], concurrency=[1, 64], questions=1)
    assert one.calls == many.calls > 2
    assert many.wall == pytest.approx(one.wall, rel=0.02)
    assert many.peak == 1
    assert many.critical == pytest.approx(many.wall, rel=0.02)


def test_a_needle_gains_nothing_from_depth(measured):
    rows = measured("sniah", model="sim-strong", arms=["depth 1", "depth 2", "depth 3"])
    assert {row.score for row in rows} == {1.0}
    assert max(row.by_depth.get("1", (0, 0, None))[0] for row in rows) <= 2


def test_a_map_gains_from_concurrency_what_there_is_to_gain(measured):
    rows = measured("oolong_trec", arms=["map-reduce"], concurrency=[1, 4, 16], chunks=[4], questions=1)
    for row in rows:
        assert row.peak == min(row.point.concurrency, row.calls)
        assert ideal_wall(row) <= row.wall * 1.000001
        assert row.wall <= ideal_wall(row) + row.longest  # Graham's bound (1966): no slot is ever idle
    assert rows[0].wall > 6 * rows[2].wall


def test_without_syntax_errors_depth_does_not_hurt_and_with_many_it_does(measured):
    options = {"arms": ["depth 1", "depth 2"], "seeds": 4, "questions": 1, "sizes": [3_072], "chunks": [5]}
    rows = measured("oolong_trec", syntax_errors=[0.0, 0.7], **options)
    whole = {}
    for row in rows:
        whole.setdefault((row.point.syntax_errors, row.point.arm), []).append(row.coverage == 1.0)
    assert sum(whole[0.0, "depth 2"]) == sum(whole[0.0, "depth 1"]) == 4
    assert sum(whole[0.7, "depth 2"]) < sum(whole[0.7, "depth 1"])


def test_a_budget_is_a_part_of_what_was_used_without_one_and_shows_in_coverage(measured):
    rows = measured("oolong_trec", arms=["map-reduce"], budgets=[0.5], chunks=[4], questions=1)
    whole, half = rows
    assert (whole.point.budget, half.point.budget) == (None, 0.5)
    assert half.usd <= whole.usd * 0.5
    assert half.coverage < whole.coverage == 1.0


def test_nothing_shared_costs_what_repeated_lines_cost(measured):
    """Of short texts many repeat: a table that does not say so makes a cache look like speed."""
    shared, alone = measured(
        "oolong_trec", arms=["map-reduce"], policies=["one-a-line"], shared=[True, False], questions=1
    )
    assert shared.shared_nodes > 0
    assert alone.shared_nodes == 0
    assert alone.calls == shared.calls + shared.shared_nodes


def test_usage_counts_every_model(everything, tmp_path):
    from rlm_async.bench.runner import Bench
    from rlm_async.bench.store import Rows
    from rlm_async.bench.sweep import Sweep, points

    tasks, knowledge = everything
    sweep = Sweep(models=[("sim-strong", "sim-weak")], arms=["depth 1"], sizes=[4_096], seeds=1, clock="virtual")
    bench = Bench({"oolong_trec": tasks["oolong_trec"]}, knowledge, Rows(tmp_path / "rows"), questions=1)
    bench.run(points(sweep, bench.tasks))
    (row,) = bench.rows
    assert len(row.by_model) == 2
    assert row.calls == sum(calls for calls, _, _ in row.by_model.values())
    assert row.usd == pytest.approx(sum(usd for _, _, usd in row.by_model.values()))


def test_other_policies_do_the_same_work(measured):
    rows = measured("oolong_trec", arms=["depth 1"], policies=["map-reduce", "loop", "bad-first"], questions=1)
    assert {row.score for row in rows} == {1.0}
    assert len({row.said for row in rows}) == 1


def test_longest_inputs_are_refused_and_not_cut(measured):
    (row,) = measured("oolong_trec", model="sim-weak", arms=["direct"], sizes=[65_536], questions=1)
    assert (row.status, row.score) == ("failed", 0.0)
    assert "ContextOverflow" in row.error
