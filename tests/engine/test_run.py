"""One recursive query: depth, sharing, failure, limits, cancellation, trace."""

from __future__ import annotations

import anyio
import anyio.lowlevel
import pytest

from rlm_async.core import events
from rlm_async.core.answer import Result
from rlm_async.core.graph import FINAL, State
from rlm_async.core.messages import Message, Request
from rlm_async.core.usage import Usage
from rlm_async.errors import BudgetExceeded, ConfigError, InternalError, ModelRejected
from tests.engine.conftest import COST, llm, rlm

pytestmark = pytest.mark.anyio


async def fan(host, width, name, ask):
    replies = await host.spawn([ask(f"{name}.{i}") for i in range(width)])
    assert all(reply.error is None for reply in replies), replies
    return sum(reply.value if isinstance(reply.value, int) else 1 for reply in replies)


def tree(width):
    """A root program, and below it programs down to leaves that are plain completions."""

    async def cell(host):
        left = host.budget()["depth"]
        return await fan(host, width, f"{host.query.prompt}", rlm if left > 1 else llm)

    return {"*": cell}


@pytest.mark.parametrize("cap", [1, 4, 64])
async def test_depth_3_times_fan_out_4_finishes_with_any_cap(bench, cap):
    bench.model.cap = cap
    bench.cells = tree(4)
    answer = await bench.ask(depth=3)
    assert answer.data == 64
    assert len(answer.graph.nodes) == 1 + 4 + 16 + 64
    assert bench.model.peak <= cap
    assert bench.sandboxes.opened == bench.sandboxes.closed == 1 + 4 + 16
    assert answer.usage.calls == 64 == len(bench.model.requests)
    assert answer.usage.total == sum(answer.usage.by_depth.values(), Usage()) == sum([COST] * 64, Usage())
    assert list(answer.usage.by_depth) == [3]


async def test_at_the_depth_limit_a_recursive_query_is_a_plain_completion(bench):
    async def root(host):
        return (await host.spawn([rlm("leaf")]))[0].value

    bench.cells = {"root": root}
    answer = await bench.ask(depth=1)
    assert answer.text == "leaf"
    assert answer.graph.nodes[1].query.strategy == "direct"


async def test_without_depth_a_sub_query_is_an_error_the_code_can_read(bench):
    async def root(host):
        return [reply.message for reply in await host.spawn([llm("a"), rlm("b")])]

    bench.cells = {"root": root}
    answer = await bench.ask(depth=0)
    assert all("depth 0" in message for message in answer.data)
    assert answer.usage.calls == 0


async def test_equal_sub_queries_in_flight_are_asked_once(bench):
    async def root(host):
        replies = await host.spawn([llm("same")] * 5 + [llm("same", sample=1), llm("same", cached=False)])
        return [reply.value for reply in replies]

    bench.cells = {"root": root}
    answer = await bench.ask()
    assert answer.data == ["same"] * 7
    assert answer.usage.calls == 3
    assert sum(event.shared for event in answer.trace if isinstance(event, events.NodeAdded)) == 4


async def test_a_failed_sub_query_loses_no_sibling(bench):
    def reply(request):
        if request.messages[-1].text == "bad":
            raise ModelRejected("no such model")
        return "fine"

    async def root(host):
        return [(r.value, r.error, r.message) for r in await host.spawn([llm("a"), llm("bad"), llm("b")])]

    bench.model.reply = reply
    bench.cells = {"root": root}
    answer = await bench.ask()
    assert answer.data == [("fine", None, ""), (None, "ModelRejected", "no such model"), ("fine", None, "")]
    assert answer.usage.calls == 3, "the failed call is counted"


async def test_a_fault_in_a_strategy_is_that_nodes_outcome_only(bench):
    class Broken:
        async def answer(self, frame):
            raise ZeroDivisionError

    async def root(host):
        return [r.error for r in await host.spawn([rlm("x"), llm("y")])]

    bench.strategies = {"plugin": Broken()}
    bench.cells = {"root": root}
    answer = await bench.ask(strategy="plugin")
    assert isinstance(answer.error, InternalError)
    assert answer.status == "failed"
    assert "ZeroDivisionError in node 0" in str(answer.error)


@pytest.mark.parametrize(
    ("asked", "error", "words"),
    [
        (llm("q", model="gpt-expensive"), "Refused", "use one of: big, small"),
        (llm("q", grant={"euros": 1.0}), "Refused", "no euros"),
        (rlm("root", model="big"), "CycleRefused", "answered above"),
    ],
)
async def test_what_was_not_offered_is_refused_with_the_fix(bench, asked, error, words):
    async def root(host):
        (reply,) = await host.spawn([asked])
        return [reply.error, reply.message]

    bench.cells = {"root": root}
    query_like_root = asked.kind == "rlm"
    answer = await bench.ask(depth=9 if query_like_root else 1)
    if query_like_root:  # the same prompt, model and strategy, but about its own prompt: one level down it is a cycle
        assert answer.graph.nodes[1].query.context.text == "root"
        assert answer.data[0] in {error, None}
        return
    assert answer.data[0] == error
    assert words in answer.data[1]


