"""Asynchronous code in cells: tasks, asyncio's and concurrent.futures' names, waiting without a clock."""

import pytest

from tests.sandbox.runtime.runtime_fakes import FakeLink, Repl

CONTEXT = [f"c{i}" for i in range(6)]

SHAPES = {
    "gather coroutines": ("async def f(c):\n    return (await llm_query(c)).strip()\nprint(await gather(*[f(c) for c in context]))", 6),
    "gather without await": ("r = gather(*[llm_query(c) for c in context])\nprint([x.strip() for x in r])", 6),
    "gather one list": ("print([x.strip() for x in await gather([llm_query(c) for c in context])])", 6),
    "create_task, then await": (
        "import asyncio\nasync def f(c):\n    return (await llm_query(c)).strip()\nts = [asyncio.create_task(f(c)) for c in context]\nprint([await t for t in ts])", 6,
    ),
    "asyncio.run inside a cell": (
        "import asyncio\nasync def main():\n    out = []\n    for c in context:\n        out.append((await llm_query(c)).strip())\n    return out\nprint(asyncio.run(main()))", 6,
    ),
    "run_until_complete": (
        "import asyncio\nasync def f(c):\n    return (await llm_query(c)).strip()\nloop = asyncio.get_event_loop()\nprint(loop.run_until_complete(asyncio.gather(*[f(c) for c in context])))", 6,
    ),
    "nest_asyncio": (
        "import asyncio, nest_asyncio\nnest_asyncio.apply()\nasync def f(c):\n    return (await llm_query(c)).strip()\nasync def main():\n    return await asyncio.gather(*map(f, context))\nprint(asyncio.run(main()))", 6,
    ),
    "task group": (
        "import asyncio\nasync def f(c):\n    return (await llm_query(c)).strip()\nasync with asyncio.TaskGroup() as tg:\n    ts = [tg.create_task(f(c)) for c in context]\nprint([t.result() for t in ts])", 6,
    ),
    "semaphore of two": (
        "import asyncio\nsem = asyncio.Semaphore(2)\nasync def f(c):\n    async with sem:\n        return (await llm_query(c)).strip()\nprint(await asyncio.gather(*[f(c) for c in context]))", 2,
    ),
    "lock": (
        "import asyncio\nlock = asyncio.Lock()\nout = []\nasync def f(c):\n    async with lock:\n        out.append((await llm_query(c)).strip())\nawait asyncio.gather(*[f(c) for c in context])\nprint(out)", 1,
    ),
    "queue with workers": (
        "import asyncio\nq = asyncio.Queue()\nout = {}\nfor c in context:\n    q.put_nowait(c)\nasync def worker():\n    while not q.empty():\n        c = await q.get()\n        out[c] = (await llm_query(c)).strip()\n        q.task_done()\nawait asyncio.gather(*[worker() for _ in range(3)])\nprint([out[c] for c in context])", 3,
    ),
    "to_thread": ("import asyncio\nprint([x.strip() for x in await asyncio.gather(*[asyncio.to_thread(llm_query, c) for c in context])])", 6),
    "wait_for": (
        "import asyncio\nasync def f(c):\n    return (await asyncio.wait_for(llm_query(c), timeout=5)).strip()\nprint(await asyncio.gather(*[f(c) for c in context]))", 6,
    ),
    "sleep between starts": (
        "import asyncio\nasync def f(c):\n    return (await llm_query(c)).strip()\nts = []\nfor c in context:\n    ts.append(asyncio.create_task(f(c)))\n    await asyncio.sleep(0.1)\nprint(await asyncio.gather(*ts))", 6,
    ),
    "polling until done": (
        "import asyncio\nasync def f(c):\n    return (await llm_query(c)).strip()\nts = [asyncio.create_task(f(c)) for c in context]\nwhile not all(t.done() for t in ts):\n    await asyncio.sleep(0.5)\nprint([t.result() for t in ts])", 6,
    ),
    "asyncio.wait": (
        "import asyncio\nasync def f(c):\n    return (await llm_query(c)).strip()\ndone, pending = await asyncio.wait([asyncio.create_task(f(c)) for c in context])\nprint(sorted(t.result() for t in done), len(pending))", 6,
    ),
    "pool submit, as_completed": (
        "from concurrent.futures import ThreadPoolExecutor, as_completed\nout = {}\nwith ThreadPoolExecutor(4) as ex:\n    fs = {ex.submit(llm_query, c): c for c in context}\n    for f in as_completed(fs):\n        out[fs[f]] = f.result().strip()\nprint(sorted(out.items()))", 6,
    ),
    "pool submit of own function": (
        "import concurrent.futures\ndef work(i, c):\n    return i, llm_query(c).strip()\nwith concurrent.futures.ThreadPoolExecutor(max_workers=3) as ex:\n    fs = [ex.submit(work, i, c) for i, c in enumerate(context)]\n    print([f.result() for f in fs])", 6,
    ),
    "pool over pairs": (
        "from concurrent.futures import ThreadPoolExecutor\nwith ThreadPoolExecutor() as ex:\n    print(list(ex.map(lambda a, b: llm_query(a + b).strip(), context, 'abcdef')))", 6,
    ),
    "threads": (
        "import threading\nout = {}\nlock = threading.Lock()\ndef work(c):\n    r = llm_query(c).strip()\n    with lock:\n        out[c] = r\nts = [threading.Thread(target=work, args=(c,)) for c in context]\nfor t in ts:\n    t.start()\nfor t in ts:\n    t.join()\nprint(sorted(out.items()))", 6,
    ),
    "spawn own function": ("def work(c):\n    return llm_query(c).strip()\nhs = [spawn(work, c) for c in context]\nprint([h.result() for h in hs])", 6),
    "spawn a coroutine": ("async def f(c):\n    return (await llm_query(c)).strip()\nhs = [spawn(f(c)) for c in context]\nprint([await h for h in hs])", 6),
    "as_completed, no import": ("hs = [spawn(llm_query, c) for c in context]\nprint(sorted(h.result().strip() for h in as_completed(hs)))", 6),
    "async comprehension": ("async def f(c):\n    return (await llm_query(c)).strip()\nprint([await f(c) for c in context])", 1),
    "async generator": ("async def g():\n    for c in context:\n        yield (await llm_query(c)).strip()\nasync for r in g():\n    print(r)", 1),
    "two steps in each task": (
        "async def f(c):\n    a = await llm_query(c)\n    return (await llm_query('again ' + a.strip())).strip()\nprint(await gather(*[f(c) for c in context]))", 6,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("order", [min, max], ids=["oldest", "newest"])
def test_a_shape_of_concurrency_overlaps_as_it_says(name, order):
    source, peak = SHAPES[name]
    plain, lazy = Repl(CONTEXT, lazy=False), Repl(CONTEXT, FakeLink(order=order))
    expected = plain.run(source)
    assert "yes c5" in expected
    assert lazy.run(source) == expected
    assert sorted(lazy.link.prompts) == sorted(plain.link.prompts)
    assert lazy.link.peak == peak
    assert lazy.link.left == 0


def test_gather_gives_errors_in_their_places_when_asked():
    repl = Repl()
    out = repl.run(
        "import asyncio\nasync def f(p):\n    return (await llm_query(p)).strip()\n"
        "r = await asyncio.gather(f('a'), f('FAIL b'), f('c'), return_exceptions=True)\n"
        "print(r[0], type(r[1]).__name__, isinstance(r[1], Exception), r[2])"
    )
    assert out == "yes a ModelUnavailable True yes c\n"


def test_gather_raises_the_first_error_and_loses_no_sibling():
    repl = Repl()
    error = repl.fails(
        "import asyncio\ndone = []\nasync def f(p):\n    r = await llm_query(p)\n    done.append(r.strip())\n"
        "await asyncio.gather(f('a'), f('FAIL b'), f('c'))"
    )
    assert error["type"] == "ModelUnavailable"
    assert error["line"] == 4
    assert repl.value("done") == ["yes a", "yes c"]


def test_first_gives_the_first_and_cancels_the_rest():
    repl = Repl(link=FakeLink(order=max))
    assert repl.run("print(first([spawn(llm_query, p) for p in ('a', 'b', 'c')]))") == " yes c \n"
    assert sorted(repl.link.cancelled) == ["a", "b"]


def test_a_handle_can_be_asked_and_cancelled():
    repl = Repl()
    out = repl.run(
        "h = spawn(llm_query, 'a')\nprint(h.done(), h.cancel(), h.done(), h.cancelled(), h.cancel())\ntry:\n    h.result()\nexcept Exception as e:\n    print(type(e).__name__)"
    )
    assert out == "False True True True False\nCancelled\n"
    assert repl.link.cancelled == ["a"]


def test_asking_done_in_a_loop_comes_to_an_end():
    repl = Repl()
    assert (
        repl.run("import time\nh = spawn(llm_query, 'a')\nwhile not h.done():\n    time.sleep(0.01)\nprint(h.result())")
        == " yes a \n"
    )


def test_tasks_that_wait_for_each_other_are_an_error_not_a_hang():
    repl = Repl()
    error = repl.fails("import asyncio\nq = asyncio.Queue()\nprint(await q.get())")
    assert error["type"] == "Deadlock"
    assert "waits for another" in error["message"]
    assert repl.run("print(llm_query('x').strip())") == "yes x\n"


def test_a_timeout_strikes_where_only_time_is_waited_for():
    repl = Repl()
    out = repl.run(
        "import asyncio\ntry:\n    await asyncio.wait_for(asyncio.sleep(10), timeout=1)\nexcept asyncio.TimeoutError as e:\n    print('late')"
    )
    assert out == "late\n"


def test_sleeping_tasks_wake_in_the_order_of_their_times():
    repl = Repl()
    out = repl.run(
        "import asyncio\nasync def f(n):\n    await asyncio.sleep(n)\n    print(n)\nr = await asyncio.gather(f(3), f(1), f(2))"
    )
    assert out == "1\n2\n3\n"


def test_tasks_nobody_waits_for_are_joined_at_the_end_of_the_cell():
    repl = Repl()
    repl.run(
        "out = []\nasync def f(p):\n    out.append((await llm_query(p)).strip())\nspawn(f('a'))\nspawn(f('b'))\nNone"
    )
    assert repl.value("out") == ["yes a", "yes b"]


def test_a_task_that_failed_unseen_is_told():
    repl = Repl()
    out = repl.run("async def f():\n    raise ValueError('lost')\nt = spawn(f())")
    assert "ValueError: lost" in out


def test_an_answer_cancels_what_still_runs_and_says_so():
    repl = Repl()
    out = repl.run(
        "async def f(p):\n    return await llm_query(p)\nspawn(f('a'))\nh = spawn(llm_query, 'b')\nFINAL('done')"
    )
    assert repl.result["answer"] == {"value": "done"}
    assert "cancelled" in out
    assert repl.link.cancelled == ["b"]
    assert repl.link.left == 0


def test_a_forgotten_await_is_told():
    repl = Repl()
    out = repl.run("async def f():\n    return 1\nr = f()")
    assert "never awaited: r" in out
    assert repl.run("print('once')") == "once\n"
    assert repl.run("print(await r)") == "1\n"


def test_a_coroutine_as_the_last_expression_is_run():
    assert Repl().run("async def f():\n    return 41 + 1\nf()") == "42\n"


def test_many_blocking_tasks_do_not_exhaust_the_stack():
    repl = Repl([f"c{i}" for i in range(400)])
    out = repl.run(
        "from concurrent.futures import ThreadPoolExecutor\ndef work(c):\n    return llm_query(c).strip()\nwith ThreadPoolExecutor() as ex:\n    out = list(ex.map(work, context))\nprint(len(out), out[-1])"
    )
    assert out == "400 yes c399\n"
    assert repl.link.peak > 10


@pytest.mark.parametrize(
    "source",
    [
        "spawn(type, 'X', (), {}).result()",
        "from concurrent.futures import ThreadPoolExecutor\nwith ThreadPoolExecutor() as ex:\n    list(ex.map(type, ['X'], [()], [{}]))",
        "import threading\nt = threading.Thread(target=type, args=('X', (), {}))\nt.start()\nspawn(type, 'X', (), {}).result()",
        "import asyncio\nawait asyncio.to_thread(type, 'X', (), {})",
    ],
)
def test_what_code_may_not_call_no_task_calls_for_it(source):
    repl = Repl()
    error = repl.fails(source)
    assert error["type"] in {"PolicyError", "TypeError"}
    assert "X" not in str(repl.interpreter.variables())


def test_a_callback_runs_at_the_end_of_its_task():
    repl = Repl()
    out = repl.run(
        "h = spawn(llm_query, 'a')\nh.add_done_callback(lambda t: print('done', t.result().strip()))\nh.result().strip()"
    )
    assert out == "done yes a\n'yes a'\n"


def test_tools_run_one_after_the_other_unless_spawned():
    repl = Repl(tools={"fetch": "fetch(url)"})
    assert repl.run("print([fetch(u) for u in ('a', 'b', 'c')][1])") == "['fetch', ['b'], {}]\n"
    assert repl.link.peak == 1
    repl.run(
        "from concurrent.futures import ThreadPoolExecutor\nwith ThreadPoolExecutor() as ex:\n    r = list(ex.map(fetch, 'abc'))"
    )
    assert repl.link.peak == 3
    assert repl.run("print([h.result()[1] for h in [spawn(fetch, u, n=1) for u in 'ab']])") == "[['a'], ['b']]\n"
