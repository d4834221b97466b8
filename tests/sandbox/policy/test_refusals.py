"""What is refused is refused with a text that says what to write instead."""

from __future__ import annotations

import sys

import pytest

from rlm_async.sandbox.policy import PolicyError, compile_cell

REFUSED = {
    "open('x').read()": "there are no files here",
    "eval('1')": "json.loads",
    "exec('x = 1')": "block of its own",
    "__import__('os')": "import statement",
    "input()": "llm_query",
    "exit()": "let the block end",
    "x = ().__class__": "type\\(x\\)",
    "class A: pass\nA().__dict__": "vars\\(obj\\)",
    "'a'.__len__": "len\\(x\\)",
    "class A:\n    def __getattr__(self, n): pass": "keep a dict",
    "class A:\n    def __new__(cls): pass": "__init__",
    "class A(dict): pass": "keep one in an attribute",
    "class A(metaclass=type): pass": "class decorator",
    "type('A', (), {})": "class statement",
    "from re import *": "name what you need",
    "from . import x": "no package",
    "def f():\n    f.calls = 1\nf()": "variable or an object",
    "import math\nmath.pi = 3": "read-only",
    "print = 1": "choose another name",
    "_getattr_ = 1": "reserved",
    "try:\n    pass\nfinally:\n    for i in []:\n        continue\n    if 1:\n        breakpoint()\n": "use print",
    "while 1:\n    try:\n        pass\n    finally:\n        break": "finally",
    "try:\n    pass\nexcept* ValueError:\n    pass": "`except` with",
    "(x for x in []).throw(ValueError)": "no attribute 'throw'",
    "import io\nwith io: pass": "with statement",
    "await iter([])": "cannot be awaited",
    "async for x in 5: pass": "plain for loop",
    "match 1:\n    case int(real=r): pass": "int\\(\\) as name",
    "import json\njson.dumps(1, cls=int)": "json.dumps\\(cls=...\\)",
    "lambda: super()": "inside a method|super\\(\\)",
    "setattr(5, 'x', 1)": "class of your own",
}


@pytest.mark.parametrize("source", REFUSED)
def test_a_refusal_says_what_to_do(source, repl):
    with pytest.raises((PolicyError, AttributeError), match=REFUSED[source]):
        repl.run(source)


@pytest.mark.parametrize(
    ("source", "hint"),
    [
        ("import os", "no files"),
        ("import os.path", "rpartition"),
        ("import sys", "print"),
        ("import numpy as np", "statistics"),
        ("import pandas", "csv"),
        ("import requests", "network"),
        ("import pickle", "json"),
        ("import threading", "llm_query_batched"),
        ("import nothing_like_it", "Available: .*collections"),
        ("from collections import Countr", "Counter"),
        ("from math import nothing", "it offers"),
    ],
)
def test_an_import_that_fails_says_what_there_is(source, hint, repl):
    with pytest.raises(ImportError, match=hint):
        repl.run(source)


def test_an_attribute_that_a_module_lacks_names_those_it_has(repl):
    with pytest.raises(AttributeError, match="findall"):
        repl.run("import re\nre.nothing")


def test_all_refusals_of_a_cell_are_told_with_their_lines():
    with pytest.raises(PolicyError, match=r"Line 1: .*; Line 3: ") as caught:
        compile_cell("x = ().__class__\ny = 1\nz = y.__dict__", "<cell 1>")
    assert "vars(obj)" in str(caught.value)


def test_what_no_python_accepts_is_a_syntax_error():
    for source in ("x = (", "def f(:", "\0", "x = '\ud800'", "return 1 +"):
        with pytest.raises((SyntaxError, PolicyError)):
            compile_cell(source, "<cell 1>")
    with pytest.raises(SyntaxError):
        compile_cell("yield = 1", "<cell 1>")


def test_too_long_too_large_and_too_deep_are_refused_before_they_are_visited():
    with pytest.raises(PolicyError, match="characters"):
        compile_cell("x = 1\n" * 50_000, "<cell 1>")
    with pytest.raises(PolicyError, match="too large"):
        compile_cell("f()\n" * 45_000, "<cell 1>")
    for bomb in ("+".join(["1"] * 3000), "(" * 61 + "1" + ")" * 61, "-" * 200 + "1"):
        with pytest.raises(MemoryError, match="nested"):
            compile_cell(f"x = {bomb}", "<cell 1>")


def test_brackets_in_texts_and_long_chains_are_no_nesting():
    for honest in ("'" + "(" * 300 + "'", f"[{'(1, 2), ' * 300}]", "f(\n" + " " * 60 + "1)", "1  # " + "[" * 99):
        compile_cell(f"x = {honest}", "<cell 1>")


def test_a_chain_of_a_hundred_terms_and_forty_elifs_is_not_too_deep(repl):
    repl.run("x = " + " + ".join(["'a'"] * 100))
    repl.run("n = 5\nif n == 0: pass\n" + "".join(f"elif n == {i}: pass\n" for i in range(1, 60)))
    assert repl.names["x"] == "a" * 100


@pytest.mark.skipif(sys.version_info < (3, 12), reason="newer syntax")
@pytest.mark.parametrize("source", ["type X = int", "def f[T](x: T): pass", "class A[T]: pass"])
def test_syntax_of_newer_pythons_is_refused_by_default(source):
    with pytest.raises(PolicyError, match="annotations are ignored"):
        compile_cell(source, "<cell 1>")


def test_syntax_that_the_grammar_does_not_know_is_refused():
    import ast

    from rlm_async.sandbox.policy.patterns import Grammar

    class Unheard(ast.stmt):
        _fields = ()

    grammar = Grammar()
    grammar.visit(ast.Module(body=[Unheard(lineno=1, col_offset=0)], type_ignores=[]))
    assert grammar.errors == ["Line 1: Unheard syntax is not available in this sandbox"]


def test_every_expression_and_statement_node_of_this_python_has_a_visitor_or_is_refused():
    import ast

    from rlm_async.sandbox.policy.patterns import Grammar

    refused = {"TryStar", "TypeAlias", "TemplateStr", "Interpolation", "Interactive", "FunctionType", "Suite"}
    kinds = [
        kind
        for base in (ast.expr, ast.stmt, ast.pattern)
        for kind in base.__subclasses__()
        if kind.__module__ == "ast"
        and kind.__name__ not in {"Num", "Str", "Bytes", "NameConstant", "Ellipsis", "Index", "ExtSlice"}
    ]
    without = {kind.__name__ for kind in kinds if not hasattr(Grammar, f"visit_{kind.__name__}")}
    assert without <= refused | {"Unheard"}