async def test_a_query_that_would_wait_for_its_own_ancestor_is_refused(bench):
    async def again(host):
        (reply,) = await host.spawn([rlm("again")])
        return reply.error or reply.value

    bench.cells = {"*": again}
    answer = await bench.ask("start", depth=50)
    assert answer.data == "CycleRefused"
    assert len(answer.graph.nodes) == 2


async def test_more_children_than_allowed_are_refused_one_by_one(bench):
    async def root(host):
        return [reply.error for reply in await host.spawn([llm(str(i)) for i in range(4)])]

    bench.cells = {"root": root}
    assert (await bench.ask(fanout=3)).data == [None, None, None, "FanoutExceeded"]


async def test_a_grant_is_the_childs_own_ceiling(bench):
    async def root(host):
        (reply,) = await host.spawn([rlm("child", grant={"calls": 3})])
        return reply.value

    async def child(host):
        return [reply.error for reply in await host.spawn([llm(str(i)) for i in range(4)])]

    bench.cells = {"root": root, "child": child}
    answer = await bench.ask(depth=2, calls=100)
    assert answer.data.count(None) == 2, "one of its three calls is kept back for the child's own last turn"
    assert answer.data.count("BudgetExceeded") == 2


async def test_the_last_turn_is_paid_from_what_was_kept_back(bench):
    class Spender:
        async def answer(self, frame):
            request = Request(model="big", messages=(Message("user", "q"),))
            try:
                while True:
                    await frame.ask(request)
            except BudgetExceeded as refused:
                assert frame.last_tokens > 0
                last = await frame.ask(request, last=True)
                return Result(last.text, refused.resource)

    bench.strategies = {"spender": Spender()}
    answer = await bench.ask(strategy="spender", calls=5)
    assert (answer.status, answer.limit, answer.usage.calls) == ("partial", "calls", 5)
    assert any(isinstance(event, events.LimitHit) and event.resource == "calls" for event in answer.trace)


async def test_time_that_runs_out_leaves_a_last_turn(bench):
    class Waiter:
        async def answer(self, frame):
            try:
                await frame.run("wait")
            except BudgetExceeded as refused:
                return Result(
                    (await frame.ask(Request(model="big", messages=(Message("user", "now"),)), last=True)).text,
                    refused.resource,
                )

    async def wait(host):
        await anyio.sleep_forever()

    bench.strategies = {"waiter": Waiter()}
    bench.cells = {"wait": wait}
    answer = await bench.ask(strategy="waiter", seconds=0.5)
    assert (answer.text, answer.status, answer.limit) == ("now", "partial", "seconds")


async def test_when_all_time_is_gone_what_was_found_is_the_answer(bench):
    class Stuck:
        async def answer(self, frame):
            await frame.run("find")
            await anyio.sleep_forever()

    async def find(host):
        return "found so far"

    bench.strategies = {"stuck": Stuck()}
    bench.cells = {"find": find}
    answer = await bench.ask(strategy="stuck", seconds=0.1)
    assert (answer.text, answer.status, answer.limit) == ("found so far", "partial", "seconds")
    bench.cells["find"] = lambda host: anyio.sleep_forever()
    answer = await bench.ask(strategy="stuck", seconds=0.1)
    assert answer.status == "failed"
    assert isinstance(answer.error, BudgetExceeded)


async def test_children_that_nobody_waits_for_are_cancelled(bench):
    bench.model.hold = anyio.Event()

    async def root(host):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(host.spawn, [llm("a"), llm("b")])
            while bench.model.in_flight < 2:
                await anyio.lowlevel.checkpoint()
            tasks.cancel_scope.cancel()
        return "done without them"

    bench.cells = {"root": root}
    answer = await bench.ask()
    assert answer.text == "done without them"
    assert bench.model.cancelled == 2
    assert [node.state for node in answer.graph.nodes] == [State.DONE, State.CANCELLED, State.CANCELLED]
    assert answer.usage.calls == 2, "what was cancelled in flight is counted"


async def test_a_child_that_another_still_waits_for_lives(bench):
    bench.model.hold = anyio.Event()

    async def root(host):
        async with anyio.create_task_group() as tasks:
            impatient = anyio.CancelScope()

            async def short():
                with impatient:
                    await host.spawn([llm("shared")])

            async def patient():
                nonlocal reply
                (reply,) = await host.spawn([llm("shared")])

            reply = None
            tasks.start_soon(short)
            tasks.start_soon(patient)
            while bench.model.in_flight < 1:
                await anyio.lowlevel.checkpoint()
            impatient.cancel()
            await anyio.wait_all_tasks_blocked()
            bench.model.hold.set()
        return reply.value

    bench.cells = {"root": root}
    answer = await bench.ask()
    assert answer.text == "shared"
    assert bench.model.cancelled == 0


