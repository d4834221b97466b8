"""Token bounds without a tokeniser, against a real one where it is there."""

import os
from importlib.util import find_spec
from pathlib import Path

import pytest

from rlm_async.core.messages import Message, Request
from rlm_async.models.estimate import Estimator

TEXTS = {
    "english": Path(__file__).resolve().parents[2].joinpath("LICENSE"),
    "code": Path(os.__file__).with_name("argparse.py"),
    "json": '{"id": 17, "name": "user17", "score": 62.9, "tags": ["a", "b"]}, ' * 200,
    "chinese": "大型语言模型可以阅读任意长度的输入。" * 100,
    "russian": "Большие языковые модели читают входные данные. " * 100,
    "hindi": "बड़े भाषा मॉडल किसी भी लंबाई का इनपुट पढ़ सकते हैं। " * 100,
    "emoji": "😀🎉👍🏽 " * 100,
    "numbers": "3.14159 2.71828 " * 200,
    "html": "<div class='a'><span>x</span></div>\n" * 100,
}


def text(name):
    found = TEXTS[name]
    return found if isinstance(found, str) else found.read_text(encoding="utf-8")


def request(prompt, **more):
    return Request(model="m", messages=(Message("user", prompt),), **more)


@pytest.fixture(scope="module")
def encoding():
    """cl100k, which litellm ships under its digest; nothing is fetched."""
    tiktoken = pytest.importorskip("tiktoken")
    folder = Path(find_spec("litellm").origin).parent / "litellm_core_utils" / "tokenizers"
    if not (folder / "9b5ad71b2ce5302211f9c61530b329a4922fc6a4").is_file():
        pytest.skip("this litellm ships no cl100k")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TIKTOKEN_CACHE_DIR", str(folder))
        yield tiktoken.get_encoding("cl100k_base")


@pytest.mark.parametrize("name", TEXTS)
def test_the_bound_is_never_below_the_true_count_and_below_four_times_it(name, encoding):
    count = len(encoding.encode(text(name)))
    assert count <= Estimator().bound(request(text(name))) <= 4 * count + 50


@pytest.mark.parametrize("name", TEXTS)
def test_after_prose_was_learned_the_bound_still_holds_for_other_text(name, encoding):
    estimator = Estimator()
    prose = text("english")
    for at in range(0, 8_000, 500):
        part = prose[at : at + 500]
        estimator.learn(request(part), len(encoding.encode(part)) + 8)
    count = len(encoding.encode(text(name)))
    if name in {"chinese", "hindi", "numbers", "json", "emoji"}:
        assert estimator.bound(request(text(name))) >= 0.6 * count  # another kind of text: the next reply corrects it
    else:
        assert estimator.bound(request(text(name))) >= count


def test_what_is_observed_brings_the_bound_closer():
    estimator = Estimator()
    prompt = "some words of a prompt " * 50
    before = estimator.bound(request(prompt))
    for _ in range(20):
        estimator.learn(request(prompt), 250)
    after = estimator.bound(request(prompt))
    assert 250 <= after < before
    assert estimator.likely(request(prompt)) == pytest.approx(250, abs=2)


def test_a_count_above_the_bound_raises_it_at_once():
    estimator = Estimator()
    prompt = "x" * 1_000
    estimator.learn(request(prompt), 2_000)
    assert estimator.bound(request(prompt)) >= 2_000


def test_small_prompts_and_missing_counts_teach_nothing():
    estimator = Estimator()
    before = estimator.bound(request("x" * 1_000))
    estimator.learn(request("hi"), 500)
    estimator.learn(request("x" * 1_000), 0)
    assert estimator.bound(request("x" * 1_000)) == before


def test_each_message_and_a_schema_add_their_own():
    plain = Estimator().bound(request("hello"))
    assert Estimator().bound(request("hello", schema='{"type":"object"}')) > plain + 300
    two = Request(model="m", messages=(Message("system", ""), Message("user", "hello")))
    assert Estimator().bound(two) > plain


def test_half_a_surrogate_pair_can_be_counted():
    assert Estimator().bound(request("\udc80" * 10)) > 0
