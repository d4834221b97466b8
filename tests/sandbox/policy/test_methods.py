"""Calls of methods are quick, and still find and do what Python would."""

from __future__ import annotations

import pytest

CLASS = """class A:
    def f(self, x=0): return 'A', x
    def g(self): return 'g'
class B(A):
    pass
a, b = A(), B()
r = [a.f(), a.f(1), a.f(1), b.f(), b.f(2), a.g(), b.g()]
"""
CHANGES = {
    "a method of the class is replaced": ("A.f = lambda self, x=0: ('new', x)", ("new", 1), ("new", 1)),
    "setattr replaces it": ("setattr(A, 'f', lambda self, x=0: ('new', x))", ("new", 1), ("new", 1)),
    "a subclass gets its own": ("B.f = lambda self, x=0: ('B', x)", ("A", 1), ("B", 1)),
    "a subclass's own is deleted again": ("B.f = A.g\nb.f\ndel B.f", ("A", 1), ("A", 1)),
    "an object's own attribute hides it": ("a.f = lambda x: ('own', x)", ("own", 1), ("A", 1)),
    "that attribute is deleted again": ("a.f = len\ndel a.f", ("A", 1), ("A", 1)),
    "a property takes its place": ("A.f = property(lambda self: lambda x: ('property', x))", *[("property", 1)] * 2),
    "a static method takes its place": ("A.f = staticmethod(lambda x: ('static', x))", *[("static", 1)] * 2),
    "a class method takes its place": ("A.f = classmethod(lambda cls, x: (cls.__name__, x))", ("A", 1), ("B", 1)),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_method_that_was_called_before_is_looked_up_anew_once_something_changed(repl, name):
    change, of_a, of_b = CHANGES[name]
    repl.run(CLASS + change)
    assert repl.run("(a.f(1), b.f(1))") == (of_a, of_b)
    plain = {}
    exec(CLASS + change, plain)  # noqa: S102  # what Python makes of the same
    assert (plain["a"].f(1), plain["b"].f(1)) == (of_a, of_b)


def test_a_deleted_method_is_gone(repl):
    repl.run(CLASS + "del A.g")
    with pytest.raises(AttributeError):
        repl.run("a.g()")


def test_objects_without_a_dict_and_of_other_kinds_keep_their_methods(repl):
    repl.run(
        "from typing import NamedTuple\nclass P(NamedTuple):\n    x: int\n    def twice(self): return 2 * self.x\n"
        "p = P(3)\nclass E(Exception):\n    def said(self): return str(self)\ne = E('no')"
    )
    assert repl.run("(p.twice(), p.twice(), e.said(), e.said())") == (6, 6, "no", "no")


@pytest.mark.parametrize(
    ("owner", "expected"),
    [("[1]", [1, 2]), ("collections.deque([1])", [1, 2]), ("A()", ["own", 2]), ("bytearray(b'a')", [97, 2])],
)
def test_append_is_that_of_its_owner(repl, owner, expected):
    repl.run(
        "import collections\nclass A:\n    def __init__(self): self.kept = ['own']\n"
        f"    def append(self, x): self.kept.append(x)\n    def __iter__(self): return iter(self.kept)\nx = {owner}"
    )
    assert repl.run("x.append(2)\nlist(x)") == expected


def test_a_text_method_of_something_else_is_its_own(repl):
    repl.run(
        "class A:\n    def strip(self): return 'stripped'\n    def startswith(self, x): return x\na, s, b = A(), ' x ', b' y '"
    )
    assert repl.run("(a.strip(), s.strip(), b.strip(), a.startswith('q'), s.startswith(' '))") == (
        "stripped", "x", b"y", "q", True,
    )  # fmt: skip


def test_what_an_argument_rebinds_is_rebound_after_the_owner_was_read(repl):
    assert repl.run("x = y = [1]\nx.append((x := 5))\n(x, y)") == (5, [1, 5])
    with pytest.raises(NameError):
        repl.run("nobody.append(1)")
    with pytest.raises(AttributeError):
        repl.run("n = 1\nn.append(1)")


def test_guards_among_the_globals_are_no_variables_and_out_of_reach(repl):
    assert [name for name in repl.run("list(globals())") if "$" in name] == []
    assert repl.run("'$getattr' in globals()") is False
    repl.run("globals()['$getattr'] = 1")
    assert repl.run("(1).real") == 1


def test_a_conversion_that_python_does_not_know_is_an_error(repl):
    with pytest.raises(ValueError, match="Unknown conversion"):
        repl.run("'{!0}'.format(1)")
