"""Whatever code does with an answer that is not there, its copy goes on to the questions that do not depend on it."""

from __future__ import annotations

import pytest

from rlm_async.sandbox.unknown import MARK, UNKNOWN, holds_unknown, is_unknown
from tests.sandbox.runahead.ahead_fakes import AheadLink, AheadRepl
from tests.sandbox.runtime.runtime_fakes import said

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of forks beside threads of the test runner

CONTEXT = ["c0", "c1", "c2", "c3"]
HEAD = """
import json, re
from collections import defaultdict, Counter
class Box:
    def __init__(self):
        self.last = None
    def keep(self, r):
        self.last = r
        return self
box, out, n, d, groups, text = Box(), [], 0, {}, defaultdict(list), ''
def ask(c):
    r = llm_query(f'{c} Q')
    return r
for c in context:
    r = ask(c)
"""

BODIES = {
    "compares": "if r == 'x': break",
    "negates": "if not r.startswith('4'): break",
    "looks inside": "if 'x' in r: break",
    "looks for what is missing": "if '4' not in r: continue\nif '2' not in r: break",
    "goes on only if": "if '2' in r:\n    n += 1\nelse:\n    break",
    "both must hold": "if r == 'x' and n < 99: break",
    "either will do": "if n > 99 or r == 'x': break",
    "chains": "if 0 < int(r) < 1: break",
    "names what it tests": "if (k := len(r)) > 99: break\nn += k",
    "a number": "n += int(r) * 2 - 1\nif n > 999: break",
    "a float": "x = float(r) / 3\nn = max(n, round(x, 2))",
    "unpacks two": "x, y = r[:2]\nout.append((x, y))",
    "unpacks more": "first, *rest = r\nout.append(first)",
    "splits": "for part in r.split():\n    out.append(part)",
    "json": "data = json.loads(r)\nout.append(data)",
    "json, item and method": "data = json.loads('{\"a\": %s}' % r)\nif data['a'] == 9: break\nout.append(data.get('b', 1))",
    "regular expression": "m = re.search(r'\\d+', r)\nif m: out.append(m.group(0))",
    "as a key": "d[r] = d.get(r, 0) + 1",
    "groups": "groups[r].append(c)",
    "sets a default": "d.setdefault(r, []).append(c)",
    "counts": "counter = Counter(out)\nout.append(r)\nn += counter[r]",
    "sorts": "out.append(r)\nout.sort()\nbest = sorted(out, key=lambda x: x)[0]",
    "joins": "out.append(r)\ntext = ', '.join(out)",
    "f-string": "out.append(f'{c}: {r} {r:>5} {r!r}')",
    "format": "out.append('{}: {}'.format(c, r))",
    "percent": "out.append('%s: %s' % (c, r))",
    "adds text": "text += r + '\\n'\ntext = '> ' + text",
    "slices": "out.append(r[:1].upper())",
    "length": "if len(r) > 99: break",
    "min and max": "n = max(n, len(r), int(r))",
    "any and all": "if any(w == 'x' for w in r.split()) or not all([r]): n += 1",
    "isinstance": "if not isinstance(r, str): break",
    "is None": "if r is None: break",
    "ternary": "out.append('yes' if '2' in r else 'no')",
    "or": "name = r or 'none'\nout.append(name)",
    "match": "match r:\n    case 'x':\n        break\n    case _:\n        out.append(r)",
    "try": "try:\n    n += int(r)\nexcept ValueError:\n    n -= 1",
    "try, and stops": "try:\n    v = json.loads(r)\nexcept ValueError:\n    break",
    "assert": "assert r != 'x', 'no'",
    "raises": "if r == 'x':\n    raise ValueError(r)",
    "object": "box.keep(r).last\nif box.last == 'x': break",
    "print": "print(c, r, sep=': ')",
    "tool": "log(r)",
    "awaits": "s = await gather(*[llm_query(f'{c} Q')])\nout.extend(s)",
    "another question": "s = ask(c + ' of ' + r)\nout.append(s)",
    "dict update": "d.update({c: r})\nd[c] += '!'",
    "in place": "d[c] = r\nd[c] *= 2\nn -= len(d[c])",
    "set": "d.setdefault('s', set()).add(r)\nif r in {'x', 'y'}: break",
    "deletes": "d['k'] = r.strip()\ndel d['k']",
    "enumerates": "for i, w in enumerate(r): out.append((i, w))",
    "zips": "out += [a + b for a, b in zip(c, r)]",
    "while": "k = 0\nwhile k < len(r):\n    k += 1\n    if k > 5: break",
    "nested function": "def done(x):\n    return x == 'x'\nif done(r): break",
    "returns early": "def grade(x):\n    if '2' in x: return 1\n    return 0\nn += grade(r)",
    "deep in containers": "d[c] = {'r': [r]}\nif d[c]['r'][0] == 'x': break",
    "searches the context": "if r in context: break",
    "negative": "n = -int(r)\nn = abs(n) + ~int(r)",
}


def model(op, payload):
    if op == "tool":
        return said(None)
    return said(str(20 + len(payload["prompt"])))


