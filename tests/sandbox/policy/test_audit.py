"""The self-audit finds no way out, and would find one."""

from __future__ import annotations

import sys

import pytest

from rlm_async.sandbox.policy import Guards, audit, is_hidden
from tests.sandbox.policy.conftest import Repl
from tests.sandbox.policy.language import FEATURES


def test_nothing_that_the_guards_hand_out_is_a_way_out(repl):
    assert audit(repl.names) == []


def test_nothing_that_ordinary_code_makes_is_a_way_out(repl):
    made = {}
    for count, source in enumerate(FEATURES.values()):
        repl.run(KEPT)
        repl.run(source)
        for name in [name for name in repl.names if not is_hidden(name)]:
            made[f"{name}_{count}"] = repl.names.pop(name)
    assert len(made) > 500
    assert audit({**repl.names, **made}) == []


KEPT = """
kept = []
def g():
    yield 1
class A:
    def f(self): return 1
    @property
    def p(self): return 2
async def c():
    yield 1
kept += [g(), g, A, A(), A().f, A.f, c, c(), lambda: 0, [].append, 'a'.join, str.join, map(str, [1]), iter([1]), type(g)]
try:
    1 / 0
except Exception as e:
    kept.append(e)
"""


class Leaky:
    def __init__(self, value):
        self.value = value


@pytest.mark.parametrize(
    "leak",
    [sys, type, object, [open], (lambda: 0).__code__, sys._getframe(), {"__builtins__": 1}, [[sys]], {"a": (sys,)}],
)
def test_a_leak_is_found_wherever_it_lies(leak):
    direct = Guards(lambda text: None, modules={"host": {"gift": leak}})
    behind = Guards(
        lambda text: None,
        {"give": lambda: 1},
        types={Leaky: frozenset({"value"})},
        modules={"host": {"gift": Leaky(leak)}},
    )
    for guards in (direct, behind):
        assert any("gift" in path for path in audit(guards.namespace()))


def test_a_leak_in_a_variable_of_the_code_is_found():
    repl = Repl()
    repl.names["x"] = {"deep": [Leaky, (1, sys)]}
    assert audit(repl.names) == ["x['deep'][1][1]"]
