"""Generated programs: run ahead or not, lazily or one call after the other, they do the same.

`RLM_ASYNC_EXAMPLES` says how many (40 by default; CI takes 1,000 in a step of its own).
"""

from __future__ import annotations

import os

import anyio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rlm_async.core.context import Context
from rlm_async.core.query import Reply
from rlm_async.sandbox.factory import Sandbox
from tests.sandbox.runahead.ahead_fakes import AheadLink, AheadRepl
from tests.sandbox.runtime.runtime_fakes import FakeLink, Repl, failed, said
from tests.sandbox.runtime.test_runtime_programs import CONTEXT, hash_of, indented, statements

EXAMPLES = int(os.environ.get("RLM_ASYNC_EXAMPLES", "40"))
PATIENCE = 10.0
TOOLS = {"log": "log(text): keeps it"}

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # of forks beside threads of the test runner
    pytest.mark.timeout(120 + EXAMPLES),
]

HEAD = """
a, b, d, n, p, out, todo, c = 'A', [], {}, 0, 'p', [], ['t1', 't2'], 'c'
def note(x):
    global n
    n += len(x)
def ask(x):
    r = llm_query(f'H {x}').strip()
    return r
def judge(x):
    r = llm_query(f'J {x}')
    if r.startswith('yes'):
        return True
    return False
def study(x):
    first = llm_query(f'A {x}')
    return llm_query(f'B {first}').strip()
def find(xs):
    for x in xs:
        if 'yes' in llm_query(f'F {x}'):
            return x
class Reader:
    def __init__(self):
        self.notes = []
    def read(self, x):
        word, _, rest = llm_query(f'R {x}').partition(' ')
        self.notes.append(word)
        return rest
reader = Reader()
"""

ASKS = ["ask(c)", "str(judge(c))", "study(c)", "reader.read(c)", "llm_query(f'L {c}')", "llm_query(f'{a} {c}')",
        "llm_query(c + ' FAIL').strip()", "ask(str(n) + c)", "str(find(context[1:]))", "log(c)"]  # fmt: skip
USES = ["out.append(r)", "print(r)", "n += len(r)", "d[r[:3]] = d.get(r[:3], 0) + 1", "a = r[:2]", "b.append((c, r))",
        "if 'yes' in r:\n    break", "if 'no' not in r:\n    continue", "if r.startswith('yes'):\n    b.append(ask(r))",
        "log(r)", "note(r)", "n = int(r.split()[-1])", "x, y = r[:2]\nout.append(y)", "out[0] += r",
        "a = a if 'yes' in r else r[:4]", "assert 'maybe' not in r", "if len(out) > 3:\n    break"]  # fmt: skip


@st.composite
def loops(draw):
    body = [f"r = {draw(st.sampled_from(ASKS))}", *draw(st.lists(st.sampled_from(USES), max_size=3))]
    text = "\n".join(body)
    if draw(st.integers(0, 3)) == 0:
        text = f"try:\n{indented(text)}\nexcept (QueryError, ValueError) as e:\n    print('failed', e)"
    head = draw(st.sampled_from(["for c in context:", "i = 0\nwhile i < len(context):\n    c = context[i]\n    i += 1",
                                 "rest = list(context)\nwhile rest:\n    c = rest.pop()"]))  # fmt: skip
    return f"{head}\n{indented(text)}"


programs = st.lists(
    st.one_of(
        loops(),
        loops(),
        statements,
        st.sampled_from([
            "out = [ask(c) for c in context if judge(c)]", "b = sorted(context, key=lambda c: ask(c))",
            "n = sum(len(ask(c)) for c in context)", "print(any(judge(c) for c in context))",
            "a = find(context)\nprint(a)", "print(next((c for c in context if judge(c)), None))",
            "d = {c: ask(c) for c in context}", "out = list(map(ask, context))\nprint(out)",
            "FINAL(ask('end'))", "print(budget()['usd'], reader.notes)",
        ]),
    ),
    min_size=1,
    max_size=3,
)  # fmt: skip


