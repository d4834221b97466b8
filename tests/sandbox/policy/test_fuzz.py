"""Generated programs: whatever they do, nothing worth having comes out, and the guards stay whole."""

# ruff: noqa: SIM905  # vocabularies read best as words

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rlm_async.sandbox.policy import Guards, PolicyError, compile_cell
from tests.sandbox.policy import attack_run
from tests.sandbox.policy.conftest import Repl

NAMES = st.sampled_from(
    "x y loot f g A e it m llm_query context len str type object getattr print sorted map list int re json "
    "functools collections super self Exception".split()
)
ATTRIBUTES = st.sampled_from(
    "append format format_map join upper gi_frame cr_frame __class__ __globals__ __base__ __dict__ mro obj args run name value "
    "send throw close __init__ __traceback__ sub findall loads dumps partial reduce defaultdict enum sys _os __subclasses__ "
    "with_traceback __self__ __call__ __code__ x members from_iterable inner realm".split()
)
ATOMS = st.one_of(
    NAMES,
    st.sampled_from(
        "1 0.5 None True () [] {} '' 'a' '__class__' '{0.__class__}' '{0.gi_frame}' b'x' ... f'{x}'".split()
    ),
)


def _grown(inner):
    return st.one_of(
        st.builds("{}.{}".format, inner, ATTRIBUTES),
        st.builds("{}({})".format, inner, inner),
        st.builds("{}({}, {})".format, inner, inner, inner),
        st.builds("{}.{}({})".format, inner, ATTRIBUTES, inner),
        st.builds("({} {} {})".format, inner, st.sampled_from("+ - * % ** in is == and or @ | <".split()), inner),
        st.builds("[{} for x in {}]".format, inner, inner),
        st.builds("(lambda x={}: {})".format, inner, inner),
        st.builds("[{}, {}]".format, inner, inner),
        st.builds("{{{}: {}}}".format, inner, inner),
        st.builds("{}[{}]".format, inner, inner),
        st.builds("f'{{{}}}'".format, inner.filter(lambda s: not set("'{\\").intersection(s))),
        st.builds(
            "getattr({}, {})".format, inner, st.sampled_from(["'__class__'", "'mro'", "'gi_' + 'frame'", "'run'"])
        ),
        st.builds("list(map({}, [{}]))".format, inner, inner),
        st.builds("(y := {})".format, inner),
    )


EXPRESSIONS = st.recursive(ATOMS, _grown, max_leaves=5)
STATEMENTS = st.one_of(
    st.builds("loot = {}".format, EXPRESSIONS),
    st.builds("{} = {}".format, NAMES.filter(lambda n: n not in ("print", "super")), EXPRESSIONS),
    st.builds("def f(x={}):\n    return {}".format, EXPRESSIONS, EXPRESSIONS),
    st.builds(
        "class A({}):\n    x = {}\n    def f(self): return {}".format,
        st.sampled_from(["", "Exception", "object", "A", "str"]),
        EXPRESSIONS,
        EXPRESSIONS,
    ),
    st.builds("try:\n    {}\nexcept Exception as e:\n    loot = {}".format, EXPRESSIONS, EXPRESSIONS),
    st.builds("for x in {}:\n    loot = {}\n    break".format, EXPRESSIONS, EXPRESSIONS),
    st.builds("with {} as x:\n    loot = {}".format, EXPRESSIONS, EXPRESSIONS),
    st.builds(
        "match {}:\n    case {}({}=x):\n        loot = x\n    case _:\n        pass".format,
        EXPRESSIONS,
        NAMES,
        ATTRIBUTES,
    ),
    st.builds(
        "import {} as m\nloot = m.{}".format,
        st.sampled_from("re json functools collections enum random io".split()),
        ATTRIBUTES,
    ),
    st.builds("{}.{} = {}".format, NAMES, ATTRIBUTES, EXPRESSIONS),
    st.builds("@{}\ndef g():\n    yield {}".format, EXPRESSIONS, EXPRESSIONS),
    st.builds("it = (x for x in {})\nloot = it.{}".format, EXPRESSIONS, ATTRIBUTES),
    st.builds("{} {} {}".format, NAMES, st.sampled_from("+= *= %= |=".split()), EXPRESSIONS).filter(
        lambda s: not s.startswith(("print", "super"))
    ),
)
pytestmark = pytest.mark.filterwarnings("ignore::hypothesis.errors.HypothesisWarning")
PROGRAMS = st.lists(STATEMENTS, min_size=1, max_size=6)


def ran(namespace, source):
    """Run it like the interpreter would: whatever is raised is data."""
    try:
        cell = compile_cell(source, "<cell 1>")
    except (PolicyError, SyntaxError):
        return
    for code in filter(None, (cell.code, cell.echo)):
        try:
            attack_run.drive(eval(code, namespace))  # noqa: S307  # as the interpreter does
        except Exception:  # noqa: BLE001  # whatever code raises is data
            return


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(PROGRAMS)
def test_no_generated_program_gains_anything(program):
    tool = attack_run.HostTool()
    functions = attack_run.host_functions(tool)
    functions.pop("stop_me")
    sink = attack_run.Sink()
    guards = Guards(sink.write, functions)
    before = attack_run.snapshot(guards, functions)
    namespace = guards.namespace()
    namespace["context"] = "text"
    for statement in program:
        ran(namespace, statement)
    for name, value in namespace.items():
        if not name.startswith(("$", "__")):
            assert not attack_run.worth(value, tool), (name, value, program)
    assert attack_run.SECRET not in sink.text()
    assert attack_run.snapshot(guards, functions) == before


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.text(max_size=200))
def test_any_text_compiles_or_is_refused(text):
    ran(Repl().names, "0 if 1 else (" + text + ")")


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.text(alphabet="{}[].!:0123ab_<>x", max_size=30))
def test_a_template_fills_as_str_format_does_or_is_refused(template):
    values = ("text", [1, 2], {"a": 3})
    repl = Repl()
    repl.names.update(t=template, v=values)
    try:
        expected = template.format(*values, a=1, x="y", b=2.5)
    except (ValueError, KeyError, IndexError, AttributeError, TypeError) as error:
        expected = type(error)
    try:
        got = repl.run("t.format(*v, a=1, x='y', b=2.5)")
    except Exception as error:  # noqa: BLE001
        got = type(error)
    if isinstance(expected, str):
        assert got == expected or got in (PolicyError, AttributeError) or "0x" in expected
    else:
        assert not isinstance(got, str)
