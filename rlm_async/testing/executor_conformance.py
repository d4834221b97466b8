"""What every executor has to keep, as claims that a test suite runs: for ours, for fakes, for plugins.

    @pytest.mark.anyio
    @pytest.mark.parametrize("claim", EXECUTOR_CLAIMS)
    async def test_my_executor(claim):
        await executor_conformance(claim, opened)

`opened` is an async context manager that gives an executor whose workers answer with `answer_for_test`; where
they run is its own affair.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, aclosing

import anyio

from rlm_async.core.context import Context
from rlm_async.core.data import Data
from rlm_async.core.items import Item, ItemResult
from rlm_async.ports import Executor, Job

Opened = Callable[[], AbstractAsyncContextManager[Executor]]
"""Gives a fresh executor for the length of a block."""

JOB: Job = {"name": "conformance", "suffix": "!"}
PATIENCE = 60.0
"""Seconds for one claim on a slow machine."""


def answer_for_test(job: Job, item: Item) -> ItemResult:
    """What a conforming executor's workers say: the question and the context's text with the job's suffix."""
    text = item.question + ("" if item.context is None else item.context.text) + str(job.get("suffix"))
    usage: Data = {"calls": 1, "tokens": 10, "usd": 0.0, "seconds": 0.0}
    status = "failed" if item.question == "fail" else "complete"
    record: dict[str, Data] = {"id": item.id, "text": text, "status": status, "usage": usage, "trace": item.trace}
    if status == "failed":
        record["error"] = "as asked"
    return ItemResult(id=item.id, record=record)


async def executor_conformance(claim: str, opened: Opened) -> None:
    """Check one claim of `EXECUTOR_CLAIMS`; raises AssertionError."""
    with anyio.fail_after(PATIENCE):
        async with opened() as executor:
            await EXECUTOR_CLAIMS[claim](executor)


async def _all(executor: Executor, items: list[Item]) -> list[ItemResult]:
    found: list[ItemResult] = []

    async def deliver(result: ItemResult) -> None:
        found.append(result)

    async with aclosing(_given(items)) as given:
        await executor.execute(JOB, given, deliver)
    return found


async def _given(items: list[Item]) -> AsyncGenerator[Item, None]:
    for item in items:
        yield item


def _expect(holds: bool) -> None:  # noqa: FBT001 - as assert, which python -O would drop
    if not holds:
        raise AssertionError("the executor does not keep this claim")


async def _every_item_once(executor: Executor) -> None:
    items = [Item(id=str(n), question=f"question {n}") for n in range(60)]
    found = await _all(executor, items)
    _expect(Counter(result.id for result in found) == Counter(item.id for item in items))
    _expect(all(result.text == f"question {result.id}!" for result in found))


async def _no_items_end_at_once(executor: Executor) -> None:
    _expect(await _all(executor, []) == [])


async def _what_an_item_holds_arrives(executor: Executor) -> None:
    text = 'line one\nline two "quoted" \u2028 \x00 ü \U0001f600 ' + "x" * 200_000
    item = Item(
        id="odd/ id:1", question="q ü?", context=Context.of(text), trace="00-" + "a" * 32 + "-" + "b" * 16 + "-01"
    )
    (found,) = await _all(executor, [item])
    _expect((found.id, found.text) == (item.id, f"q ü?{text}!"))
    _expect(found.record["trace"] == item.trace)


async def _a_failed_item_is_a_result(executor: Executor) -> None:
    found = await _all(executor, [Item(id="a", question="fail"), Item(id="b", question="fine")])
    _expect({result.id: result.status for result in found} == {"a": "failed", "b": "complete"})


async def _results_come_before_all_items_are_known(executor: Executor) -> None:
    first = anyio.Event()
    found: list[str] = []

    async def items() -> AsyncIterator[Item]:
        yield Item(id="first", question="x")
        await first.wait()
        yield Item(id="second", question="y")

    async def deliver(result: ItemResult) -> None:
        found.append(result.id)
        first.set()

    await executor.execute(JOB, items(), deliver)
    _expect(found == ["first", "second"])


async def _what_deliver_raises_ends_the_batch(executor: Executor) -> None:
    class DiskFullError(Exception):
        pass

    async def deliver(_: ItemResult) -> None:
        raise DiskFullError

    try:
        async with aclosing(_given([Item(id=str(n), question="x") for n in range(5)])) as items:
            await executor.execute(JOB, items, deliver)
    except BaseException as error:  # noqa: BLE001 - a group or the error itself, both end it
        _expect(_holds(error, DiskFullError))
        return
    raise AssertionError("an error of deliver was lost")


async def _cancelling_ends_it(executor: Executor) -> None:
    with anyio.CancelScope() as scope:

        async def deliver(_: ItemResult) -> None:
            scope.cancel()
            await anyio.lowlevel.checkpoint()

        async with aclosing(_given([Item(id=str(n), question="x") for n in range(50)])) as items:
            await executor.execute(JOB, items, deliver)
        raise AssertionError("it went on")
    _expect(scope.cancelled_caught)


def _holds(error: BaseException, kind: type[BaseException]) -> bool:
    if isinstance(error, BaseExceptionGroup):
        return any(_holds(inner, kind) for inner in error.exceptions)
    return isinstance(error, kind)


EXECUTOR_CLAIMS: dict[str, Callable[[Executor], Awaitable[None]]] = {
    "every item is answered and delivered once": _every_item_once,
    "a batch without items ends at once": _no_items_end_at_once,
    "what an item holds arrives whole": _what_an_item_holds_arrives,
    "a failed item is a result like any other": _a_failed_item_is_a_result,
    "results come before all items are known": _results_come_before_all_items_are_known,
    "what deliver raises ends the batch": _what_deliver_raises_ends_the_batch,
    "cancelling ends it": _cancelling_ends_it,
}
