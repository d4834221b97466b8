"""The executor that answers items in several processes of this machine.

A worker that dies is replaced and its items are handed out again, from then on one at a time to a worker of
their own: so the one that kills its worker is found, named, and hurts no other.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

import anyio
import msgspec
from anyio.abc import Process
from anyio.streams.buffered import BufferedByteReceiveStream

from rlm_async.batch.leases import Leases, cost, granted
from rlm_async.batch.pipe import message
from rlm_async.batch.tracing import traced
from rlm_async.core.items import Item, ItemResult, failed
from rlm_async.errors import BudgetExceeded, ConfigError, SandboxCrashed
from rlm_async.ports import Deliver, Job

LONGEST = 1 << 30
"""Bytes of one message."""
DEATHS = 2
"""So many workers that an item had for itself may die before it is given up."""


@dataclass(slots=True, eq=False)
class _Worker:
    process: Process
    hand: dict[str, Item] = field(default_factory=dict)
    alone: bool = False
    """Whether it has one suspect and takes nothing else."""


@dataclass(slots=True, eq=False)
class _State:
    """One batch: what waits, what is in hand, what is lent."""

    job: Job
    deliver: Deliver
    leases: Leases
    suspects: deque[Item] = field(default_factory=deque)
    deaths: dict[str, int] = field(default_factory=dict)
    moved: anyio.Event = field(default_factory=anyio.Event)
    exhausted: bool = False
    open: int = 0
    workers: list[_Worker] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)

    def wake(self) -> None:
        """Something has changed: whoever waits looks again."""
        self.moved.set()
        self.moved = anyio.Event()


class Processes:
    """Answers in `count` processes, each started with `command`, with at most `most` items in hand each."""

    def __init__(self, command: Sequence[str], count: int, *, most: int = 16, leases: Leases | None = None) -> None:
        """Start nothing yet."""
        self._command = list(command)
        self._count = count
        self._most = most
        self._leases = leases or Leases({}, {})

    async def execute(self, job: Job, items: AsyncIterator[Item], deliver: Deliver) -> None:
        """Answer every item, and deliver each result as it comes."""
        state = _State(job, deliver, self._leases)
        async with anyio.create_task_group() as tasks:
            for _ in range(self._count):
                tasks.start_soon(self._keep_one, state)
            await self._hand_out(state, items)
            while state.open and not state.refusals:
                await state.moved.wait()
            tasks.cancel_scope.cancel()
        if state.refusals:
            raise ConfigError(state.refusals[0])

    async def _hand_out(self, state: _State, items: AsyncIterator[Item]) -> None:
        """Give each item to the worker that has least in hand; suspects first, each to a worker of its own."""
        async for untraced in items:
            item = traced(untraced, str(state.job.get("name")))
            state.open += 1
            await self._give(state, item)
            while state.suspects and not state.refusals:
                await self._give_suspect(state)
            if state.refusals:
                return
        state.exhausted = True
        while state.open and not state.refusals:
            if state.suspects:
                await self._give_suspect(state)
            elif state.open:
                await state.moved.wait()

    async def _give(self, state: _State, item: Item) -> None:
        while not state.refusals:
            free = [worker for worker in state.workers if not worker.alone and len(worker.hand) < self._most]
            if free:
                try:
                    grant = state.leases.lend(item.id)
                except BudgetExceeded as refusal:
                    await self._close(state, failed(item, refusal, cut=True))
                    return
                if grant is not None:
                    await _send(min(free, key=lambda worker: len(worker.hand)), granted(item, grant))
                    return
            await state.moved.wait()

    async def _give_suspect(self, state: _State) -> None:
        idle = [worker for worker in state.workers if not worker.hand]
        if not idle:
            await state.moved.wait()
            return
        item = state.suspects[0]
        try:
            grant = state.leases.lend(item.id)
        except BudgetExceeded as refusal:
            await self._close(state, failed(state.suspects.popleft(), refusal, cut=True))
            return
        if grant is None:
            await state.moved.wait()
            return
        state.suspects.popleft()
        idle[0].alone = True
        await _send(idle[0], granted(item, grant))

    async def _keep_one(self, state: _State) -> None:
        """Keep one worker alive for as long as there is work."""
        while not state.refusals:
            async with await anyio.open_process(self._command, stderr=None) as process:
                worker = _Worker(process)
                try:
                    if process.stdin is not None:
                        await process.stdin.send(message("job", state.job))
                    state.workers.append(worker)
                    state.wake()
                    await self._hear(state, worker)
                except (anyio.BrokenResourceError, anyio.EndOfStream, anyio.IncompleteRead):
                    await self._mourn(state, worker)
                finally:
                    if worker in state.workers:
                        state.workers.remove(worker)
                    if process.returncode is None:
                        process.kill()

    async def _hear(self, state: _State, worker: _Worker) -> None:
        """Take what a worker says, until it says no more."""
        stream = BufferedByteReceiveStream(worker.process.stdout)  # type: ignore[arg-type]
        while True:
            told = msgspec.json.decode(await stream.receive_until(b"\n", LONGEST))
            if refused := told.get("refused"):
                state.refusals.append(str(refused["error"]))
                state.wake()
                return
            record = told["result"]
            if worker.hand.pop(record["id"], None) is not None:
                state.leases.settle(record["id"], cost(record))
                worker.alone = False
                await self._close(state, ItemResult(id=record["id"], record=record))

    async def _mourn(self, state: _State, worker: _Worker) -> None:
        """A worker has died: its items are suspects, and one that had it for itself may be the reason."""
        if not worker.hand and not state.open:
            return
        for item in worker.hand.values():
            state.leases.settle(item.id, None)
            if worker.alone:
                state.deaths[item.id] = state.deaths.get(item.id, 0) + 1
            if state.deaths.get(item.id, 0) >= DEATHS:
                loss = SandboxCrashed(f"its worker process died {DEATHS} times: too large for this machine's memory?")
                await self._close(state, failed(item, loss))
            else:
                state.suspects.append(item)
        worker.hand.clear()
        state.wake()

    async def _close(self, state: _State, result: ItemResult) -> None:
        await state.deliver(result)
        state.open -= 1
        state.wake()


async def _send(worker: _Worker, item: Item) -> None:
    worker.hand[item.id] = item
    try:
        if worker.process.stdin is not None:
            await worker.process.stdin.send(message("item", item.record()))
    except anyio.BrokenResourceError:
        return  # it is dead: whoever hears it will find the item in its hand
