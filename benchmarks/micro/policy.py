"""What the language policy costs: the same loops in plain CPython and under the guards, as a ratio of medians.

python benchmarks/micro/policy.py [--rounds 15]
"""

from __future__ import annotations

import argparse
import statistics
import time

from rlm_async.sandbox.policy import Guards, compile_cell

SETUP = """
import re, json
words = ['alpha', 'beta', 'gamma', 'delta'] * 2500
lines = [f'{i}: the quick brown fox {i * 7 % 13}' for i in range(5000)]
text = '\\n'.join(lines)
class Counter2:
    def __init__(self): self.n = 0
    def add(self, k): self.n += k
c = Counter2()
"""
LOOPS = {
    "method calls: strip, append": "out = []\nfor w in words:\n    out.append(w.strip())",
    "method calls: upper, startswith": "n = 0\nfor w in words:\n    if w.upper().startswith('A'):\n        n += 1",
    "method calls: split, join, replace": "out = []\nfor l in lines:\n    out.append(' '.join(l.split()).replace('fox', 'cat'))",
    "dict counting": "d = {}\nfor w in words:\n    d[w] = d.get(w, 0) + 1",
    "own methods": "for i in range(5000):\n    c.add(i)",
    "own functions": "def f(x):\n    return x + 1\nfor i in range(10000):\n    f(i)",
    "builtin calls": "t = 0\nfor w in words:\n    t += len(w)",
    "arithmetic": "t = 0\nfor i in range(20000):\n    t += i * 3 - i // 2",
    "f-strings": "out = [f'{i}: {w}' for i, w in enumerate(words)]",
    "regex over lines": "n = 0\nfor l in lines:\n    if re.search(r'fox (\\d+)$', l):\n        n += 1",
    "regex over the text": "m = re.findall(r'\\b[a-z]+\\b', text)",
    "slicing": "parts = [text[i:i + 500] for i in range(0, len(text), 500)]\nn = sum(map(len, parts))\nfor i in range(0, 100000, 7):\n    text[i:i + 40]",
    "sorting with a key": "s = sorted(words, key=lambda w: (len(w), w))",
    "json": "s = json.dumps(lines)\nv = json.loads(s)",
}


def medians(plain, guarded, rounds):
    """The median CPU seconds of two pieces of code, run in turns so that both see the same machine."""
    times = ([], [])
    for _ in range(rounds):
        for (code, names), kept in zip((plain, guarded), times, strict=True):
            start = time.process_time()
            eval(code, names)  # noqa: S307  # the benchmark's own loops
            kept.append(time.process_time() - start)
    return statistics.median(times[0]), statistics.median(times[1])


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    plain = {"__name__": "__main__"}
    exec(SETUP, plain)  # noqa: S102  # as above
    guarded = Guards(str).namespace()
    eval(compile_cell(SETUP, "<cell 1>").code, guarded)  # noqa: S307  # as above
    print(f"{'loop':38s}{'plain ms':>10s}{'guarded ms':>12s}{'ratio':>8s}")
    for name, source in LOOPS.items():
        codes = compile(source, "<plain>", "exec"), compile_cell(source, "<cell 1>").code
        first, second = medians((codes[0], plain), (codes[1], guarded), rounds)
        print(f"{name:38s}{first * 1e3:10.2f}{second * 1e3:12.2f}{second / first:8.2f}")


if __name__ == "__main__":
    main()
