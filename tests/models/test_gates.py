"""The gates of a process: what one question, one object or one thread has learned holds for all."""

import threading

import anyio
import anyio.to_thread
import pytest

from rlm_async.core.budget import Budget
from rlm_async.core.messages import Message, Place, Request
from rlm_async.core.usage import Limits, Rates
from rlm_async.errors import ModelUnavailable, RateLimited
from rlm_async.models.gate import Gate
from rlm_async.models.gates import Gates, Same, strictest
from rlm_async.models.retry import Patience
from rlm_async.models.stack import Rings
from rlm_async.models.table import ModelTable, Sources
from rlm_async.testing import ScriptedModel

pytestmark = pytest.mark.anyio
URL = "http://127.0.0.1:1/v1"


def request(prompt="?", model="m"):
    return Request(model=model, messages=(Message("user", prompt),), max_tokens=10)


def budget():
    return Budget("run", Limits())


@pytest.fixture
def gates():
    return Gates(anyio.current_time)


def tabled(gates, fake, rates=None, **more):
    return ModelTable(Sources(given={"m": fake}), Rings(rates=rates or Rates(), gates=gates, **more))


async def test_what_one_question_has_sent_counts_against_the_next(gates):
    fake = ScriptedModel("yes")
    began = anyio.current_time()
    for _ in range(3):
        async with tabled(gates, fake, Rates(requests_per_minute=5)) as table:
            for number in range(5):
                await table(request(str(number)), budget())
    assert 120 <= anyio.current_time() - began < 123  # fifteen requests, five a minute


async def test_several_objects_at_once_share_one_cap(gates):
    fake = ScriptedModel("yes", latency=1.0)
    rates = Rates(concurrency=3)
    async with (
        tabled(gates, fake, rates) as one,
        tabled(gates, fake, rates) as other,
        anyio.create_task_group() as group,
    ):
        for number in range(10):
            group.start_soon(one, request(str(number)), budget())
            group.start_soon(other, request(str(number)), budget())
    assert (fake.calls, fake.peak) == (20, 3)


async def test_a_pause_that_one_was_told_holds_for_the_other(gates):
    first = iter([RateLimited("slow down", 30.0)])
    fake = ScriptedModel(lambda asked: next(first, "yes"))
    async with tabled(gates, fake, patience=Patience(attempts=1)) as table:
        with pytest.raises(RateLimited):
            await table(request(), budget())
    began = anyio.current_time()
    async with tabled(gates, fake) as table:
        await table(request(), budget())
    assert anyio.current_time() - began == pytest.approx(30)


async def test_a_model_that_one_found_down_is_passed_over_by_the_other(gates):
    down, spare = ScriptedModel(lambda asked: ModelUnavailable("down")), ScriptedModel("spare")
    for _ in range(2):
        sources = Sources(given={"m": down, "n": spare})
        async with ModelTable(sources, Rings(gates=gates, haste=Patience(attempts=1)), ["n"]) as table:
            await table(request(), budget())
    assert (down.calls, spare.calls) == (1, 2)
    await anyio.sleep(31)
    async with ModelTable(sources, Rings(gates=gates, haste=Patience(attempts=1)), ["n"]) as table:
        await table(request(), budget())
    assert down.calls == 2, "after a rest it is tried again"


async def test_where_all_are_down_all_are_tried(gates):
    down = {name: ScriptedModel(lambda asked: ModelUnavailable("down")) for name in "mn"}
    async with ModelTable(Sources(given=down), Rings(gates=gates, patience=Patience(attempts=1)), ["n"]) as table:
        for _ in range(2):
            with pytest.raises(ModelUnavailable):
                await table(request(), budget())
    assert down["n"].calls == 2


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (Sources(api_base=URL, api_key="a"), Sources(api_base=URL, api_key="a"), True),
        (Sources(api_base=URL, api_key="a"), Sources(api_base=URL, api_key="b"), False),
        (Sources(api_base=URL), Sources(api_base="http://127.0.0.1:2/v1"), False),
        (Sources(), Sources(), True),
        (Sources(api_key="a"), Sources(), False),
        (Sources(given={"m": len}), Sources(given={"m": len}), True),
        (Sources(given={"m": len}), Sources(given={"m": max}), False),
    ],
    ids=["same", "other-key", "other-server", "provider", "provider-other-key", "same-object", "other-object"],
)
def test_who_is_counted_together(one, other, same):
    assert (one.account("m") == other.account("m")) is same
    assert one.account("m") != one.account("n") or "m" in one.given


def test_an_account_does_not_hold_its_key():
    assert "sk-secret" not in repr(Sources(api_base=URL, api_key="sk-secret").account("m"))


