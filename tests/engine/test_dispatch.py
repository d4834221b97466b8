"""Sub-queries that are begun and told of, with nobody waiting for them."""

from __future__ import annotations

import anyio
import pytest

from rlm_async.core.graph import State
from rlm_async.errors import ModelRejected
from tests.engine.conftest import llm, rlm

pytestmark = pytest.mark.anyio


async def test_each_is_told_once_with_what_spawn_would_have_said(bench):
    def reply(request):
        if request.messages[-1].text == "bad":
            raise ModelRejected("no such model")
        return request.messages[-1].text

    asked = [llm("a"), llm("bad"), llm("a"), llm("b", sample=1)]

    async def root(host):
        told = {}
        for number, query in enumerate(asked):
            host.submit(query, lambda reply, number=number: told.setdefault(number, []).append(reply))
        while len(told) < len(asked):
            await anyio.lowlevel.checkpoint()
        spawned = await host.spawn(asked)
        host.submit(llm("a"), lambda reply: told.setdefault("there", []).append(reply))
        assert told == {**{number: [reply] for number, reply in enumerate(spawned)}, "there": [spawned[0]]}
        return [(reply.value, reply.error) for reply in spawned]

    bench.model.reply = reply
    bench.cells = {"root": root}
    answer = await bench.ask()
    assert answer.data == [("a", None), (None, "ModelRejected"), ("a", None), ("b", None)]
    assert answer.usage.calls == 4, "what failed is asked again"


async def test_what_the_rules_refuse_is_told_at_once(bench):
    told = []

    async def root(host):
        host.submit(llm("a"), told.append).cancel()
        return [each.error for each in told]

    bench.cells = {"root": root}
    answer = await bench.ask(depth=0)
    assert answer.data == ["Refused"]


async def test_what_is_given_up_is_cancelled_unless_another_waits_and_is_never_told(bench):
    bench.model.hold = anyio.Event()
    told = []

    async def root(host):
        alone, one = host.submit(llm("alone"), told.append), host.submit(llm("shared"), told.append)
        host.submit(llm("shared"), told.append)
        while len(bench.model.requests) < 2:
            await anyio.lowlevel.checkpoint()
        for begun in (alone, one, alone):
            begun.cancel()
        while not bench.model.cancelled:
            await anyio.lowlevel.checkpoint()
        bench.model.hold.set()
        while not told:
            await anyio.lowlevel.checkpoint()
        one.cancel()  # over: harmless
        return [each.value for each in told]

    bench.cells = {"root": root}
    answer = await bench.ask()
    assert answer.data == ["shared"]
    assert bench.model.cancelled == 1
    assert [node.state for node in answer.graph.nodes] == [State.DONE, State.CANCELLED, State.DONE]


async def test_a_node_that_waits_for_something_submitted_is_waiting(bench):
    states = []

    async def root(host):
        node = host.node
        first, second = host.submit(rlm("x"), lambda _: None), host.submit(rlm("y"), lambda _: None)
        states.append(node.state)
        first.cancel()
        states.append(node.state)
        second.cancel()
        states.append(node.state)

    async def never(host):
        await anyio.sleep_forever()

    bench.cells = {"root": root, "*": never}
    await bench.ask(depth=2)
    assert states == [State.WAITING, State.WAITING, State.RUNNING]
