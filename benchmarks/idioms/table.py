"""The idioms: code as models write it, what it must print, and how its calls may overlap.

`context` is a list of `n` texts. Replies are a function of the prompt (`say`), so the sequential program has
one right output. Counts are given for `n` texts.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from textwrap import dedent

Count = Callable[[int], int]

FOUND = 5
"""Where the loops that stop when they have found something find it: the sixth text."""


NARROW = 4
"""Requests ahead of a loop that may stop, see `rlm_async.engine.speculation`."""


def say(prompt: str) -> str:
    """What the model says."""
    if "json" in prompt:
        return json.dumps({"label": "abc"[len(prompt) % 3], "score": _sum(prompt) % 7})
    if "number" in prompt:
        return str(_sum(prompt) % 100)
    return f"{'yes' if _sum(prompt) % 2 else 'no'}: {prompt[:24].strip()}"


def _sum(text: str) -> int:
    return sum(i * ord(letter) for i, letter in enumerate(text, 1))


def texts(n: int) -> list[str]:
    """The context."""
    return [f"chunk {i} of the text" for i in range(n)]


@dataclass(frozen=True, slots=True)
class Idiom:
    """One way to write a loop. `calls` and `peak` are those of ours; `most` the calls with speculation.

    `goal` is the time allowed by the issue, in multiples of the bare program's; None where there is none.
    """

    source: str
    calls: Count = lambda n: n
    peak: Count = lambda n: n
    most: Count | None = None
    goal: float | None = None
    plain_peak: Count | None = None
    """The peak without run-ahead; the same where it is not given."""


def _code(text: str) -> str:
    return dedent(text).strip() + "\n"


def _one(n: int) -> int:
    del n
    return 1


def _until_found(n: int) -> int:
    return min(n, FOUND + 1)


def _few(n: int) -> int:
    return min(n, 1 + NARROW)


def _and_few(n: int) -> int:
    return _until_found(n) + NARROW


def _twice(n: int) -> int:
    return 2 * n


IDIOMS: dict[str, Idiom] = {
    # -- nothing depends on an answer before: handles and prefetch are enough
    "plain loop": Idiom(_code("""
        out = []
        for c in context:
            out.append(llm_query(f"Q {c}"))
        print(out)
    """), goal=1.5),
    "batched": Idiom(_code("""
        out = llm_query_batched([f"Q {c}" for c in context])
        print(out)
    """), goal=1.25),
    "comprehension": Idiom(_code("""
        out = [llm_query(f"Q {c}") for c in context]
        print(out)
    """), goal=1.6),
    "branch on the answer": Idiom(_code("""
        hits = []
        for c in context:
            r = llm_query(f"Is it? {c}")
            if "yes" in r:
                hits.append(c)
        print(hits)
    """), goal=1.6),
    "branch with else": Idiom(_code("""
        good, bad = [], []
        for i, c in enumerate(context):
            r = llm_query(f"Is it? {c}").strip().lower()
            if r.startswith("yes"):
                good.append(i)
            else:
                bad.append(i)
        print(good, bad)
    """)),
    "print in the loop": Idiom(_code("""
        for i, c in enumerate(context):
            r = llm_query(f"Q {c}")
            print(i, r)
    """), goal=1.6),
    "try/except": Idiom(_code("""
        out = []
        for c in context:
            try:
                r = llm_query(f"Q {c}")
                out.append(r.upper())
            except Exception as e:
                out.append(f"failed: {e}")
        print(out)
    """), goal=1.6),
    "json.loads": Idiom(_code("""
        import json
        rows = []
        for c in context:
            rows.append(json.loads(llm_query(f"json {c}"))["score"])
        print(rows)
    """), goal=1.6),
    "json.loads in try": Idiom(_code("""
        import json
        rows, broken = [], 0
        for c in context:
            try:
                rows.append(json.loads(llm_query(f"json {c}")))
            except ValueError:
                broken += 1
        print(sum(row["score"] for row in rows), broken)
    """)),
    "dict of results": Idiom(_code("""
        answers = {}
        for i, c in enumerate(context):
            answers[i] = llm_query(f"Q {c}").strip()
        print(answers)
    """), goal=1.6),
    ".strip() and int()": Idiom(_code("""
        total = 0
        for c in context:
            total += int(llm_query(f"number {c}").strip())
        print(total)
    """), goal=1.6),
    "two independent calls": Idiom(_code("""
        out = []
        for c in context:
            a = llm_query(f"A {c}").strip()
            b = llm_query(f"B {c}").strip()
            out.append((a, b))
        print(out)
    """), calls=_twice, peak=lambda n: min(2 * n, 64), goal=1.6),
    "merge at the end": Idiom(_code("""
        parts = []
        for c in context:
            parts.append(llm_query(f"Q {c}"))
        print(llm_query("merge: " + " | ".join(parts)))
    """), calls=lambda n: n + 1),
    "sorting by answer": Idiom(_code("""
        ranked = sorted(context, key=lambda c: int(llm_query(f"number {c}")))
        print(ranked[:3])
    """), plain_peak=_one),
    "filter in a comprehension": Idiom(_code("""
        kept = [c for c in context if "yes" in llm_query(f"Is it? {c}").lower()]
        print(len(kept))
    """)),
    "gather": Idiom(_code("""
        import asyncio
        out = await asyncio.gather(*[llm_query(f"Q {c}") for c in context])
        print(out)
    """)),
    "gather of own async def": Idiom(_code("""
        import asyncio
        async def work(c):
            r = await llm_query(f"Q {c}")
            return r.strip()
        async def main():
            return await asyncio.gather(*[work(c) for c in context])
        print(asyncio.run(main()))
    """)),
    "threads": Idiom(_code("""
        from concurrent.futures import ThreadPoolExecutor
        def work(c):
            return llm_query(f"Q {c}").strip()
        with ThreadPoolExecutor(max_workers=64) as pool:
            out = list(pool.map(work, context))
        print(out)
    """)),
    "threads, as completed": Idiom(_code("""
        from concurrent.futures import ThreadPoolExecutor, as_completed
        def work(i):
            return i, llm_query(f"Q {context[i]}").strip()
        found = {}
        with ThreadPoolExecutor(max_workers=64) as pool:
            futures = [pool.submit(work, i) for i in range(len(context))]
            for future in as_completed(futures):
                i, r = future.result()
                found[i] = r
        print(sorted(found.items()))
    """)),
    # -- what run-ahead adds
    "helper function": Idiom(_code("""
        def ask(c):
            r = llm_query(f"Q {c}")
            return r.strip().lower()
        out = []
        for c in context:
            out.append(ask(c))
        print(out)
    """), plain_peak=_one, goal=1.6),
    "helper that decides": Idiom(_code("""
        def is_relevant(c):
            r = llm_query(f"Is it? {c}").strip().lower()
            if r.startswith("yes"):
                return True
            return False
        hits = []
        for i, c in enumerate(context):
            if is_relevant(c):
                hits.append(i)
        print(hits)
    """), plain_peak=_one),
    "helper with json and try": Idiom(_code("""
        import json
        def parse(c):
            try:
                return json.loads(llm_query(f"json {c}"))
            except json.JSONDecodeError:
                return {"score": 0}
        total = 0
        for c in context:
            data = parse(c)
            total += data["score"]
        print(total)
    """), plain_peak=_one),
    "while and a counter": Idiom(_code("""
        i = 0
        out = []
        while i < len(context):
            r = llm_query(f"Q {context[i]}")
            out.append(r.strip())
            i += 1
        print(out)
    """), plain_peak=_one, goal=1.6),
    "while and a queue": Idiom(_code("""
        todo = list(context)
        out = []
        while todo:
            c = todo.pop(0)
            r = llm_query(f"Q {c}")
            out.append(r.strip())
        print(out)
    """), plain_peak=_one),
    "counting labels": Idiom(_code("""
        def label(c):
            return llm_query(f"Q {c}").strip().split(":")[0]
        counts = {}
        for c in context:
            name = label(c)
            counts[name] = counts.get(name, 0) + 1
        print(sorted(counts.items()))
    """), plain_peak=_one),
    "method of a class": Idiom(_code("""
        class Reader:
            def __init__(self):
                self.notes = []
            def read(self, c):
                r = llm_query(f"Q {c}")
                if "yes" in r:
                    self.notes.append(r.strip())
        reader = Reader()
        for c in context:
            reader.read(c)
        print(reader.notes)
    """), plain_peak=_one),
    "generator": Idiom(_code("""
        def results(chunks):
            for c in chunks:
                r = llm_query(f"Q {c}")
                if r.strip().startswith("yes"):
                    yield c, r.strip()
        print([c for c, r in results(context)])
    """), plain_peak=_one),
    "nested loops": Idiom(_code("""
        half = len(context) // 2
        table = {}
        for q in ["first", "second"]:
            def ask(c):
                return llm_query(f"{q}: {c}").strip()
            for c in context[:half]:
                table[q, c] = ask(c)
        print(sorted(table.items()))
    """), calls=lambda n: n // 2 * 2, peak=lambda n: n // 2 * 2, plain_peak=_one),
    "unpacking the answer": Idiom(_code("""
        def ask(c):
            verdict, rest = llm_query(f"Q {c}").strip().split(":", 1)
            return verdict
        print([ask(c) for c in context])
    """), plain_peak=_one),
    "map with own function": Idiom(_code("""
        def ask(c):
            return llm_query(f"Q {c}").strip()
        print(list(map(ask, context)))
    """), plain_peak=_one),
    "second call needs the first": Idiom(_code("""
        def study(c):
            a = llm_query(f"A {c}").strip()
            return llm_query(f"B {a}").strip()
        out = []
        for c in context:
            out.append(study(c))
        print(out)
    """), calls=_twice, plain_peak=_one),
    "second call under a branch": Idiom(_code("""
        out = []
        for c in context:
            r = llm_query(f"Is it? {c}").strip()
            if r.startswith("yes"):
                out.append(llm_query(f"Why? {c}").strip())
        print(out)
    """), calls=lambda n: n + sum("yes" in say(f"Is it? {c}") for c in texts(n))),
    # -- what cannot overlap, or only a little
    "depends on the answer before": Idiom(_code("""
        summary = ""
        for c in context:
            summary = llm_query(f"{c} after {summary[:20]}").strip()
        print(summary)
    """), peak=_one),
    "stops when found": Idiom(_code(f"""
        found = None
        for c in context:
            r = llm_query(f"Q {{c}}")
            if "chunk {FOUND} " in r:
                found = r.strip()
                break
        print(found)
    """), calls=_until_found, peak=_few, most=_and_few, plain_peak=_one),
    "stops when found, in a function": Idiom(_code(f"""
        def find():
            for i, c in enumerate(context):
                if "chunk {FOUND} " in llm_query(f"Q {{c}}"):
                    return i
            return -1
        print(find())
    """), calls=_until_found, peak=_few, most=_and_few, plain_peak=_one),
    "any": Idiom(_code(f"""
        print(any("chunk {FOUND} " in llm_query(f"Q {{c}}") for c in context))
    """), calls=_until_found, peak=_few, most=_and_few, plain_peak=_one),
    "while until it is good": Idiom(_code(f"""
        tries = 0
        while True:
            r = llm_query(f"attempt {{tries}} number").strip()
            if tries == {FOUND} or int(r) > 1000:
                break
            tries += 1
        print(tries)
    """), calls=_until_found, peak=_few, most=_and_few, plain_peak=_one),
}  # fmt: skip
