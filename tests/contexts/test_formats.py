"""What a text looks like, from its beginning."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlm_async.core.formats import HEAD, looks_like
from tests.contexts.passages import ENGLISH

ROWS = [{"id": n, "name": "x" * 40} for n in range(2000)]
LONG_PROSE = ENGLISH * 3


@pytest.mark.parametrize(
    ("text", "name", "expected"),
    [
        ("\n".join(map(json.dumps, ROWS)), "", "JSON Lines, one object a line with keys id, name"),
        ("[1, 2]\n[3, 4]\n", "", "JSON Lines"),
        (json.dumps(ROWS[:5]), "", "JSON, a list of 5 items with keys id, name"),
        (json.dumps(ROWS), "", "JSON, a list with keys id, name"),
        (json.dumps(ROWS, indent=1), "", "JSON, a list with keys id, name"),
        (json.dumps({"a": 1, "b": {}}), "", "JSON, an object with keys a, b"),
        (json.dumps({"a": "x" * HEAD}), "", "JSON, an object"),
        ("name,age\nAnn,34\nBob,27\n", "", "CSV with columns name, age"),
        ('name,note\nAnn,"a, b\nand c"\nBob,x\n', "people.csv", "CSV with columns name, note"),
        ("a\tb\n1\t2\n", "", "TSV with columns a, b"),
        ("1;2\n" * 9, "", "CSV (separated by ;) with 2 columns and no header"),
        ("# Title\n\nSome words.\n\n- one\n- two\n", "", "Markdown"),
        ("2024-03-01T12:00:01 INFO a\n" * 20, "", "log lines with time stamps"),
        ('1.2.3.4 - - [10/Oct/2023:13:55:36 +0000] "GET /"\n' * 20, "", "log lines with time stamps"),
        ("import os\n\ndef f(x):\n    return x\n\nclass A:\n    pass\n", "", "Python source"),
        (
            "int main() {\n  int x = 1;\n  return x;\n}\n\nvoid f() {\n  g();\n  h();\n  k(1, 2);\n}\n",
            "",
            "source code",
        ),
        ("anything", "src/main.rs", "Rust source"),
        ("a: 1\n", "x.yml", "YAML"),
        ("#!/usr/bin/env python3\nx\n", "", "Python source"),
        ("#!/bin/bash\nx\n", "", "shell source"),
        ("<?xml version='1.0'?><a/>", "", "XML"),
        ("<!DOCTYPE html><p>x", "", "HTML"),
        (LONG_PROSE, "", "plain text"),
        (" \n ", "", "empty"),
    ],
)
def test_a_text_is_known_by_its_look(text, name, expected):
    assert looks_like(text, name) == expected


def test_many_columns_are_not_all_named():
    assert looks_like(",".join(f"c{n}" for n in range(50)) + "\n" + ",".join("x" * 50) + "\n").endswith(
        "c11, and 38 more"
    )


@pytest.mark.parametrize("text", ["[" * 20_000, "[" * (HEAD + 10), "{" * 9, "[" + "9" * 5000 + "]", '{"a": ' * 20_000])
def test_input_that_breaks_parsers_is_only_not_recognised(text):
    assert isinstance(looks_like(text), str)


@given(st.text(max_size=500), st.text(max_size=30))
def test_any_text_gets_a_phrase(text, name):
    assert looks_like(text, name)
