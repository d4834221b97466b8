"""Every attack, ours and the shared ones, ends through the default sandbox in the word that it should end in."""

from __future__ import annotations

import pytest

from rlm_async.core.context import Context
from rlm_async.sandbox.trial import exec_file
from tests.sandbox.attacks.corpus import INERT, OWN, complaint, complaints, load, word
from tests.sandbox.wall.conftest import FakeHost

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(300)]
CLASSES = sorted({attack["class"] for attack in load(OWN)})
ALONE = ("cpu", "memory", "recursion", "swallow")
"""Classes in which the wall must hold by itself; files, network, processes and signals are in ../wall/."""


@pytest.mark.parametrize("kind", CLASSES)
async def test_an_attack_of_our_own_ends_as_expected(kind, factories):
    assert await complaints(factories, [attack for attack in load(OWN) if attack["class"] == kind]) == {}


async def test_every_attack_of_the_shared_corpus_ends_as_expected(shared, factories):
    attacks = load(shared / "attacks" / "attacks.jsonl")
    assert await complaints(factories, attacks) == {}
    assert set(INERT) <= {attack["id"] for attack in attacks}


async def test_what_the_corpus_calls_inert_is_all_that_ends_in_another_word(shared):
    """The list of exceptions cannot grow unseen: none is about a refusal or a kill."""
    attacks = [a for a in load(shared / "attacks" / "attacks.jsonl") if "layer" not in a]
    other = {attack["id"]: attack["expected"] for attack in attacks if word(attack) != attack["expected"]}
    assert other == dict.fromkeys(INERT, "contained")


@pytest.mark.parametrize("kind", ALONE)
async def test_without_the_policy_the_session_outlives_it(kind, bare):
    attacks = [attack for attack in load(OWN) if attack["class"] == kind]
    async with bare.open(Context.of("ctx"), FakeHost()) as sandbox:
        await sandbox.run("kept = 'still here'")
        for attack in attacks:
            output = await sandbox.run(attack["code"])
            assert output.outcome in ("contained", "error", "killed", "ok"), attack["id"]
            assert (await sandbox.run("print(kept)")).stdout == "still here\n", attack["id"]


async def test_the_judge_sees_a_gain_and_a_wrong_word():
    report = {"outcome": "ok", "variables": {"loot": "'WIN'"}, "stdout": "", "error": None}
    assert complaint(report, "refused")
    assert complaint(report, "ok")
    assert not complaint({**report, "variables": {}}, "ok")


async def test_output_that_was_cut_counts_as_contained():
    assert (await exec_file("print('x' * 300_000)"))["outcome"] == "contained"
    assert (await exec_file("print('x' * 300)"))["outcome"] == "ok"
