"""The idioms: code as models write it, what it must print, and how its calls may overlap.

`context` is a list of `n` texts. Replies are a function of the prompt (`say`), so the sequential program has
one right output. Counts are given for `n` texts.
"""

from __future__ import annotations

from benchmarks.idioms.idiom import FOUND, Idiom, and_few, cell, few, one, say, texts, twice, until_found

IDIOMS: dict[str, Idiom] = {
    # -- nothing depends on an answer before: handles and prefetch are enough
    "plain loop": Idiom(cell("""
        out = []
        for c in context:
            out.append(llm_query(f"Q {c}"))
        print(out)
    """), goal=1.5),
    "batched": Idiom(cell("""
        out = llm_query_batched([f"Q {c}" for c in context])
        print(out)
    """), goal=1.25),
    "comprehension": Idiom(cell("""
        out = [llm_query(f"Q {c}") for c in context]
        print(out)
    """), goal=1.6),
    "branch on the answer": Idiom(cell("""
        hits = []
        for c in context:
            r = llm_query(f"Is it? {c}")
            if "yes" in r:
                hits.append(c)
        print(hits)
    """), goal=1.6),
    "branch with else": Idiom(cell("""
        good, bad = [], []
        for i, c in enumerate(context):
            r = llm_query(f"Is it? {c}").strip().lower()
            if r.startswith("yes"):
                good.append(i)
            else:
                bad.append(i)
        print(good, bad)
    """)),
    "print in the loop": Idiom(cell("""
        for i, c in enumerate(context):
            r = llm_query(f"Q {c}")
            print(i, r)
    """), goal=1.6),
    "try/except": Idiom(cell("""
        out = []
        for c in context:
            try:
                r = llm_query(f"Q {c}")
                out.append(r.upper())
            except Exception as e:
                out.append(f"failed: {e}")
        print(out)
    """), goal=1.6),
    "json.loads": Idiom(cell("""
        import json
        rows = []
        for c in context:
            rows.append(json.loads(llm_query(f"json {c}"))["score"])
        print(rows)
    """), goal=1.6),
    "json.loads in try": Idiom(cell("""
        import json
        rows, broken = [], 0
        for c in context:
            try:
                rows.append(json.loads(llm_query(f"json {c}")))
            except ValueError:
                broken += 1
        print(sum(row["score"] for row in rows), broken)
    """)),
    "dict of results": Idiom(cell("""
        answers = {}
        for i, c in enumerate(context):
            answers[i] = llm_query(f"Q {c}").strip()
        print(answers)
    """), goal=1.6),
    ".strip() and int()": Idiom(cell("""
        total = 0
        for c in context:
            total += int(llm_query(f"number {c}").strip())
        print(total)
    """), goal=1.6),
    "two independent calls": Idiom(cell("""
        out = []
        for c in context:
            a = llm_query(f"A {c}").strip()
            b = llm_query(f"B {c}").strip()
            out.append((a, b))
        print(out)
    """), calls=twice, peak=lambda n: min(2 * n, 64), goal=1.6),
    "merge at the end": Idiom(cell("""
        parts = []
        for c in context:
            parts.append(llm_query(f"Q {c}"))
        print(llm_query("merge: " + " | ".join(parts)))
    """), calls=lambda n: n + 1),
    "sorting by answer": Idiom(cell("""
        ranked = sorted(context, key=lambda c: int(llm_query(f"number {c}")))
        print(ranked[:3])
    """), plain_peak=one),
    "filter in a comprehension": Idiom(cell("""
        kept = [c for c in context if "yes" in llm_query(f"Is it? {c}").lower()]
        print(len(kept))
    """)),
    "gather": Idiom(cell("""
        import asyncio
        out = await asyncio.gather(*[llm_query(f"Q {c}") for c in context])
        print(out)
    """)),
    "gather of own async def": Idiom(cell("""
        import asyncio
        async def work(c):
            r = await llm_query(f"Q {c}")
            return r.strip()
        async def main():
            return await asyncio.gather(*[work(c) for c in context])
        print(asyncio.run(main()))
    """)),
    "threads": Idiom(cell("""
        from concurrent.futures import ThreadPoolExecutor
        def work(c):
            return llm_query(f"Q {c}").strip()
        with ThreadPoolExecutor(max_workers=64) as pool:
            out = list(pool.map(work, context))
        print(out)
    """)),
    "threads, as completed": Idiom(cell("""
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
    "helper function": Idiom(cell("""
        def ask(c):
            r = llm_query(f"Q {c}")
            return r.strip().lower()
        out = []
        for c in context:
            out.append(ask(c))
        print(out)
    """), plain_peak=one, goal=1.6),
    "helper that decides": Idiom(cell("""
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
    """), plain_peak=one),
    "helper with json and try": Idiom(cell("""
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
    """), plain_peak=one),
    "while and a counter": Idiom(cell("""
        i = 0
        out = []
        while i < len(context):
            r = llm_query(f"Q {context[i]}")
            out.append(r.strip())
            i += 1
        print(out)
    """), plain_peak=one, goal=1.6),
    "while and a queue": Idiom(cell("""
        todo = list(context)
        out = []
        while todo:
            c = todo.pop(0)
            r = llm_query(f"Q {c}")
            out.append(r.strip())
        print(out)
    """), plain_peak=one),
    "counting labels": Idiom(cell("""
        def label(c):
            return llm_query(f"Q {c}").strip().split(":")[0]
        counts = {}
        for c in context:
            name = label(c)
            counts[name] = counts.get(name, 0) + 1
        print(sorted(counts.items()))
    """), plain_peak=one),
    "method of a class": Idiom(cell("""
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
    """), plain_peak=one),
    "generator": Idiom(cell("""
        def results(chunks):
            for c in chunks:
                r = llm_query(f"Q {c}")
                if r.strip().startswith("yes"):
                    yield c, r.strip()
        print([c for c, r in results(context)])
    """), plain_peak=one),
    "nested loops": Idiom(cell("""
        half = len(context) // 2
        table = {}
        for q in ["first", "second"]:
            def ask(c):
                return llm_query(f"{q}: {c}").strip()
            for c in context[:half]:
                table[q, c] = ask(c)
        print(sorted(table.items()))
    """), calls=lambda n: n // 2 * 2, peak=lambda n: n // 2 * 2, plain_peak=one),
    "unpacking the answer": Idiom(cell("""
        def ask(c):
            verdict, rest = llm_query(f"Q {c}").strip().split(":", 1)
            return verdict
        print([ask(c) for c in context])
    """), plain_peak=one),
    "map with own function": Idiom(cell("""
        def ask(c):
            return llm_query(f"Q {c}").strip()
        print(list(map(ask, context)))
    """), plain_peak=one),
    "second call needs the first": Idiom(cell("""
        def study(c):
            a = llm_query(f"A {c}").strip()
            return llm_query(f"B {a}").strip()
        out = []
        for c in context:
            out.append(study(c))
        print(out)
    """), calls=twice, plain_peak=one),
    "second call under a branch": Idiom(cell("""
        out = []
        for c in context:
            r = llm_query(f"Is it? {c}").strip()
            if r.startswith("yes"):
                out.append(llm_query(f"Why? {c}").strip())
        print(out)
    """), calls=lambda n: n + sum("yes" in say(f"Is it? {c}") for c in texts(n))),
    # -- what cannot overlap, or only a little
    "depends on the answer before": Idiom(cell("""
        summary = ""
        for c in context:
            summary = llm_query(f"{c} after {summary[:20]}").strip()
        print(summary)
    """), peak=one),
    "stops when found": Idiom(cell(f"""
        found = None
        for c in context:
            r = llm_query(f"Q {{c}}")
            if "chunk {FOUND} " in r:
                found = r.strip()
                break
        print(found)
    """), calls=until_found, peak=few, most=and_few, plain_peak=one),
    "stops when found, in a function": Idiom(cell(f"""
        def find():
            for i, c in enumerate(context):
                if "chunk {FOUND} " in llm_query(f"Q {{c}}"):
                    return i
            return -1
        print(find())
    """), calls=until_found, peak=few, most=and_few, plain_peak=one),
    "any": Idiom(cell(f"""
        print(any("chunk {FOUND} " in llm_query(f"Q {{c}}") for c in context))
    """), calls=until_found, peak=few, most=and_few, plain_peak=one),
    "while until it is good": Idiom(cell(f"""
        tries = 0
        while True:
            r = llm_query(f"attempt {{tries}} number").strip()
            if tries == {FOUND} or int(r) > 1000:
                break
            tries += 1
        print(tries)
    """), calls=until_found, peak=few, most=and_few, plain_peak=one),
}  # fmt: skip
