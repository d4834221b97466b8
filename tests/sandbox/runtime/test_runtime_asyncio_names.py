"""The less usual names of asyncio, concurrent.futures and threading do what their originals do."""

import pytest

from tests.sandbox.runtime.runtime_fakes import Repl

CASES = {
    "a failing task of a group cancels the others": (
        ("import asyncio\nasync def ok():\n    await asyncio.sleep(9)\n    print('never')\nasync def bad():\n    raise ValueError('b')\n"
        "try:\n    async with asyncio.TaskGroup() as g:\n        a = g.create_task(ok())\n        g.create_task(bad())\nexcept ValueError as e:\n    print('caught', e, a.cancelled())"),
        "caught b True\n",
    ),
    "an error in the body of a group cancels its tasks": (
        "import asyncio\nasync def ok():\n    await asyncio.sleep(9)\ntry:\n    async with asyncio.TaskGroup() as g:\n        a = g.create_task(ok(), name='a')\n        raise KeyError('k')\nexcept KeyError:\n    print(a.cancelled(), a.get_name())",
        "True a\n",
    ),
    "a bounded semaphore counts": (
        "import asyncio\ns = asyncio.BoundedSemaphore(1)\nawait s.acquire()\nprint(s.locked())\ns.release()\ntry:\n    s.release()\nexcept ValueError as e:\n    print(e)",
        "True\nreleased more often than acquired\n",
    ),
    "a full queue waits": (
        ("import asyncio\nq = asyncio.Queue(maxsize=1)\nlog = []\nasync def put():\n    for i in range(3):\n        await q.put(i)\n        log.append(('put', i))\nasync def get():\n    for i in range(3):\n        log.append(('got', await q.get()))\n"
        "await asyncio.gather(put(), get())\nprint(log, q.full(), q.qsize())"),
        "[('put', 0), ('got', 0), ('put', 1), ('got', 1), ('put', 2), ('got', 2)] False 0\n",
    ),
    "nowait on empty and full": (
        "import asyncio\nq = asyncio.Queue(1)\ntry:\n    q.get_nowait()\nexcept asyncio.QueueEmpty:\n    print('empty')\nq.put_nowait(1)\ntry:\n    q.put_nowait(2)\nexcept asyncio.QueueFull:\n    print('full')",
        "empty\nfull\n",
    ),
    "join waits for task_done": (
        "import asyncio\nq = asyncio.Queue()\nq.put_nowait(1)\nasync def work():\n    await q.get()\n    await asyncio.sleep(1)\n    print('worked')\n    q.task_done()\nt = asyncio.create_task(work())\nawait q.join()\nprint('joined')",
        "worked\njoined\n",
    ),
    "wait for the first": (
        "import asyncio\nasync def f(n):\n    await asyncio.sleep(n)\n    return n\nts = [asyncio.create_task(f(n)) for n in (3, 1)]\ndone, pending = await asyncio.wait(ts, return_when=asyncio.FIRST_COMPLETED)\nprint([t.result() for t in done], len(pending))\nfor t in pending:\n    t.cancel()",
        "[1] 1\n",
    ),
    "an event can be cleared": (
        "import asyncio\ne = asyncio.Event()\ne.set()\nawait e.wait()\ne.clear()\nprint(e.is_set())",
        "False\n",
    ),
    "questions about tasks": (
        "import asyncio\nasync def f():\n    return asyncio.current_task().get_name()\nt = asyncio.create_task(f(), name='mine')\nprint(len(asyncio.all_tasks()), asyncio.iscoroutinefunction(f), asyncio.isfuture(t), await t)\nc = f()\nprint(asyncio.iscoroutine(c))\nc.close()",
        "1 True True mine\nTrue\n",
    ),
    "shield, timeout, loops": (
        "import asyncio\nasync def f():\n    return 7\nloop = asyncio.new_event_loop()\nasyncio.set_event_loop(loop)\nasync with asyncio.timeout(1):\n    print(await asyncio.shield(asyncio.create_task(f())), loop.is_running())\nprint(await loop.run_in_executor(None, len, 'abc'), await loop.create_task(f()), loop.time() >= 0)\nloop.close()",
        "7 True\n3 7 True\n",
    ),
    "futures.wait and shutdown": (
        ("from concurrent.futures import ThreadPoolExecutor, wait, FIRST_COMPLETED\nex = ThreadPoolExecutor()\nfs = [ex.submit(len, 'ab'), ex.submit(len, 'c')]\ndone, rest = wait(fs)\nprint(sorted(f.result() for f in done), len(rest))\n"
        "g = ex.submit(len, 'x')\nex.shutdown(cancel_futures=True)\nprint(g.cancelled())\ndone, rest = wait([ex.submit(len, 'q')], return_when=FIRST_COMPLETED)\nprint(len(done))"),
        "[1, 2] 0\nTrue\n1\n",
    ),
    "threads that live": (
        "import threading\nlog = []\nt = threading.Thread(target=lambda *a, **k: log.append((a, k)), args=(1,), kwargs={'b': 2}, daemon=True)\nprint(t.is_alive())\nt.start()\nt.join()\nprint(t.is_alive(), log)",
        "False\nFalse [((1,), {'b': 2})]\n",
    ),
    "a timer of none waits for ever": (
        "import asyncio\nasync def f():\n    return 1\nprint(await asyncio.wait_for(f(), None), await asyncio.sleep(0, 'slept'))",
        "1 slept\n",
    ),
    "plain values may be awaited": ("print(await [1], await 'a', await None, await gather())", "[1] a None []\n"),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_a_name_does_what_its_original_does(name):
    source, expected = CASES[name]
    assert Repl().run(source) == expected


MISUSES = {
    "await 3 + await open": ("await (lambda: 1)", "cannot be awaited"),
    "spawn of a number": ("spawn(3)", "spawn() takes a function"),
    "as_completed of a text": ("list(as_completed('ab'))", "takes a list of handles"),
    "first of nothing": ("first([])", "at least one handle"),
    "negative semaphore": ("import asyncio\nasyncio.Semaphore(-1)", "must be >= 0"),
}


@pytest.mark.parametrize("name", MISUSES)
def test_a_misuse_says_what_is_expected(name):
    source, part = MISUSES[name]
    assert part in Repl().fails(source)["message"]


def test_every_form_of_a_query_arrives_as_plain_data():
    repl = Repl()
    repl.run(
        "llm_query([{'role': 'user', 'content': 'hi'}])\nllm_query(7)\nllm_query('a', {'k': 'v'})\nllm_query('b', [{'x': 1}])\n"
        "llm_query('c', schema=int)\nllm_query('d', schema='{\"b\": 1, \"a\": 2}')\nrlm_query_batched(('e', 'f'), 'shared')"
    )
    sent = [payload for _, payload in repl.link.calls]
    assert [p["prompt"] for p in sent] == ["user: hi", "7", "a", "b", "c", "d", "e", "f"]
    assert [p["context"] for p in sent] == [None, None, {"k": "v"}, '[{"x": 1}]', None, None, "shared", "shared"]
    assert [p["schema"] for p in sent[4:6]] == ['{"type":"integer"}', '{"a":2,"b":1}']


def test_handles_inside_prepared_functions_and_methods_give_way_too():
    repl = Repl()
    repl.run(
        "from functools import partial\nclass B:\n    def __init__(self, v):\n        self.v = v\n    def get(self):\n        return self.v\n"
        "def f(a, b=llm_query('x')):\n    return b\np = partial(f, [llm_query('y')])\nm = B(llm_query('z')).get\nk = {llm_query('k'): 1}\nt = {(llm_query('t'), 1)}"
    )
    assert repl.run("print(f(1), p(), m(), k, t)") == " yes x   yes x   yes z  {' yes k ': 1} {(' yes t ', 1)}\n"