def model(op, payload):
    if op == "tool":
        return said("kept " + str(payload["arguments"][0]))
    prompt = payload["prompt"]
    if "FAIL" in prompt:
        return failed("ModelUnavailable", prompt)
    return said(f"{'yes' if hash_of(prompt) % 3 == 0 else 'no'} {prompt[:6]} {len(prompt)}")


def program(parts):
    return "\n".join([HEAD, *parts, "print(a, b, n, out, sorted(d.items()), todo, reader.notes)"])


def state(result, variables, link):
    """All that a program leaves behind: what it said, what it kept, what it did to the world, in order."""
    kept = {name: repr(value) for name, value in variables.items() if not callable(value) and name != "reader"}
    effects = [payload["arguments"] for op, payload in link.calls if op == "tool"]
    return result, kept, effects


def outcome(source, repl):
    run = repl.run if isinstance(repl, AheadRepl) else repl.interpreter.run
    result = run(source)
    return state(result, repl.interpreter._space.variables(), repl.link)


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(programs, st.sampled_from([min, max]))
def test_a_program_means_the_same_whether_it_is_run_ahead_of_or_not(parts, order):
    source = program(parts)
    options = {"window": 8, "tools": TOOLS}
    plain = Repl(CONTEXT, FakeLink(model), lazy=False, **options)
    lazy = Repl(CONTEXT, FakeLink(model, order), **options)
    ahead = AheadRepl(CONTEXT, AheadLink(model, order), **options)
    expected = outcome(source, plain)
    assert outcome(source, lazy) == expected
    assert outcome(source, ahead) == expected
    assert sorted(ahead.link.prompts) == sorted(lazy.link.prompts)


class AheadHost:
    """Answers as `model` does, once as many hints have come as are `expected`; tells copies what hints come to."""

    def __init__(self, expected):
        self.tools = TOOLS
        self.run_ahead = True
        self._expected = expected
        self.calls = []
        self.hints = []

    async def spawn(self, queries):
        with anyio.move_on_after(PATIENCE):
            while len(self.hints) < self._expected:
                await anyio.sleep(0.005)
        return [self._reply("query", {"prompt": query.prompt}) for query in queries]

    async def tool(self, name, arguments, named):
        self.calls.append(("tool", {"arguments": list(arguments)}))
        return self._reply("tool", {"arguments": arguments})

    def budget(self):
        return {"calls": 10, "tokens": 1000, "usd": None, "seconds": 60.0, "depth": 1}

    def foresee(self, query, tell, *, sure):
        self.hints.append(query.prompt)
        reply = model("query", {"prompt": query.prompt})
        if reply["error"] is None:
            tell(reply["value"])

    def forgo(self):
        self.calls = list(self.calls)

    @staticmethod
    def _reply(op, payload):
        reply = model(op, payload)
        return Reply(reply["value"], error=reply["error"], message=reply["message"], status=reply["status"])


SOURCES = [
    ["for c in context:\n    r = ask(c)\n    if 'yes' in r:\n        b.append(ask(r))"],
    ["i = 0\nwhile i < len(context):\n    c = context[i]\n    i += 1\n    r = str(judge(c))\n    log(c)\n    print(r)"],
    ["for c in context:\n    r = llm_query(c + ' FAIL')\n    out.append(r)"],
    ["for c in context:\n    r = study(c)\n    n = int(r.split()[-1])\n    d[r[:3]] = n", "a = find(context)"],
]


@pytest.mark.anyio
@pytest.mark.parametrize("parts", SOURCES, ids=["branch", "counter", "error", "two stages"])
async def test_a_program_means_the_same_in_a_jailed_worker_that_is_run_ahead_of(parts):
    source = program(parts)
    found = {}
    for ahead in (True, False):
        hinted = ahead and "FAIL" not in source
        host = AheadHost(expected=int(hinted))
        async with Sandbox(warm=0, run_ahead=ahead) as factory, factory.open(Context.of(CONTEXT), host) as sandbox:
            output = await sandbox.run(source)
            found[ahead] = (output.stdout, output.error, output.outcome, output.answer, await sandbox.variables())
            assert bool(host.hints) == hinted
    assert found[True] == found[False]
    expected = Repl(CONTEXT, FakeLink(model), lazy=False, tools=TOOLS).interpreter.run(source)
    assert found[True][0] == expected["stdout"]
