"""Loaders against gold facts of the published sets; the sample stands in where these are not there."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from rlm_async.bench.corpora import TREC, Corpora, babi, cuad, messages, requests, sentences, trec, trec_lines
from rlm_async.bench.score import f1
from rlm_async.bench.sim.knowledge import ANCHOR, letters
from rlm_async.bench.sim.rules import CLAUSES
from rlm_async.bench.tasks.chain import World
from rlm_async.bench.tasks.contracts import knowledge
from rlm_async.errors import ConfigError


@pytest.fixture(scope="module")
def contracts(data):
    return cuad(data)


def test_trec_has_its_labels(data):
    train = list(trec_lines(data, TREC[0]))
    assert Counter(coarse for coarse, _, _ in train) == {
        "ABBR": 86, "DESC": 1162, "ENTY": 1250, "HUM": 1223, "LOC": 835, "NUM": 896,
    }  # fmt: skip
    assert len(list(trec_lines(data, TREC[1]))) == 500
    assert len({f"{coarse}:{fine}" for coarse, fine, _ in train}) == 50


@pytest.mark.parametrize(
    ("first", "second", "count"),
    [
        ("Exclusivity", "Termination For Convenience", 57),
        ("Non-Compete", "Cap On Liability", 80),
        ("Change Of Control", "Uncapped Liability", 39),
    ],
)
def test_cuad_has_its_clauses(contracts, first, second, count):
    assert sum(held[first] and held[second] for held in contracts.clauses.values()) == count


def test_cuad_has_its_contracts_and_laws(contracts):
    assert len(contracts.texts) == 510
    assert {len(held) for held in contracts.clauses.values()} == {33}
    assert sum(held["Audit Rights"] and not held["Insurance"] for held in contracts.clauses.values()) == 106
    laws = Counter(contracts.laws.values())
    assert (laws["New York"], laws["California"], laws["Delaware"]) == (97, 55, 40)
    assert 26_000_000 < sum(map(len, contracts.texts.values())) < 27_500_000


def test_the_other_sets_are_whole(data):
    assert (
        sum("\t" in line for line in (data / "sms_spam" / "SMSSpamCollection").read_text("utf-8").splitlines()) > 5_500
    )
    assert {label for _, label in messages(data).items} == {"spam", "ham"}
    assert len(requests(data).items) > 1_000
    assert len(sentences(data)[1]) > 1_000


@pytest.mark.parametrize("task", [1, 2])
def test_following_a_story_gives_what_babi_says(data, task):
    world, right, asked = World(), 0, 0
    for number, fact, answer in babi(data, task, "test"):
        if number == 1:
            world = World()
        if answer is None:
            world.hear(fact)
        else:
            asked += 1
            right += world.place(fact.rstrip(" ?").split()[-1]) == answer
    assert right == asked > 0


def test_a_source_is_named_by_what_was_read(data, tmp_path):
    """A data set's name with another one's content would be told by its digest."""
    assert trec(data).source.startswith("trec@")
    assert trec(None).source.startswith("sample@")
    swapped = tmp_path / "trec"
    swapped.mkdir()
    for name in TREC:
        (swapped / name).write_text("ABBR:exp What is it ?\n")
    assert trec(tmp_path).source != trec(data).source


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(ConfigError, match="no such folder"):
        Corpora(tmp_path / "nowhere")
    with pytest.raises(ConfigError, match=r"cannot read .*train_5500"):
        trec(tmp_path)


@pytest.mark.parametrize("read", [trec, messages, requests], ids=["questions", "messages", "requests"])
def test_the_sample_has_every_label(read):
    source = read(None)
    assert {label for _, label in source.items} == set(source.labels)


@pytest.mark.parametrize(
    ("clause", "floor"),
    [
        ("Exclusivity", 0.61),
        ("Source Code Escrow", 0.59),
        ("Termination For Convenience", 0.55),
        ("Non-Compete", 0.51),
        ("Most Favored Nation", 0.29),
    ],
)
def test_words_alone_find_as_much_as_was_published(contracts, clause, floor):
    """What a program without sub-queries reaches: a model has to beat it."""
    said = frozenset(name for name, text in contracts.texts.items() if re.search(CLAUSES[clause], text, re.IGNORECASE))
    gold = frozenset(name for name, held in contracts.clauses.items() if held[clause])
    assert f1(said, gold) == pytest.approx(floor, abs=0.05)


def test_nearly_every_passage_of_a_clause_is_found_in_its_contract(contracts):
    known = knowledge(contracts)
    anchors = []
    for name in sorted(contracts.texts)[:60]:
        text = letters(contracts.texts[name])
        anchors += [(anchor in text, len(anchor)) for held in known.clauses[name].values() for anchor in held]
    assert all(found for found, _ in anchors)
    assert sum(length == ANCHOR for _, length in anchors) > 0.8 * len(anchors)