def test_of_several_rates_the_strictest_hold():
    rates = [Rates(concurrency=9, requests_per_minute=60), Rates(concurrency=20, tokens_per_minute=1_000)]
    assert strictest(rates) == Rates(concurrency=9, requests_per_minute=60, tokens_per_minute=1_000)


async def test_rates_of_one_that_has_left_hold_no_longer(gates):
    tight, wide = Rates(concurrency=1), Rates(concurrency=8)
    gate = gates.join("account", wide)
    assert gates.join("account", tight) is gate
    assert gate.statistics().ceiling == 1
    gates.leave("account", tight)
    assert gate.statistics().ceiling == 8


async def test_what_plays_no_part_any_more_is_forgotten(gates):
    gate = gates.join("old", Rates(requests_per_minute=10))
    gate.leave(await gate.enter(Place(), 1))
    gates.leave("old", Rates(requests_per_minute=10))
    gates.join("new", Rates())
    assert len(gates) == 2
    await anyio.sleep(61)
    gates.join("new", Rates())
    assert len(gates) == 1


def test_an_object_as_a_key_does_not_keep_it_alive():
    class Model:
        pass

    model = Model()
    key = Same(model)
    assert key == Same(model)
    assert key != Same(Model())
    del model
    assert key != Same(Model())


async def test_a_lower_rate_counts_what_was_sent_before(gates):
    gate = gates.join("account", Rates(requests_per_minute=100))
    for _ in range(4):
        gate.leave(await gate.enter(Place(), 1))
    gates.join("account", Rates(requests_per_minute=4))
    began = anyio.current_time()
    gate.leave(await gate.enter(Place(), 1))
    assert anyio.current_time() - began == pytest.approx(60, abs=1)


class TestThreads:
    """Several event loops in one process: a notebook, a web server that asks in threads."""

    @pytest.fixture
    def anyio_backend(self):
        return "asyncio"

    @pytest.mark.parametrize("backends", [("asyncio", "asyncio"), ("asyncio", "trio"), ("trio", "asyncio")])
    def test_one_loop_wakes_those_of_another(self, backends):
        gate = Gate(Rates(concurrency=1), clock=lambda: 0.0)
        inside, waiting, order = threading.Event(), threading.Event(), []

        async def first():
            ticket = await gate.enter(Place(), 1)
            inside.set()
            await anyio.to_thread.run_sync(waiting.wait)
            while gate.statistics().waiting == 0:
                await anyio.sleep(0.001)
            order.append("first")
            gate.leave(ticket)

        async def second():
            await anyio.to_thread.run_sync(inside.wait)
            waiting.set()
            ticket = await gate.enter(Place(), 1)
            order.append("second")
            gate.leave(ticket)

        threads = [
            threading.Thread(target=anyio.run, args=(work,), kwargs={"backend": backend})
            for work, backend in zip((first, second), backends, strict=True)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
        assert order == ["first", "second"]
        assert gate.statistics().in_flight == 0

    def test_many_loops_never_pass_the_cap(self):
        gate = Gate(Rates(concurrency=3), clock=lambda: 0.0)
        seen, lock = [0, 0, 0], threading.Lock()

        async def call():
            ticket = await gate.enter(Place(), 1)
            with lock:
                seen[0] += 1
                seen[1] = max(seen[1], seen[0])
            await anyio.sleep(0.001)
            with lock:
                seen[0] -= 1
                seen[2] += 1
            gate.leave(ticket)

        async def calls():
            async with anyio.create_task_group() as group:
                for _ in range(25):
                    group.start_soon(call)

        threads = [threading.Thread(target=anyio.run, args=(calls,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert seen[1] <= 3
        assert seen[2] == 100
        assert gate.statistics().waiting == 0

    def test_a_loop_that_ended_with_someone_in_line_blocks_nobody(self):
        gate = Gate(Rates(concurrency=1), clock=lambda: 0.0)
        held = anyio.run(gate.enter, Place(), 1)

        async def leave_in_line():
            import asyncio

            task = asyncio.get_running_loop().create_task(gate.enter(Place(), 1))
            await asyncio.sleep(0.01)
            return task

        loop = __import__("asyncio").new_event_loop()
        task = loop.run_until_complete(leave_in_line())
        task._log_destroy_pending = False
        loop.close()  # as a program that ends a thread's loop without ending its tasks
        assert gate.statistics().waiting == 1
        gate.leave(held)
        ticket = anyio.run(gate.enter, Place(), 1)
        gate.leave(ticket)
        assert gate.statistics().in_flight == 0
