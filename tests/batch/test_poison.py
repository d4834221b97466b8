"""Items that are huge, binary, empty or hostile are named; the others do not notice."""

from __future__ import annotations

import json
import os

import pytest

from rlm_async.batch import tables
from rlm_async.batch.sources import Form, items_of
from rlm_async.batch.tables import rows
from rlm_async.batch.template import Template

GOOD = 152
CODE = """```repl
answer["content"] = llm_query("which? " + context)
answer["ready"] = True
```"""
ESCAPE = """```repl
import os
os.kill(os.getppid(), 9)
```"""
BOMB = """```repl
x = []
while True:
    x.append("x" * 10_000_000)
```"""


def read(path, template=None):
    return list(items_of(rows(path), Form(template)))


@pytest.mark.timeout(200)
def test_five_percent_poison_harms_nobody(command, endpoint, tmp_path):
    (tmp_path / "binary.bin").write_bytes(bytes(range(256)) * 100)
    with (tmp_path / "huge.txt").open("wb") as huge:
        huge.truncate(3_000_000_000)  # a hole: it takes no room on the disk
    poison = [
        b'{"id": "binary", "question": "\xff\xfe\x00\x81"}',
        b'{"id": "empty", "question": "  "}',
        json.dumps({"id": "file", "question": "x?", "paths": [str(tmp_path / "binary.bin")]}).encode(),
        json.dumps({"id": "huge", "question": "x?", "paths": [str(tmp_path / "huge.txt")]}).encode(),
        b"[" * 100_000,
    ]
    hostile = [json.dumps({"id": f"hostile-{kind}", "question": kind}).encode() for kind in ("escape", "bomb")]
    good = [json.dumps({"id": f"g{n}", "question": "which?", "context": f"n{n}"}).encode() for n in range(GOOD)]
    lines = [*good[:30], *poison, *good[30:50], *hostile, *good[50:]]
    with (tmp_path / "q.jsonl").open("wb") as file:
        file.write(b"\n".join(lines) + b"\n")
        file.seek(tables.LONGEST_ROW + 100, os.SEEK_CUR)  # a row that is too long, a hole as well
        file.write(b"\n")

    def play(asked):
        if asked.body["messages"][0]["role"] != "system":
            return asked.prompt.rpartition(" ")[2]
        text = " ".join(message["content"] for message in asked.body["messages"])
        return ESCAPE if "escape" in text.split() else BOMB if "bomb" in text.split() else CODE

    out = tmp_path / "r.jsonl"
    served = endpoint(play)
    done = command(
        "batch", tmp_path / "q.jsonl", "-o", out, "--strategy", "repl", "--limit", "turns=2", *served.options
    )  # fmt: skip
    found = {line["id"]: line for line in map(json.loads, out.read_text().splitlines())}
    assert len(found) == len(lines) + 1 == GOOD + 8, done.stderr
    for n in range(GOOD):
        assert (found[f"g{n}"]["status"], found[f"g{n}"]["text"]) == ("complete", f"n{n}")
    bad = {name: line for name, line in found.items() if line["status"] != "complete"}
    assert {"empty", "file", "huge", "hostile-escape", "hostile-bomb"} <= set(bad)
    assert len(bad) == 8
    assert done.returncode == 1
    assert "no question" in bad["empty"]["error"]
    assert "binary.bin" in bad["file"]["error"]
    assert "huge.txt" in bad["huge"]["error"]
    assert any("longer than 256 MB" in line["error"] for line in bad.values())


def test_a_line_that_is_too_long_is_named_and_skipped(tmp_path, monkeypatch):
    monkeypatch.setattr(tables, "LONGEST_ROW", 100)
    path = tmp_path / "q.jsonl"
    path.write_text('{"question": "a?"}\n' + "x" * 1_000 + '\n{"question": "b?"}\n')
    first, second, third = read(path)
    assert (first.question, third.question) == ("a?", "b?")
    assert "row 2: longer than" in second.fault


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("nonsense", "not a line of JSON"),
        ('"just a text"', "a str, where a JSON object is wanted"),
        ('{"question": 7}', "no question"),
        ('{"question": "x", "paths": "[broken"}', "begin like a JSON list"),
        ('{"question": "x", "paths": [1]}', "not a list of file names"),
        ('{"question": "x", "context": 5}', "a context is"),
        ('{"id": "a\\u001b[2J", "question": "x"}', "cannot be shown"),
        ('{"question": "x", "context": "\\ud800"}', "JSON"),
    ],
)
def test_what_is_wrong_with_a_row_is_said(text, says, tmp_path):
    path = tmp_path / "q.jsonl"
    path.write_text(f"{text}\n")
    (item,) = read(path)
    assert says in item.fault


def test_csv_rows_that_are_none_are_named(tmp_path):
    path = tmp_path / "q.csv"
    path.write_bytes(b'\xef\xbb\xbfid;question\na;"two\nlines?"\nb\nc;\xff\xfe\nd;fine?\n')
    items = read(path)
    assert [(item.id, item.question) for item in items if not item.fault] == [("a", "two\nlines?"), ("d", "fine?")]
    assert [item.fault for item in items if item.fault] == [
        "row 2: 1 cells under 2 columns",
        "row 3: not text in UTF-8",
    ]


def test_a_template_evaluates_nothing(tmp_path):
    path = tmp_path / "q.jsonl"
    path.write_text('{"name": "{secret.__class__}", "secret": "s"}\n')
    (item,) = read(path, Template("who is {name}? {{literally}}"))
    assert item.question == "who is {secret.__class__}? {literally}"
    (item,) = read(path, Template("{missing}"))
    assert "no field 'missing'" in item.fault
    (item,) = read(path, Template("{name.__class__}"))
    assert "no field 'name.__class__'" in item.fault
