"""No attack of the corpora gains anything from the language alone, with no wall around it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.sandbox.policy import corpus

OWN = Path(__file__).with_name("attacks.jsonl")


@pytest.fixture(scope="module")
def own_reports():
    attacks = corpus.load(OWN)
    return {attack["id"]: attack for attack in attacks}, corpus.run(attacks)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_no_attack_of_our_own_corpus_gains_anything(own_reports):
    attacks, reports = own_reports
    bad = {name: text for name, attack in attacks.items() if (text := corpus.complaint(attack, reports[name]))}
    assert bad == {}
    assert len(attacks) > 600


def test_every_class_of_attack_has_several_variants(own_reports):
    attacks, _ = own_reports
    sizes = {}
    for attack in attacks.values():
        sizes[attack["class"]] = sizes.get(attack["class"], 0) + 1
    assert min(sizes.values()) >= 4, sizes


def test_a_stop_of_the_cell_cannot_be_swallowed(own_reports):
    attacks, reports = own_reports
    stops = [name for name, attack in attacks.items() if attack["class"] == "swallow"]
    assert stops
    assert {reports[name]["end"] for name in stops} <= {"stopped", "refused"}


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_no_attack_of_the_shared_corpus_gains_anything(shared):
    attacks = corpus.load(shared / "attacks" / "attacks.jsonl")
    reports = corpus.run(attacks)
    bad = {attack["id"]: text for attack in attacks if (text := corpus.complaint(attack, reports[attack["id"]]))}
    assert bad == {}


def test_the_verdict_sees_what_it_has_to_see():
    """The judge is tried as well: what an unguarded namespace gives away counts as gain."""
    from tests.sandbox.policy import attack_run

    tool = attack_run.HostTool()
    gains = [
        __builtins__,
        attack_run,
        type,
        object,
        tool,
        [tool],
        {"a": (attack_run.SECRET,)},
        open,
        tool.run.__func__.__code__,
        repr(lambda: 0),
        int.__subclasses__,
        "WIN x",
        attack_run.Guards,
    ]
    assert all(attack_run.worth(gain, tool) for gain in gains)
    assert not any(attack_run.worth(plain, tool) for plain in (1, "text", [1, 2], {"a": 1}, str, None, int, [str]))
