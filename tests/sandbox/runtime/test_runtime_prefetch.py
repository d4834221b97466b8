"""Static prefetch starts a loop's calls only where it is certain that the loop will make them."""

import pytest

from tests.sandbox.runtime.runtime_fakes import FakeLink, Repl

CONTEXT = [f"c{i}" for i in range(6)]

ALONE = {
    "break": "for c in context:\n    r = llm_query(c)\n    if 'c2' in r:\n        break",
    "return": "def f():\n    for c in context:\n        if 'c2' in llm_query(c):\n            return c\nf()",
    "raise": "try:\n    for c in context:\n        if 'c2' in llm_query(c):\n            raise ValueError(c)\nexcept ValueError:\n    pass",
    "assert": "for c in context:\n    assert llm_query(c).strip()",
    "one-shot iterator": "it = iter(context)\nfor c in it:\n    llm_query(c).strip()",
    "generator": "def g():\n    for c in context:\n        yield c\nfor c in g():\n    llm_query(c).strip()",
    "generator that yields answers": "def g():\n    for c in context:\n        yield llm_query(c).strip()\nfor r in g():\n    print(r)",
    "any of a generator": "any('c2' in llm_query(c) for c in context)",
    "list is changed": "todo = list(context)\nfor c in todo:\n    if 'c2' in llm_query(c) and len(todo) < 8:\n        todo.append('more')",
    "prompt reads what the loop collects": "seen = []\nfor c in context:\n    r = llm_query(f'{c} {len(seen)}')\n    seen.append(r.strip())",
    "alias of what the loop collects": "seen = []\nlog = seen\nfor c in context:\n    log.append(llm_query(f'{c} {len(seen)}').strip())",
    "nested alias": "seen = []\nbox = {'log': seen}\nfor c in context:\n    box['log'].append(llm_query(f'{c} {len(seen)}').strip())",
    "function that changes what the prompt reads": "seen = []\ndef note(r):\n    seen.append(r)\nfor c in context:\n    note(llm_query(f'{c} {len(seen)}').strip())",
    "function that rebinds what the prompt reads": "n = 0\ndef note(r):\n    global n\n    n += 1\nfor c in context:\n    note(llm_query(f'{c} {n}').strip())",
    "function that asks": "def more(r):\n    return llm_query(r.strip()).strip()\nfor c in context:\n    more(llm_query(c).strip())",
    "attribute of an object": "class D:\n    def __init__(self, t):\n        self.t = t\nds = [D(c) for c in context]\nfor d in ds:\n    llm_query(d.t).strip()",
    "object whose text has effects": "class D:\n    def __str__(self):\n        print('asked')\n        return 'd'\nds = [D(), D()]\nfor d in ds:\n    llm_query(f'{d}').strip()",
    "rebound builtin": "def len(x):\n    print('mine')\n    return 3\nfor c in context:\n    llm_query(f'{c} {len(c)}').strip()",
    "shuffled on the way": "import random\nrandom.seed(7)\ntodo = list(context)\nfor c in todo:\n    llm_query(c).strip()\n    random.shuffle(todo)",
    "other tasks run in between": "async def nap():\n    pass\nfor c in context:\n    llm_query(c).strip()\n    await nap()",
    "walrus": "k = 0\nfor c in context:\n    r = llm_query(f'{c} {(k := k + 1)}').strip()",
    "later name of the pass": "tail = ''\nfor c in context:\n    r = llm_query(c + tail).strip()\n    tail = r[-1:]",
    "row in the list twice": "row = {'t': 'a', 'n': 0}\nfor r in [row, row, row]:\n    r['n'] = len(llm_query(f\"{r['t']} {r['n']}\").strip())",
    "second key of a dict that grows": "d = {'a': 'x'}\nfor c in context:\n    d[c] = llm_query(c + str(len(d))).strip()",
    "under a test of the answer": "for c in context:\n    r = llm_query(c).strip() if len(c) > 9 else c\n    if 'yes' in r:\n        llm_query(r).strip()",
}  # fmt: skip


@pytest.mark.parametrize("name", ALONE)
def test_what_is_not_certain_runs_as_it_is(name):
    plain, lazy = Repl(CONTEXT, lazy=False), Repl(CONTEXT)
    one, other = plain.interpreter.run(ALONE[name]), lazy.interpreter.run(ALONE[name])
    assert one == other
    assert one["error"] is None
    assert lazy.link.prompts == plain.link.prompts
    assert lazy.link.cancelled == []
    assert lazy.link.peak <= 1 or name == "row in the list twice"


