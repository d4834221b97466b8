"""Locks, queues and groups between the tasks of a cell."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Self

from rlm_async.sandbox.tasks import Scheduler, Task
from rlm_async.sandbox.waitables import Free, Wait
from rlm_async.sandbox.waiting import AnyOf, Waiting


class Flag(Free):
    """Something to wait for that other tasks set."""

    __slots__ = ("_test",)

    def __init__(self, test: Callable[[], bool]) -> None:
        self._test = test

    def done(self) -> bool:
        """Whether it is so."""
        return self._test()


class Semaphore:
    """At most `value` tasks between `acquire` and `release`; works in `with` and `async with`."""

    def __init__(self, scheduler: Scheduler, value: int = 1, *, limit: int | None = None) -> None:
        if value < 0:
            raise ValueError("Semaphore initial value must be >= 0")
        self._scheduler = scheduler
        self._free = value
        self._limit = limit

    async def acquire(self) -> bool:
        """Wait for a place."""
        await Wait(Flag(lambda: self._free > 0))
        self._free -= 1
        return True

    def release(self) -> None:
        """Give the place back."""
        if self._limit is not None and self._free >= self._limit:
            raise ValueError("released more often than acquired")
        self._free += 1

    def locked(self) -> bool:
        """Whether the next one has to wait."""
        return self._free <= 0

    async def __aenter__(self) -> None:
        await self.acquire()

    async def __aexit__(self, *error: object) -> None:
        self.release()

    def __enter__(self) -> None:
        self._scheduler.until(Flag(lambda: self._free > 0))
        self._free -= 1

    def __exit__(self, *error: object) -> None:
        self.release()


class Event:
    """A flag that tasks wait for."""

    def __init__(self) -> None:
        self._set = False

    def set(self) -> None:
        """Wake all that wait."""
        self._set = True

    def clear(self) -> None:
        """Let the next ones wait again."""
        self._set = False

    def is_set(self) -> bool:
        """Whether it is set."""
        return self._set

    async def wait(self) -> bool:
        """Wait until it is set."""
        await Wait(Flag(self.is_set))
        return True


class QueueEmpty(Exception):
    """`get_nowait` on an empty queue."""


class QueueFull(Exception):
    """`put_nowait` on a full queue."""


class Queue:
    """First in, first out, between tasks."""

    def __init__(self, maxsize: int = 0) -> None:
        self._items: deque[object] = deque()
        self._most = maxsize
        self._open = 0

    def qsize(self) -> int:
        """How many items are in it."""
        return len(self._items)

    def empty(self) -> bool:
        """Whether it has none."""
        return not self._items

    def full(self) -> bool:
        """Whether `put` has to wait."""
        return 0 < self._most <= len(self._items)

    def put_nowait(self, item: object) -> None:
        """Add an item, or raise QueueFull."""
        if self.full():
            raise QueueFull("the queue is full")
        self._items.append(item)
        self._open += 1

    def get_nowait(self) -> object:
        """Take an item, or raise QueueEmpty."""
        if not self._items:
            raise QueueEmpty("the queue is empty")
        return self._items.popleft()

    async def put(self, item: object) -> None:
        """Add an item once there is room."""
        await Wait(Flag(lambda: not self.full()))
        self.put_nowait(item)

    async def get(self) -> object:
        """Take an item once there is one."""
        await Wait(Flag(lambda: bool(self._items)))
        return self._items.popleft()

    def task_done(self) -> None:
        """One item taken has been dealt with."""
        if self._open <= 0:
            raise ValueError("task_done() called too many times")
        self._open -= 1

    async def join(self) -> None:
        """Wait until all items have been dealt with."""
        await Wait(Flag(lambda: self._open == 0))


class TaskGroup:
    """`async with TaskGroup() as group:` waits for its tasks; the first error cancels the others."""

    def __init__(self, waiting: Waiting) -> None:
        self._waiting = waiting
        self._tasks: list[Task] = []

    def create_task(self, coroutine: object, *, name: str | None = None, context: object = None) -> Task:
        """Start a task that the group waits for."""
        del context
        task = self._waiting.task(coroutine, name or "")
        self._tasks.append(task)
        return task

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: object, error: object, trace: object) -> None:
        if error is not None:
            self._cancel()
            return
        while any(not task.finished() for task in self._tasks):
            await Wait(AnyOf([task for task in self._tasks if not task.finished()]))
            failed = next((t for t in self._tasks if t.finished() and not t.cancelled() and t.exception()), None)
            if failed is not None:
                self._cancel()
                failed.result()
        for task in self._tasks:
            if not task.cancelled():
                task.result()

    def _cancel(self) -> None:
        for task in self._tasks:
            task.cancel()
