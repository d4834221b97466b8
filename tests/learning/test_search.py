"""The search: seeded, without repetition, and the best candidate wins where runs say so."""

from __future__ import annotations

from random import Random

import pytest

from rlm_async.core.profile import Demonstration
from rlm_async.learning.comparison import compared
from rlm_async.learning.lessons import Lessons
from rlm_async.learning.search import Candidate, candidates, halved
from tests.learning.conftest import rolled, scored

LEARNED = Lessons(
    tuple(f"rule {n}" for n in range(5)), tuple(Demonstration(question=f"q{n}", cells=("x",)) for n in range(3))
)


def test_candidates_are_different_and_the_same_for_the_same_seed():
    found = candidates(LEARNED, 12, Random(1))
    assert len(set(found)) == len(found) == 12
    assert found == candidates(LEARNED, 12, Random(1))
    assert found != candidates(LEARNED, 12, Random(2))
    assert Candidate() not in found


def test_with_little_learned_there_are_few_candidates():
    assert candidates(Lessons(("one",), ()), 12, Random(0)) == [Candidate(rules=("one",))]
    assert candidates(Lessons((), ()), 12, Random(0)) == []


def test_the_best_candidate_survives_every_round_and_weak_ones_cost_little():
    among = [Candidate(rules=(str(n),)) for n in range(8)]
    items = [scored(n) for n in range(16)]
    runs = []

    def roll(candidate, some):
        runs.extend([candidate] * len(some))
        return [rolled(int(candidate.rules[0]) / 10, number=n) for n, _ in enumerate(some)]

    rungs = halved(among, items, roll)
    assert rungs[-1].best == among[7]
    assert [rung.items for rung in rungs] == [4, 8, 16]
    assert [len(rung.standings) for rung in rungs] == [8, 4, 2]
    assert len(runs) < len(among) * len(items)


def sides(differences, contexts=10):
    default = [rolled(0.5, number=n % contexts) for n in range(len(differences))]
    learned = [rolled(0.5 + d, number=n % contexts) for n, d in enumerate(differences)]
    return default, learned


@pytest.mark.parametrize(
    ("differences", "contexts", "verdict"),
    [
        ([0.2, 0.1] * 10, 10, "better"),
        ([-0.2, -0.1] * 10, 10, "worse"),
        ([0.3, -0.3] * 10, 7, "not shown to be better"),
        ([0.2] * 20, 1, "not shown to be better"),
        ([0.0] * 20, 10, "not shown to be better"),
    ],
)
def test_the_verdict_is_what_the_interval_says(differences, contexts, verdict):
    assert compared(*sides(differences, contexts), seed=0).verdict == verdict


def test_runs_of_different_items_are_not_compared():
    with pytest.raises(ValueError, match="different items"):
        compared([rolled(1.0, number=1)], [rolled(1.0, number=2)], seed=0)
