"""Every way in which models write sub-queries gives what the sequential program gives, with its calls and no other."""

import json
from dataclasses import dataclass

import pytest

from tests.sandbox.runtime.runtime_fakes import FakeLink, Repl, failed, said

CHUNKS = [f"chunk {i} text" for i in range(10)]
N = len(CHUNKS)


def model(op, payload):
    prompt = payload["prompt"]
    if "FAIL" in prompt:
        return failed("ModelUnavailable", "gone")
    if "json" in prompt:
        return said(json.dumps({"a": prompt[:12]}))
    if "number" in prompt:
        return said(f" {len(prompt)} ")
    return said(f"yes {prompt[:20]} ")


@dataclass(frozen=True)
class Idiom:
    source: str
    peak: int = N
    calls: int = N


IDIOMS = {
    # the twenty of the sketch
    "append": Idiom("out = []\nfor c in context:\n    out.append(llm_query(f'Q {c}'))\nprint(len(out), out[0])"),
    "comprehension": Idiom("out = [llm_query(f'Q {c}') for c in context]\nprint(out[0])"),
    "print each": Idiom("for i, c in enumerate(context):\n    r = llm_query(f'Q {i} {c}')\n    print(i, r[:20])"),
    "test each": Idiom(
        "hits = []\nfor c in context:\n    r = llm_query('is it? ' + c)\n    if 'yes' in r:\n        hits.append(r.strip())\nprint(hits)"
    ),
    "prompt built first, dict": Idiom(
        "d = {}\nfor i, c in enumerate(context):\n    prompt = f'''Doc {i}: {c}'''\n    d[i] = llm_query(prompt).strip()\nprint(d[3])"
    ),
    "running summary": Idiom("s = ''\nfor c in context:\n    s = llm_query(f'{s} + {c}')\nprint(s)", peak=1),
    "batched": Idiom("out = llm_query_batched([f'Q {c}' for c in context])\nprint(out[0])"),
    "await batched": Idiom("out = await llm_query_batched([f'Q {c}' for c in context])\nprint(out[0])"),
    "pool map of llm_query": Idiom(
        "from concurrent.futures import ThreadPoolExecutor\nwith ThreadPoolExecutor(max_workers=8) as ex:\n    out = list(ex.map(llm_query, context))\nprint(out[0])"
    ),
    "pool map of own function": Idiom(
        "from concurrent.futures import ThreadPoolExecutor\ndef work(c):\n    r = llm_query('Q ' + c)\n    return r.strip()\nwith ThreadPoolExecutor(max_workers=10) as ex:\n    out = list(ex.map(work, context))\nprint(out[0])"
    ),
    "gather of llm_query": Idiom(
        "import asyncio\nout = await asyncio.gather(*[llm_query(f'Q {c}') for c in context])\nprint(out[0])"
    ),
    "gather of own async def": Idiom(
        "import asyncio\nasync def work(c):\n    r = await llm_query(f'Q {c}')\n    return r.strip()\nout = await asyncio.gather(*[work(c) for c in context])\nprint(out[0])"
    ),
    "asyncio.run": Idiom(
        "import asyncio\nasync def main():\n    return await asyncio.gather(*[llm_query(f'Q {c}') for c in context])\nout = asyncio.run(main())\nprint(out[0])"
    ),
    "await, append": Idiom("out = []\nfor c in context:\n    out.append(await llm_query(f'Q {c}'))\nprint(out[0])"),
    "try each": Idiom(
        "out = []\nfor c in context:\n    try:\n        out.append(llm_query(f'Q {c}'))\n    except Exception as e:\n        out.append(str(e))\nprint(out[0])"
    ),
    "json.loads in a comprehension": Idiom(
        "import json\nout = [json.loads(llm_query(f'json {c}')) for c in context]\nprint(out[0])"
    ),
    "while until found": Idiom(
        "i = 0\nwhile i < len(context):\n    r = llm_query(context[i])\n    if 'chunk 4' in r: break\n    i += 1\nprint(i)",
        peak=1, calls=5,
    ),
    "for with break": Idiom(
        "for c in context:\n    r = llm_query(c)\n    if 'chunk 4' in r: break\nprint(r)", peak=1, calls=5
    ),
    "isinstance, join, re on results": Idiom(
        "import re\nout = [llm_query(c) for c in context]\nassert isinstance(out[0], str)\nt = '\\n'.join(out)\nassert re.findall('yes', t) and sorted(out) and 'yes' in out[3] and {out[0]: 1}\nprint(len(t))"
    ),
    "answer each, then merge": Idiom(
        "parts = [llm_query(f'Q {c}') for c in context]\nfinal = llm_query('merge: ' + '\\n'.join(parts))\nprint(final)",
        calls=N + 1,
    ),
    # the loops that models write most
    "plain loop": Idiom("for c in context:\n    r = llm_query(c)\nprint(r)"),
    "branch on the answer, else": Idiom(
        "a, b = [], []\nfor c in context:\n    r = llm_query(f'Q {c}')\n    if 'chunk 3' in r:\n        a.append(c)\n    else:\n        b.append(c)\nprint(len(a), len(b))"
    ),
    "print in a loop": Idiom("for c in context:\n    print('>>', llm_query(f'Q {c}'))"),
    "try with a failing call": Idiom(
        "out = []\nfor i, c in enumerate(context):\n    p = f'FAIL {c}' if i == 4 else f'Q {c}'\n    try:\n        r = llm_query(p)\n        out.append(r.upper())\n    except Exception as e:\n        out.append(f'failed: {e}')\nprint(out)"
    ),
    "json.loads in a loop": Idiom(
        "import json\nrows = []\nfor c in context:\n    rows.append(json.loads(llm_query(f'json {c}'))['a'])\nprint(rows)"
    ),
    "helper function": Idiom(
        "def ask(c):\n    return llm_query(f'Q {c}')\nout = []\nfor c in context:\n    out.append(ask(c))\nprint(out)"
    ),
    "helper function that looks": Idiom(
        "def ask(c):\n    r = llm_query(f'Q {c}')\n    return r.strip()\nout = []\nfor c in context:\n    out.append(ask(c))\nprint(out)",
        peak=1,
    ),
    "while with a counter": Idiom(
        "i = 0\nout = []\nwhile i < len(context):\n    r = llm_query(context[i])\n    out.append(r.strip())\n    i += 1\nprint(out)",
        peak=1,
    ),
    "dict of results": Idiom("d = {c: llm_query(f'Q {c}') for c in context}\nprint(d)"),
    "strip and int": Idiom("total = 0\nfor c in context:\n    total += int(llm_query(f'number {c}').strip())\nprint(total)"),
    "two independent calls": Idiom(
        "out = []\nfor c in context:\n    a = llm_query(f'A {c}').strip()\n    b = llm_query(f'B {c}').strip()\n    out.append((a, b))\nprint(out)",
        peak=2 * N, calls=2 * N,
    ),
    "second call needs the first": Idiom(
        "out = []\nfor c in context:\n    a = llm_query(f'A {c}').strip()\n    out.append(llm_query(f'B {a}').strip())\nprint(out)",
        peak=N, calls=2 * N,
    ),
    "depends on the answer before": Idiom(
        "last = 'none'\nfor c in context:\n    last = llm_query(f'{c} after {last[:5]}').strip()\nprint(last)", peak=1
    ),
    "stops when found, in a function": Idiom(
        "def find():\n    for c in context:\n        if 'chunk 4' in llm_query(c):\n            return c\nprint(find())",
        peak=1, calls=5,
    ),
    # and some more that prefetch reaches
    "condition of a comprehension": Idiom("out = [c for c in context if 'yes' in llm_query(f'Q {c}').lower()]\nprint(len(out))"),
    "inside a function": Idiom(
        "def scan(docs):\n    found = []\n    for d in docs:\n        r = llm_query(f'Q {d}')\n        if 'yes' in r:\n            found.append(r.strip())\n    return found\nprint(scan(context))"
    ),
    "skips by a pure test": Idiom(
        "out = []\nfor c in context:\n    if '3' in c:\n        continue\n    out.append(llm_query(f'Q {c}').strip())\nprint(out)",
        peak=N - 1, calls=N - 1,
    ),
    "asks under a pure test": Idiom(
        "out = []\nfor i, c in enumerate(context):\n    if i % 2 == 0:\n        r = llm_query(f'Q {c}')\n        out.append(r.strip())\n    else:\n        out.append('odd')\nprint(out)",
        peak=N // 2, calls=N // 2,
    ),
    "cleans the loop variable first": Idiom(
        "out = []\nfor c in context:\n    c = c.strip().upper()\n    out.append(llm_query(f'Q {c}').strip())\nprint(out)"
    ),
    "counts in a generator": Idiom("print(sum(len(llm_query(f'Q {c}')) for c in context))"),
    "joins a generator": Idiom("print('|'.join(llm_query(f'Q {c}').strip() for c in context))"),
    "labels rows in place": Idiom(
        "rows = [{'t': c} for c in context]\nfor row in rows:\n    row['label'] = llm_query('Q ' + row['t']).strip()\nprint(rows[2])"
    ),
    "numbers and slices": Idiom(
        "out = []\nfor i in range(0, len(context), 2):\n    part = '\\n'.join(context[i:i + 2])\n    out.append(llm_query(f'Q {part}').strip())\nprint(out)",
        peak=5, calls=5,
    ),
    "parses with a helper": Idiom(
        "def clean(r):\n    return r.strip().lower()\nout = []\nfor c in context:\n    out.append(clean(llm_query(f'Q {c}')))\nprint(out)"
    ),
    "spawn, then result": Idiom(
        "hs = [spawn(llm_query, f'Q {c}') for c in context]\nprint([h.result().strip() for h in hs])"
    ),
    "duplicates are asked as often as they stand": Idiom(
        "out = []\nfor c in ['same', 'same', 'other']:\n    out.append(llm_query(c).strip())\nprint(out)", peak=3, calls=3
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", IDIOMS)
def test_an_idiom_means_what_the_sequential_program_means(name):
    idiom = IDIOMS[name]
    plain, lazy = (Repl(CHUNKS, FakeLink(model), lazy=flag) for flag in (False, True))
    expected = plain.run(idiom.source)
    assert lazy.run(idiom.source) == expected
    assert expected.strip()
    assert lazy.interpreter.variables() == plain.interpreter.variables()
    assert sorted(lazy.link.prompts) == sorted(plain.link.prompts)
    assert len(plain.link.prompts) == idiom.calls
    assert lazy.link.peak == idiom.peak
    assert lazy.link.cancelled == []
    assert lazy.link.left == 0


@pytest.mark.parametrize("order", [min, max], ids=["oldest first", "newest first"])
def test_the_order_of_replies_changes_nothing(order):
    for name, idiom in IDIOMS.items():
        plain, lazy = Repl(CHUNKS, FakeLink(model), lazy=False), Repl(CHUNKS, FakeLink(model, order))
        assert lazy.run(idiom.source) == plain.run(idiom.source), name
        assert sorted(lazy.link.prompts) == sorted(plain.link.prompts), name