@pytest.mark.parametrize("name", BODIES)
def test_the_copy_goes_on(name):
    source = HEAD + "".join(f"    {line}\n" for line in BODIES[name].splitlines())
    repl = AheadRepl(CONTEXT, AheadLink(model), tools={"log": "log(text)"})
    result = repl.run(source)
    assert result["error"] is None, result
    assert repl.link.hinted[:3] == ["c1 Q", "c2 Q", "c3 Q"]
    assert not any(MARK in prompt for prompt in repl.link.hinted + repl.link.prompts)
    expected = AheadRepl(CONTEXT, AheadLink(model), tools={"log": "log(text)"}, lazy=False)
    assert expected.run(source) == result
    assert expected.link.hints == []


ASYNC = {
    "await": "async def ask(c):\n    r = await llm_query(f'{c} Q')\n    return r.strip()\n",
    "await in try": "async def ask(c):\n    try:\n        return (await llm_query(f'{c} Q')).strip()\n"
    "    except Exception as e:\n        return str(e)\n",
    "gather": "async def ask(c):\n    a, b = await gather(llm_query(f'{c} Q'), llm_query('same'))\n    return a + b\n",
}


LOOPS = [
    """
for c in context:
    r = await ask(c)
    if r == 'x': break
print(r)
""",
    """
import asyncio
async def main():
    for c in context:
        r = await ask(c)
        if r == 'x': break
    return r
print(asyncio.run(main()))
""",
]


@pytest.mark.parametrize("name", ASYNC)
def test_a_copy_goes_on_in_asynchronous_code(name):
    for rest in LOOPS:
        repl = AheadRepl(CONTEXT, AheadLink(model))
        assert repl.run(ASYNC[name] + rest)["stdout"] == ("2424\n" if name == "gather" else "24\n")
        assert [prompt for prompt in repl.link.hinted if prompt != "same"] == ["c1 Q", "c2 Q", "c3 Q"]


def test_a_second_copy_knows_what_the_first_one_found():
    source = HEAD + "    s = ask(f'more of {c}: {r}')\n    if 'x' in s: break\n"
    repl = AheadRepl(CONTEXT, AheadLink(model))
    repl.run(source)
    assert repl.link.hinted == ["c1 Q", "c2 Q", "c3 Q", *(f"more of {c}: 24 Q" for c in CONTEXT[1:])]
    assert repl.scout.forks == 2


def test_a_loop_that_may_stop_is_told_from_one_that_goes_on():
    for body, sure in (
        ("if r == 'x': break", False),
        ("if r == 'x': n += 1", True),
        ("while r == 'x' and n < 3: n += 1", False),
    ):
        repl = AheadRepl(CONTEXT, AheadLink(model))
        repl.run(HEAD + f"    {body}\n")
        assert [told for _, told in repl.link.hints][-1] is sure, body


def test_a_copy_that_goes_in_circles_ends_itself():
    repl = AheadRepl(CONTEXT, AheadLink(model))
    repl.run("r = llm_query('once')\nwhile r == 'x':\n    pass\nprint(llm_query('twice'))")
    assert repl.link.hinted == []
    assert repl.scout.forks == 1


def test_no_copy_is_made_where_nothing_is_left_to_ask():
    repl = AheadRepl(CONTEXT, AheadLink(model))
    repl.run("r = llm_query('only')\nprint(r)\nx = r + '!'")
    repl.run("out = [llm_query(c) for c in context]")  # all of them are under way already when it waits
    repl.run("for c in context:\n    r = llm_query(c).strip()\n    if r == 'x':\n        x = c")  # likewise: prefetched
    repl.run("out = llm_query_batched(context)\nprint(out)")
    assert repl.scout.forks == 0


def test_a_loop_of_batches_is_run_ahead_of():
    repl = AheadRepl(CONTEXT, AheadLink(model))
    repl.run("for i in (0, 2):\n    for r in llm_query_batched(context[i:i + 2]):\n        print(r)")
    assert repl.link.hinted == ["c2", "c3"]


def test_loops_in_which_each_question_depends_on_the_answer_before_are_soon_left_alone():
    repl = AheadRepl([str(i) for i in range(60)], AheadLink(model))
    repl.run("r = ''\nfor c in context:\n    r = llm_query(f'{c} {r}').strip()")
    assert repl.link.hinted == []
    assert repl.scout.forks <= 6


def test_a_copy_stops_when_it_has_found_enough():
    repl = AheadRepl("", AheadLink(model), window=4)
    repl.run("i = 0\nwhile i < 30:\n    r = llm_query(f'q {i}').strip()\n    i += 1")
    assert len(repl.link.hinted) == 29
    assert 3 <= repl.scout.forks <= 5


@pytest.mark.parametrize("value", [UNKNOWN, f"a {MARK}", [1, [UNKNOWN]], {"k": (UNKNOWN,)}, {UNKNOWN: 1}, {1, MARK}])
def test_an_unknown_is_found_wherever_it_lies(value):
    assert holds_unknown([value], deep=True)
    assert holds_unknown([value], deep=False) == is_unknown(value)


def test_what_is_known_is_not_unknown():
    circle = []
    circle.append(circle)
    assert not holds_unknown([circle, {"a": [1, "b", None]}], deep=True)
