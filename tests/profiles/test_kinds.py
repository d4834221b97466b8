"""The four profiles of this repository are sure of their own kind, and of no other's: held against every data set."""

from __future__ import annotations

import importlib
import json
import sys
import sysconfig
from pathlib import Path

import pytest

from rlm_async.bench.corpora import Corpora
from rlm_async.bench.tasks.catalogue import opened
from rlm_async.bench.windows import window
from rlm_async.contexts import load
from rlm_async.core.context import Context, Document
from rlm_async.profiles import choose

ROOT = Path(__file__).resolve().parents[2]
STDLIB = Path(sysconfig.get_paths()["stdlib"])
NAMES = ("code", "legal", "research", "support")


@pytest.fixture(scope="module")
def kinds():
    """The profiles as they are in the checkout, installed or not."""
    folders = [str(ROOT / "plugins" / f"rlm-async-{name}") for name in NAMES]
    sys.path[:0] = folders
    yield [importlib.import_module(f"rlm_async_{name}").profile() for name in NAMES]
    for folder in folders:
        sys.path.remove(folder)


def sure(kinds, context):
    return [profile.name for profile in kinds if profile.fits(context) >= 0.5]


def test_each_is_sure_of_its_own_examples_and_no_other_is(kinds):
    for profile in kinds:
        for example in profile.examples:
            path = profile.data / example.path
            if path.exists():
                assert sure(kinds, load(path)) == [profile.name], path


@pytest.mark.parametrize("page", ["README.md", "CHANGELOG.md", "docs/security.md", "docs/glossary.md", "docs"])
def test_none_takes_plain_prose(kinds, page):
    assert sure(kinds, load(ROOT / page)) == []


@pytest.mark.parametrize("name", ["json", "asyncio", "argparse.py"])
def test_a_repository_is_code(kinds, name):
    assert choose(load(STDLIB / name), kinds).profile.name == "code"


def test_the_inputs_of_the_benchmarks_are_nobodys_where_they_are_our_own(kinds):
    names = ("sniah", "oolong_trec", "oolong_pairs", "nested_oolong", "babi_chain")
    for task in opened(list(names), Corpora(None))[0].values():
        assert sure(kinds, window(task, task.sizes[0], 0).context) == [], task.name


def test_contracts_are_legal_together_and_nearly_always_one_by_one(kinds, shared):
    paths = sorted((shared / "data" / "cuad" / "full_contract_txt").iterdir())[::17]
    documents = tuple(Document(path.name, path.read_text("utf-8", errors="replace")) for path in paths)
    assert sure(kinds, Context(documents, "corpus")) == ["legal"]
    alone = [sure(kinds, Context.of(document.text)) for document in documents]
    assert sum(found == ["legal"] for found in alone) >= 0.8 * len(alone)
    assert sum(found not in ([], ["legal"]) for found in alone) <= 1


@pytest.mark.parametrize(
    "path",
    [
        "trec/train_5500.label",
        "banking77/train.csv",
        "sms_spam/SMSSpamCollection",
        "xquad/xquad.en.json",
        "cuad/CUAD_v1_README.txt",
        "cuad/master_clauses.csv",
        "babi/en/qa1_single-supporting-fact_train.txt",
        "babi/en/qa19_path-finding_test.txt",
    ],
)
def test_none_takes_the_other_data_sets(kinds, shared, path):
    assert sure(kinds, Context.of((shared / "data" / path).read_text("latin-1"))) == []


def test_none_takes_paragraphs_of_an_encyclopedia(kinds, shared):
    data = json.loads((shared / "data" / "xquad" / "xquad.en.json").read_text("utf-8"))
    texts = [paragraph["context"] for article in data["data"] for paragraph in article["paragraphs"]]
    assert sure(kinds, Context.of(texts)) == []
    assert sure(kinds, Context.of("\n\n".join(texts))) == []
