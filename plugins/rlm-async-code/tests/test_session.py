"""What the functions for repositories find: held against `ast` on real modules, and by hand in other languages."""

from __future__ import annotations

import ast
import subprocess

import pytest
from rlm_async.core.context import Context, Document
from rlm_async_code import profile
from rlm_async_code.loading import HISTORY, history

CODE = profile()
MODULES = ("argparse.py", "dataclasses.py", "json/decoder.py", "textwrap.py", "tokenize.py", "typing.py")


@pytest.mark.parametrize("module", MODULES)
def test_definitions_are_those_of_the_syntax_tree(session, module):
    text = (CODE.data / module).read_text("utf-8")
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    wanted = {(n.name, n.end_lineno) for n in ast.walk(ast.parse(text)) if isinstance(n, kinds)}
    found = {(s["name"], s["end_line"]) for s in session(CODE, {module: text})["symbols"]()}
    assert {name for name, _ in found} == {name for name, _ in wanted}
    assert len(found & wanted) >= 0.97 * len(wanted)


@pytest.mark.parametrize("module", MODULES)
def test_call_sites_are_those_of_the_syntax_tree(session, module):
    text = (CODE.data / module).read_text("utf-8")
    names = session(CODE, {module: text})
    wanted = {}
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute):
            name = node.func.id if isinstance(node.func, ast.Name) else node.func.attr
            wanted.setdefault(name, set()).add(node.func.end_lineno)
    for name in sorted(wanted)[:40]:
        found = {call["line"] for call in names["calls"](name)}
        inside = {line for line in found if "f'" in text.splitlines()[line - 1] or 'f"' in text.splitlines()[line - 1]}
        missed = {line for line in wanted[name] - found if "{" not in text.splitlines()[line - 1]}
        assert not missed, name
        assert found - inside <= wanted[name], name


OTHERS = {
    "a.js": (
        "export async function load(a) {\n  return run(a);\n}\nclass Box extends Base {\n  open(x) {\n    // run(9)\n    run(x);\n  }\n}\nconst go = (a) => {\n  run(a)\n}\n",
        ["load", "Box", "Box.open", "go"],
        [2, 7, 11],
    ),
    "b.go": (
        "package b\n\nfunc (s *Server) Start(n int) error {\n\treturn run(n)\n}\n\ntype Server struct {\n\tname string\n}\n",
        ["Start", "Server"],
        [4],
    ),
    "c.rs": (
        "pub fn start<T>(x: T) -> u8 {\n    run(x)\n}\nimpl Server {\n    fn stop(&self) { run(self) }\n}\n",
        ["start", "Server", "Server.stop"],
        [2, 5],
    ),
    "D.java": (
        "public class D {\n  private static int go(int x) throws E {\n    return run(x);\n  }\n}\n",
        ["D", "D.go"],
        [3],
    ),
    "e.c": ("#include <stdio.h>\nstatic int go(int x)\n{\n  if (x) { return run(x); }\n  return 0;\n}\n", ["go"], [4]),
    "f.rb": ("class F\n  def go(x)\n    run(x)\n  end\nend\n", ["F", "F.go"], [3]),
    "g.sh": ("#!/bin/sh\ngo() {\n  echo run\n}\n", ["go"], []),
}


@pytest.mark.parametrize("name", OTHERS)
def test_other_languages_are_read_by_their_heads(session, name):
    text, symbols, lines = OTHERS[name]
    names = session(CODE, {name: text})
    assert [s["qualified"] for s in names["symbols"]()] == symbols
    assert [c["line"] for c in names["calls"]("run")] == lines


def test_what_stands_in_strings_and_comments_is_no_code(session):
    text = 'def f():\n    """run(1)"""\n    # run(2)\n    x = "run(3)"\n    return run(4)\n'
    names = session(CODE, {"a.py": text})
    assert [(c["line"], c["inside"]) for c in names["calls"]("run")] == [(5, "f")]
    assert len(names["bare"]("a.py")) == len(text)
    assert names["bare"]("a.py").count("\n") == text.count("\n")


def test_sources_uses_imports_and_places(session):
    text = "import os, sys\nfrom .a import b as c\n\n\nclass A:\n    def go(self):\n        return c(self)\n\n\ndef go():\n    return A().go()\n"
    names = session(
        CODE, {"p/a.py": text, "p/b.js": "import x from './y'\nconst z = require('w')\n// import q from 'q'\n"}
    )
    assert [i["module"] for i in names["imports"]()] == ["os", "sys", ".a", "./y", "w"]
    assert [s["qualified"] for s in names["source"]("go")] == ["A.go", "go"]
    assert names["source"]("A.go")[0]["text"] == "def go(self):\n        return c(self)"
    assert [u["line"] for u in names["uses"]("c")] == [2, 7]
    assert names["symbol_at"]("p/a.py", 7)["qualified"] == "A.go"
    assert [c["exact"] for c in names["calls"]("A.go")] == [False]
    assert names["symbols"](name="A")[0]["signature"] == "class A"


@pytest.fixture
def repository(tmp_path):
    def git(*arguments):
        subprocess.run(["git", "-C", str(tmp_path), *arguments], check=True, capture_output=True)

    git("init", "-q")
    git("config", "user.name", "Ann")
    git("config", "user.email", "ann@example.org")
    git("config", "core.fsmonitor", f"touch {tmp_path}/ran; false")
    for number, message in enumerate(["Begin", "Mend the gate\n\nIt was open."]):
        (tmp_path / "a.py").write_text(f"x = {number}\n")
        git("add", "a.py")
        git("commit", "-q", "--no-verify", "-m", message)
    return tmp_path


def test_a_folder_of_a_repository_brings_its_history(session, repository):
    (repository / "ran").unlink(missing_ok=True)
    context = Context((Document("a.py", "x = 1\n"),), "corpus", folders=(str(repository),))
    made = CODE.prepare(context)
    assert [d.name for d in made] == ["a.py", HISTORY]
    assert not (repository / "ran").exists(), "a repository's settings made git run a program"
    assert CODE.prepare(made) is made
    commits = session(CODE, made)["history"]()
    assert [(c["subject"], c["body"], c["author"], c["files"]) for c in commits] == [
        ("Mend the gate", "It was open.", "Ann", {"a.py": "M"}),
        ("Begin", "", "Ann", {"a.py": "A"}),
    ]
    assert [c["subject"] for c in session(CODE, made)["history"](path="a.py", words="gate")] == ["Mend the gate"]


def test_without_a_repository_the_model_is_told(session, tmp_path, capsys):
    context = Context((Document("a.py", "x = 1\n"),), "corpus", folders=(str(tmp_path),))
    assert CODE.prepare(context) is context
    assert history(tmp_path / "absent") == ""
    assert session(CODE, context)["history"]() == []
    assert "This input has no history" in capsys.readouterr().out
