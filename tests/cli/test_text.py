"""Text of strangers in a terminal, and numbers for people."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlm_async.cli.amounts import characters, count, duration, money
from rlm_async.cli.text import as_json, one_line, visible


@pytest.mark.parametrize(
    ("harmful", "seen"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]8;;http://evil\x07click\x1b]8;;\x07", "click"),
        ("\x1b]52;c;cm0gLXJm\x1b\\copied", "copied"),
        ("safe\u202etxt.exe", "safetxt.exe"),
        ("a\u2066b\u2069c\u200f", "abc"),
        ("line\r\nnext\ttab", "line\nnext\ttab"),
        ("over\rwrite\x08\x07", "overwrite"),
        ("\x9b2J", "2J"),
        ("tag\U000e0041", "tag"),
        ("half \ud83d pair", "half \ufffd pair"),
        ("Ünïcödé, 日本語, 👩‍👩‍👧", "Ünïcödé, 日本語, 👩‍👩‍👧"),
    ],
)
def test_nothing_that_a_terminal_obeys_is_left(harmful, seen):
    assert visible(harmful) == seen


@given(st.text())
def test_visible_text_holds_no_controls_and_can_be_encoded(text):
    seen = visible(text)
    seen.encode()
    assert not any((ord(c) < 32 and c not in "\n\t") or 0x7F <= ord(c) < 0xA0 for c in seen)


@given(st.text())
def test_json_is_exact_and_encodable(text):
    printed = as_json({"text": text})
    printed.encode()
    assert "\n" not in printed
    assert json.loads(printed) == {"text": text}


def test_json_stays_readable_and_escapes_what_a_terminal_obeys():
    assert as_json({"t": "Zürich \x1b[2J \u202e \x9b"}) == '{"t": "Zürich \\u001b[2J \\u202e \\u009b"}'


@given(st.text(), st.integers(2, 50))
def test_a_label_is_one_line_of_the_length_asked(text, longest):
    label = one_line(text, longest)
    assert len(label) <= longest
    assert len(label.splitlines()) <= 1


def test_numbers_read_well():
    assert [count(n) for n in (0, 999, 1_234, 12_345, 4_500_000)] == ["0", "999", "1,234", "12.3k", "4.5M"]
    assert [count(n, "query") for n in (1, 2)] == ["1 query", "2 queries"]
    assert [duration(s) for s in (0.04, 9.96, 59.6, 185, 7_800)] == [
        "0.0 s",
        "10.0 s",
        "1 min 00 s",
        "3 min 05 s",
        "2 h 10 min",
    ]
    assert [characters(n) for n in (812, 31_200_000)] == ["812 characters", "31.2 million characters"]


def test_money_is_never_rounded_to_nothing_nor_unknown_to_zero():
    assert money(0) == "$0.00"
    assert money(None) == "price unknown"
    assert money(0, unknown=True) == "price unknown"
    assert money(20_000_000, unknown=True) == "$0.0200 + unknown"
    assert money(1_500_000_000) == "$1.50"
    assert money(10_000) == "<$0.0001"
