"""The estimate is near the real counts, and the bound is never below them."""

from __future__ import annotations

import argparse
import base64
import inspect
import json
import random
import typing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlm_async.core.tokens import SLICE, SLICES, estimate_tokens, estimate_tokens_of, tokens_at_most
from tests.contexts.passages import ARABIC, CHINESE, ENGLISH, GERMAN, HINDI, JAPANESE, RUSSIAN

CHANCE = random.Random(7)


def record(number):
    return {"id": number, "name": f"user_{number}", "score": round(CHANCE.random() * 100, 2), "tags": ["alpha", "beta"]}


NEAR = {
    "English": ENGLISH,
    "Python": inspect.getsource(argparse),
    "typing": inspect.getsource(typing),
    "JSON": json.dumps([record(n) for n in range(300)]),
    "indented JSON": json.dumps([record(n) for n in range(300)], indent=2),
    "CSV of numbers": "\n".join(",".join(f"{CHANCE.random() * 1000:.3f}" for _ in range(8)) for _ in range(300)),
    "integers": " ".join(str(CHANCE.randrange(10**6)) for _ in range(3000)),
    "log": "\n".join(
        f"2024-03-{n % 28 + 1:02}T12:{n % 60:02}:07Z INFO [worker-{n % 8}] id={CHANCE.getrandbits(64):016x} path=/v1/users/{n} status=200"
        for n in range(300)
    ),
}
ABOUT = {"Chinese": CHINESE, "Japanese": JAPANESE, "German": GERMAN}
FAR = {
    "Russian": RUSSIAN,
    "Hindi": HINDI,
    "Arabic": ARABIC,
    "base64": base64.b64encode(CHANCE.randbytes(9000)).decode(),
    "hex": CHANCE.randbytes(6000).hex(),
    "letters": "".join(CHANCE.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(5000)),
    "DNA": "".join(CHANCE.choice("ACGT") for _ in range(5000)),
    "capitals": ENGLISH.upper(),
    "punctuation": "".join(CHANCE.choice("!@#$%^&*()_+-=[]{}|;':,./<>?~`") for _ in range(5000)),
    "single digits": " ".join(str(CHANCE.randrange(10)) for _ in range(3000)),
    "single letters": " ".join(CHANCE.choice("abcdefghxyz") for _ in range(3000)),
    "identifiers": " ".join(
        f"{CHANCE.choice('abcxyz')}{CHANCE.randrange(10)}{CHANCE.choice('abcxyz')}" for _ in range(2000)
    ),
    "chess": " ".join(
        f"{n}. {CHANCE.choice('NBRQK')}{CHANCE.choice('abcdefgh')}{CHANCE.randrange(1, 9)}" for n in range(900)
    ),
    "emoji": "".join(CHANCE.choice("😀😂🔥🎉👍🏽🇩🇪👩‍💻❤️✨🚀") for _ in range(900)),
    "Ethiopic": "".join(chr(CHANCE.randrange(0x1200, 0x1380)) for _ in range(900)),
    "indentation": ("    x\n\t\ty\n\n" + " " * 40 + "z\n") * 300,
    "a table": ("| " + " | ".join(word.ljust(10) for word in ("yes", "no", "n/a", "12.5%", "total")) + " |\n") * 90,
}


def error(text, count):
    return abs(estimate_tokens(text) / count(text) - 1)


@pytest.mark.parametrize("kind", NEAR)
def test_the_estimate_is_within_15_percent_for_english_code_data_and_numbers(kind, tokenizers):
    assert max(error(NEAR[kind], count) for count in tokenizers) <= 0.15


@pytest.mark.parametrize("kind", ABOUT)
def test_the_estimate_is_within_30_percent_for_chinese_japanese_and_german(kind, tokenizers):
    assert max(error(ABOUT[kind], count) for count in tokenizers) <= 0.30


@pytest.mark.parametrize("kind", [*NEAR, *ABOUT, *FAR])
def test_the_bound_is_never_below_a_real_count(kind, tokenizers):
    text = (NEAR | ABOUT | FAR)[kind]
    assert tokens_at_most(text) >= max(count(text) for count in tokenizers)


@pytest.mark.parametrize("kind", ["English", "Python", "JSON", "log"])
def test_the_bound_is_no_more_than_2_6_times_the_truth_where_it_matters(kind, tokenizers):
    assert tokens_at_most(NEAR[kind]) <= 2.6 * min(count(NEAR[kind]) for count in tokenizers)


def test_510_contracts_are_estimated_within_15_percent_and_bounded_one_by_one(shared, tokenizers):
    files = sorted((shared / "data" / "cuad" / "full_contract_txt").glob("*.txt"))[::10]
    texts = [file.read_text("utf-8", errors="replace") for file in files]
    counts = [tokenizers[-1](text) for text in texts]
    assert abs(estimate_tokens_of(texts) / sum(counts) - 1) <= 0.15
    assert all(tokens_at_most(text) >= count for text, count in zip(texts, counts, strict=True))


def test_a_long_text_is_estimated_from_slices_of_all_its_parts():
    half = SLICES * SLICE
    mixed = estimate_tokens(ENGLISH * (half // len(ENGLISH)) + CHINESE * (half // len(CHINESE)))
    parts = estimate_tokens(ENGLISH * (half // len(ENGLISH))) + estimate_tokens(CHINESE * (half // len(CHINESE)))
    assert abs(mixed / parts - 1) < 0.15


def test_among_many_texts_the_long_ones_weigh_by_their_length():
    texts = ["a, b. c!\n"] * 500 + [ENGLISH * 1000]
    assert (
        abs(estimate_tokens_of(texts) / (500 * estimate_tokens(texts[0]) + 1000 * estimate_tokens(ENGLISH)) - 1) < 0.15
    )


def test_nothing_is_no_tokens():
    assert estimate_tokens("") == estimate_tokens_of([]) == estimate_tokens_of(["", ""]) == tokens_at_most("") == 0


@given(st.text(max_size=300))
def test_the_bound_is_never_above_the_bytes_and_holds_for_any_text(text):
    assert estimate_tokens(text) >= 0
    assert (1 if text else 0) <= tokens_at_most(text) <= len(text.encode("utf-8", "surrogatepass"))