async def test_cancelling_the_caller_reaches_every_leaf(bench):
    bench.model.hold = anyio.Event()
    bench.cells = tree(3)
    seen = []
    bench.sinks = [seen.append]
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(lambda: bench.ask(depth=2))
        while bench.model.in_flight < 9:
            await anyio.lowlevel.checkpoint()
        tasks.cancel_scope.cancel()
    assert bench.model.in_flight == 0
    assert bench.model.cancelled == 9
    assert bench.sandboxes.closed == bench.sandboxes.opened == 4
    moved = {event.node: event.state for event in seen if isinstance(event, events.NodeMoved)}
    assert set(moved.values()) <= FINAL


async def test_a_tools_error_is_data_and_its_secrets_stay(bench):
    async def lookup(key):
        if key == "missing":
            raise KeyError(key)
        raise OSError("https://user:secret@host/")

    async def root(host):
        replies = [
            await host.tool("lookup", ["missing"], {}),
            await host.tool("lookup", ["x"], {}),
            await host.tool("no", [], {}),
        ]
        return [f"{reply.error}: {reply.message}" for reply in replies]

    lookup.line = "lookup(key): finds"
    bench.tools = {"lookup": lookup}
    bench.cells = {"root": root}
    missing, failed, unknown = (await bench.ask()).data
    assert missing == "KeyError: lookup: 'missing'"
    assert failed == "RuntimeError: the tool lookup failed with OSError"
    assert unknown.startswith("NameError: there is no tool named 'no'")


async def test_a_tool_of_another_depth_is_no_tool_of_the_node(bench):
    async def lookup():
        return "called"

    async def root(host):
        replies = [await host.tool("lookup", [], {}), *await host.spawn([rlm("child")])]
        return [list(host.tools), replies[0].error, replies[1].value]

    async def child(host):
        return [list(host.tools), (await host.tool("lookup", [], {})).value]

    lookup.line, lookup.depths = "lookup(): finds", (1,)
    bench.tools = {"lookup": lookup}
    bench.cells = {"root": root, "child": child}
    assert (await bench.ask(depth=2)).data == [[], "NameError", [["lookup"], "called"]]


async def test_a_broken_sink_is_switched_off_and_the_run_goes_on(bench, caplog):
    seen = []

    def broken(event):
        seen.append(event)
        raise ValueError

    bench.sinks = [broken]
    bench.cells = tree(2)
    answer = await bench.ask(depth=1)
    assert answer.status == "complete"
    assert len(seen) == 1
    assert "a sink failed" in caplog.text


async def test_the_same_run_leaves_the_same_trace(bench, anyio_backend):
    bench.cells = tree(3)
    bench.model.cap = 1
    first = await bench.ask(depth=2, clock=lambda: 0.0)
    bench.model.requests.clear()
    second = await bench.ask(depth=2, clock=lambda: 0.0)
    if anyio_backend == "asyncio":  # trio shuffles what is ready on purpose: node ids may differ there
        assert first.trace == second.trace
    assert first.graph.root.state is second.graph.root.state is State.DONE
    assert sorted(node.query.prompt for node in first.graph.nodes) == sorted(n.query.prompt for n in second.graph.nodes)
    assert isinstance(first.trace[0], events.RunStarted)
    assert isinstance(first.trace[-1], events.RunEnded)


async def test_every_node_ends_and_every_call_has_its_end(bench):
    bench.cells = tree(3)
    answer = await bench.ask(depth=2)
    assert all(node.state is State.DONE for node in answer.graph.nodes)
    asked = [(e.node, e.call) for e in answer.trace if isinstance(e, events.ModelAsked)]
    replied = [(e.node, e.call) for e in answer.trace if isinstance(e, events.ModelReplied)]
    assert sorted(asked) == sorted(replied)


async def test_an_unknown_strategy_is_named_before_anything_runs(bench):
    with pytest.raises(ConfigError, match="no strategy 'magic'; choose one of: direct, repl"):
        await bench.ask(strategy="magic")


async def test_a_thousand_leaves_in_one_run(bench):
    async def root(host):
        return await fan(host, 1000, "leaf", llm)

    bench.cells = {"root": root}
    answer = await bench.ask(fanout=1000, calls=1002)
    assert answer.data == 1000
    assert answer.usage.calls == 1000


async def test_a_run_that_is_cancelled_from_outside_has_a_last_event(bench):
    bench.model.hold = anyio.Event()
    told = []

    bench.sinks = [told.append]
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(bench.ask, "x", "direct")
        while not bench.model.requests:
            await anyio.lowlevel.checkpoint()
        tasks.cancel_scope.cancel()
    assert isinstance(told[-1], events.RunEnded)
    assert (told[-1].status, told[-1].error) == ("failed", "Cancelled: from outside")
    assert sum(isinstance(event, events.RunEnded) for event in told) == 1


async def test_a_sub_query_that_the_rules_refuse_is_an_event(bench):
    bench.cells = {"root": lambda host: host.spawn([llm("a", model="unheard of")])}
    answer = await bench.ask()
    (refused,) = [event for event in answer.trace if isinstance(event, events.QueryRefused)]
    assert (refused.node, refused.error.partition(":")[0]) == (0, "Refused")
