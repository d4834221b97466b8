"""What the runtime lends to code leads nowhere: no module, frame or raw type, and no method of ours beyond the lists."""

import json

import pytest

from rlm_async.sandbox.policy import audit
from tests.sandbox.runtime.runtime_fakes import Repl

pytestmark = [
    pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

OBJECTS = """
import asyncio, threading, concurrent.futures
made = [
    spawn(llm_query, 'a'), asyncio.Semaphore(2), asyncio.Lock(), asyncio.Queue(), asyncio.Event(), asyncio.TaskGroup(),
    asyncio.get_event_loop(), asyncio.timeout(3), asyncio.sleep(0), asyncio.wait_for(llm_query('b'), 1),
    concurrent.futures.ThreadPoolExecutor(), threading.Thread(target=lambda: None), threading.Lock(), llm_query_batched(['c']),
    as_completed([spawn(llm_query, 'd')]), search('x'), gather(llm_query('e')), budget(), QueryError('x'),
]
bound = [made[0].result, made[3].put, made[10].submit]
"""


def test_nothing_that_code_can_reach_is_a_way_out():
    repl = Repl()
    repl.interpreter.run(OBJECTS)
    assert audit(repl.interpreter._space._names) == []


def test_objects_of_ours_show_only_what_is_listed():
    repl = Repl()
    repl.run("import asyncio\nh = spawn(llm_query, 'a')\nq = asyncio.Queue()\nloop = asyncio.get_event_loop()")
    for source in (
        "h._scheduler",
        "h._coroutine",
        "q._items",
        "loop._shim",
        "h.step",
        "loop._shim.scheduler",
        "h.observed",
    ):
        assert repl.fails(source)["type"] in {"AttributeError", "PolicyError"}, source


@pytest.fixture(scope="module")
def attacks(shared):
    lines = (shared / "attacks" / "attacks.jsonl").read_text().splitlines()
    cases = [json.loads(line) for line in lines]
    return [
        case for case in cases if case.get("layer", "language") == "language" and case["goal"] not in {"dos", "output"}
    ]


def test_no_attack_on_the_language_gets_anywhere_through_the_runtime(attacks):
    assert len(attacks) > 100
    for case in attacks:
        repl = Repl()
        repl.interpreter.run(case["code"])
        loot = repl.interpreter._space.variables().get("loot")
        assert loot is None or not str(loot).startswith("WIN"), case["id"]
        assert repl.run("print(llm_query('still').strip(), type(context).__name__)") == "yes still str\n", case["id"]
