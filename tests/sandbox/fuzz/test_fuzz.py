"""Programs and bytes that nobody has thought of: nothing comes out, and what is accepted means what it means in Python."""

# ruff: noqa: SIM905  # vocabularies read best as words

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rlm_async.sandbox.wire import frame
from tests.sandbox.fuzz import targets

ROOT = Path(__file__).resolve().parents[3]
SEEDS = tuple(source for source in targets.seeds() if len(source) < 400)
pytestmark = pytest.mark.filterwarnings("ignore::hypothesis.errors.HypothesisWarning")
QUIET = {"deadline": None, "suppress_health_check": list(HealthCheck)}

NUMBERS = st.sampled_from("a b 0 1 2 7 -3 len(xs) len(s) sum(xs) d.get('a',0) int(a/2) max(a,b) xs[0] f(a) o.n".split())
TEXTS = st.sampled_from(
    "s t 'x' f'{a}' s.upper() ','.join(t) str(b) s[1:] s[::-1] s.replace('a','bb') t.strip() repr(s) '%d'%a".split()
)
LISTS = st.sampled_from(
    "xs [a,b] [i*i for i in xs] sorted(xs) list(range(3)) xs[1:] s.split('a') list(d) [*xs,a] list(map(abs,xs)) "
    "[x for x in xs if x%2] list(zip(xs,s)) list(enumerate(s)) sorted(xs,key=lambda v:-v)".split()
)
TESTS = st.sampled_from(
    "a<b s==t a 'a' in s xs d not xs a==b isinstance(a,int) any(xs) a in xs s.startswith('a')".split()
)
OPERATORS = st.sampled_from("+ - * // % ** & | ^ < == / >> <<".split())
SIMPLE = st.one_of(
    st.builds("a = {} {} {}".format, NUMBERS, OPERATORS, NUMBERS),
    st.builds("b {}= {}".format, st.sampled_from("+ - * // % | &".split()), NUMBERS),
    st.builds("s = {} + {}".format, TEXTS, TEXTS),
    st.builds("t = f'{{{}}}-{{{}!r}}-{{a:>4}}'".format, NUMBERS, NUMBERS),
    st.builds("xs = [x for x in {} if isinstance(x, int)] or [1]".format, LISTS),
    st.builds("d[{}] = {}".format, TEXTS, NUMBERS),
    st.builds("d[{}] += {}".format, TEXTS, NUMBERS),
    st.builds("xs[{}] *= {}".format, NUMBERS, NUMBERS),
    st.builds("o.n += {}".format, NUMBERS),
    st.builds("xs.append({})".format, NUMBERS),
    st.builds("print({}, {}, {})".format, NUMBERS, TEXTS, LISTS),
    st.builds("print({} if {} else {})".format, NUMBERS, TESTS, TEXTS),
    st.builds("a, *xs = {} or [1]".format, LISTS),
    st.builds("del xs[{}]".format, NUMBERS),
    st.builds("print('{{}}|{{:>5}}|{{0!r}}'.replace('{{0!r}}', '').format({}, {}))".format, NUMBERS, TEXTS),
    st.builds("assert {}, {}".format, TESTS, TEXTS),
    st.builds("if (w := {}): print(w)".format, NUMBERS),
)


def _block(header, body):
    return header + ":\n" + "\n".join("    " + line for statement in body for line in statement.split("\n"))


def _blocks(inner):
    body = st.lists(inner, min_size=1, max_size=3)
    return st.one_of(
        st.builds(lambda test, body: _block(f"if {test}", body), TESTS, body),
        st.builds(lambda many, body: _block(f"for i in {many}[:4]", body), LISTS, body),
        st.builds(lambda body, rest: _block("try", body) + "\n" + _block("except (ValueError, KeyError) as e", rest), body, body),
        st.builds(lambda body, rest: _block("try", body) + "\n" + _block("finally", rest), body, body),
        st.builds(lambda body: _block("def g(a, b=2, *xs)", [*body[:1], "return a"]) + "\nprint(g(a))", st.just(["pass"])),
        st.builds(
            lambda value, body: f"match {value}:\n" + "\n".join(
                "    " + line for line in _block("case int(q) if q > 1", body).split("\n")
            ) + "\n    case [p, *_]:\n        print(p)\n    case _:\n        print('else')",
            st.one_of(NUMBERS, LISTS), body,
        ),
    )  # fmt: skip


PROGRAMS = st.lists(st.recursive(SIMPLE, _blocks, max_leaves=4), min_size=1, max_size=8)
BEFORE = """class O:
    def __init__(self): self.n = 1
def f(x):
    return x + 1
a, b, s, t, xs, d, o = 3, 5, 'banana', ' pear ', [4, 1, 3], {'a': 1}, O()
"""
AFTER = "\nprint(a, b, s, t, xs, d, o.n)"


@settings(max_examples=150, **QUIET)
@given(PROGRAMS)
def test_an_accepted_program_does_what_plain_python_does(program):
    targets.same_as_plain(BEFORE + "\n".join(program) + AFTER)


def test_the_comparison_sees_a_difference():
    with pytest.raises(AssertionError):
        targets.same_as_plain("try:\n    open\nexcept NameError:\n    print('plain')")


@st.composite
def mutants(draw):
    """An attack with a part of another one in it."""
    one, two = draw(st.sampled_from(SEEDS)), draw(st.sampled_from(SEEDS))
    start, end = sorted(draw(st.tuples(st.integers(0, len(one)), st.integers(0, len(one)))))
    first, last = sorted(draw(st.tuples(st.integers(0, len(two)), st.integers(0, len(two)))))
    return one[:start] + two[first:last] + one[end:]


@settings(max_examples=150, **QUIET)
@given(mutants())
def test_no_mutant_of_an_attack_gains_anything(source):
    targets.policy(source, seconds=0.2)


@st.composite
def broken_frames(draw):
    """Messages of ours with bytes changed, left out and put in."""
    data = bytearray(
        b"".join(frame(message) for message in draw(st.lists(st.sampled_from(targets.FRAMES), min_size=1, max_size=3)))
    )
    for place, value, kind in draw(
        st.lists(st.tuples(st.integers(0, 200), st.integers(0, 255), st.integers(0, 2)), max_size=4)
    ):
        at = place % len(data)
        data[at : at + (kind > 0)] = bytes([value]) * (kind < 2)
        if not data:
            break
    return bytes(data)


@settings(max_examples=400, **QUIET)
@given(broken_frames())
def test_a_broken_frame_is_a_message_or_a_violation(data):
    targets.frames(data)
    targets.message(data[4:])


@pytest.mark.slow
@pytest.mark.parametrize("name", ["policy", "wire"])
def test_atheris_finds_nothing_in_a_few_seconds(name, tmp_path):
    if importlib.util.find_spec("atheris") is None:
        pytest.skip("atheris is not installed: pip install --group fuzz")
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "tests.sandbox.fuzz.run", name, "3"],
        cwd=tmp_path, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False, timeout=100,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    assert not list(tmp_path.glob("crash-*"))