def test_a_prompt_that_cannot_be_built_fails_where_the_loop_gets_to_it():
    source = "rows = [{'t': 'a'}, {'t': 'b'}, {}, {'t': 'd'}]\nfor row in rows:\n    r = llm_query('Q ' + row['t'])\n    print(r.strip())"
    plain, lazy = Repl(lazy=False), Repl()
    one, other = plain.interpreter.run(source), lazy.interpreter.run(source)
    assert one == other
    assert one["error"] == {
        "type": "KeyError",
        "message": "'t'",
        "line": 3,
        "source": "    r = llm_query('Q ' + row['t'])",
    }
    assert lazy.link.prompts == plain.link.prompts == ["Q a", "Q b"]
    assert lazy.link.peak == 2


def test_an_error_after_an_answer_cancels_what_was_started_for_nothing():
    source = "for c in context:\n    r = llm_query(c).strip()\n    print(int(r) if 'c2' in r else r)"
    repl = Repl(CONTEXT)
    error = repl.fails(source)
    assert (error["type"], error["line"]) == ("ValueError", 3)
    assert repl.result["stdout"] == "yes c0\nyes c1\n"
    assert repl.link.cancelled == ["c3", "c4", "c5"]
    assert repl.link.left == 0


def test_lines_of_errors_are_those_of_the_source():
    repl = Repl(CONTEXT)
    error = repl.fails("x = 1\nout = [\n    int(\n        llm_query(f'Q {c}')\n    )\n    for c in context\n]")
    assert error["line"] in {3, 4}
    error = repl.fails("for c in contexts:\n    print(llm_query(c).strip())")
    assert (error["type"], error["line"], error["source"]) == ("NameError", 1, "for c in contexts:")
    error = repl.fails("for c in 5:\n    print(llm_query(f'{c}').strip())")
    assert (error["type"], error["line"]) == ("TypeError", 1)


def test_a_long_loop_keeps_to_the_window_and_to_its_order():
    link = FakeLink()
    repl = Repl([f"c{i}" for i in range(300)], link, window=16)
    repl.run("out = []\nfor c in context:\n    out.append(llm_query(c).strip())")
    assert link.peak == 16
    assert link.prompts == [f"c{i}" for i in range(300)]
    assert repl.value("out") == [f"yes c{i}" for i in range(300)]


def test_prompts_of_a_long_loop_are_built_as_it_goes_along():
    repl = Repl(window=4)
    repl.run("from itertools import count")
    error = repl.fails("for i in range(10**12):\n    r = llm_query(f'{i}').strip()\n    x = 1 // (0 if i == 20 else 1)")
    assert error["type"] == "ZeroDivisionError"
    assert len(repl.link.prompts) <= 21 + 4


def test_loops_inside_loops_each_start_their_own():
    repl = Repl(CONTEXT)
    source = "out = []\nfor a in 'xy':\n    for c in context:\n        out.append(llm_query(a + c).strip())\nprint(out)"
    plain = Repl(CONTEXT, lazy=False)
    assert repl.run(source) == plain.run(source)
    assert repl.link.prompts == plain.link.prompts
    assert repl.link.peak == 6


def test_two_levels_of_a_comprehension_are_started_together():
    repl = Repl(CONTEXT)
    repl.run("out = [llm_query(a + c).strip() for a in 'xy' for c in context if c != 'c3']")
    assert repl.link.peak == len(repl.link.prompts) == 10


def test_keyword_arguments_and_rlm_query_are_prefetched_too():
    repl = Repl(CONTEXT)
    repl.run("out = [rlm_query(f'Q {c}', context=c, model='m').strip() for c in context]")
    assert repl.link.peak == 6
    assert repl.link.calls[0][1] == {
        "kind": "rlm", "prompt": "Q c0", "context": "c0", "model": "m", "schema": None, "sample": 0, "cached": True, "grant": {},
    }  # fmt: skip


def test_a_shadowed_llm_query_is_never_called_ahead():
    repl = Repl(CONTEXT)
    repl.run(
        "asked = []\nllm_query = lambda p: asked.append(p) or p\nfor c in context:\n    r = llm_query(c).strip()\nprint(asked)"
    )
    assert repl.link.prompts == []
