"""`asyncio` as code in a cell finds it: the same names, over the cell's own scheduler."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence
from types import CoroutineType

from rlm_async.sandbox.faults import Cancelled
from rlm_async.sandbox.handles import Handle
from rlm_async.sandbox.primitives import Event, Queue, QueueEmpty, QueueFull, Semaphore, TaskGroup
from rlm_async.sandbox.tasks import Scheduler, Task
from rlm_async.sandbox.waitables import Wait
from rlm_async.sandbox.waiting import AnyOf, Given, Settled, Waiting


class Loop:
    """What `get_event_loop()` gives: enough for `run_until_complete` and `run_in_executor`."""

    def __init__(self, shim: Asyncio) -> None:
        self._shim = shim

    def run_until_complete(self, x: object) -> object:
        """As `asyncio.run`."""
        return self._shim.run(x)

    def create_task(self, x: object, *, name: str | None = None) -> Task:
        """As `asyncio.create_task`."""
        return self._shim.create_task(x, name=name)

    def run_in_executor(self, executor: object, f: object, *arguments: object) -> Task:
        """As `asyncio.to_thread`, as a task."""
        del executor
        return self._shim.waiting.spawn(f, *arguments)

    def is_running(self) -> bool:
        """Always: code may use `await` at its top."""
        return True

    def time(self) -> float:
        """Seconds of the scheduler's own time."""
        return self._shim.scheduler.now

    def close(self) -> None:
        """Nothing to close."""


class Timeout:
    """`async with asyncio.timeout(s)`: nothing is interrupted, since waiting for models is not charged to code."""

    async def __aenter__(self) -> None:
        """Enter."""

    async def __aexit__(self, *error: object) -> None:
        """Leave."""


class Asyncio:
    """The table of names of the module."""

    def __init__(self, scheduler: Scheduler, waiting: Waiting) -> None:
        self.scheduler = scheduler
        self.waiting = waiting

    def names(self) -> Mapping[str, object]:
        """What `import asyncio` offers."""
        return {
            **{name: getattr(self, name) for name in _FUNCTIONS},
            "gather": self.waiting.gather,
            "as_completed": self.waiting.as_completed,
            "ensure_future": self.create_task,
            "to_thread": self.waiting.spawn,
            "new_event_loop": self.get_event_loop,
            "get_running_loop": self.get_event_loop,
            "Semaphore": self.semaphore,
            "BoundedSemaphore": self.bounded_semaphore,
            "Lock": self.lock,
            "TaskGroup": self.task_group,
            "Queue": Queue,
            "Event": Event,
            "QueueEmpty": QueueEmpty,
            "QueueFull": QueueFull,
            "TimeoutError": TimeoutError,
            "CancelledError": Cancelled,
            "FIRST_COMPLETED": "FIRST_COMPLETED",
            "FIRST_EXCEPTION": "FIRST_EXCEPTION",
            "ALL_COMPLETED": "ALL_COMPLETED",
        }

    def run(self, main: object, *, debug: object = None) -> object:
        """Run a coroutine to its end and give its value."""
        del debug
        return self.waiting.task(main).result()

    def create_task(self, x: object, *, name: str | None = None, context: object = None) -> Task:
        """A task for a coroutine or a handle."""
        del context
        return self.waiting.task(x, name or "")

    def sleep(self, delay: float = 0, result: object = None) -> Awaitable[object]:
        """Give the others a turn; takes no real time."""
        return _sleep(self.scheduler, delay, result)

    def wait(self, tasks: object, *, timeout: object = None, return_when: str = "ALL_COMPLETED") -> Awaitable[object]:
        """Two sets: the tasks that are done, and those that are not."""
        del timeout
        several = [self.waiting.task(task) for task in tasks]  # type: ignore[attr-defined]
        return _wait(several, first=return_when != "ALL_COMPLETED")

    def wait_for(self, x: object, timeout: float | None = None) -> Awaitable[object]:
        """The value of `x`; TimeoutError only where it waits for nothing but time."""
        return _wait_for(self.scheduler, self.waiting.task(x), timeout)

    def shield(self, x: object) -> object:
        """`x` itself."""
        return x

    def timeout(self, delay: object = None) -> Timeout:
        """A context that never strikes."""
        del delay
        return Timeout()

    def semaphore(self, value: int = 1) -> Semaphore:
        """At most `value` at a time."""
        return Semaphore(self.scheduler, value)

    def bounded_semaphore(self, value: int = 1) -> Semaphore:
        """The same, and `release` without `acquire` is an error."""
        return Semaphore(self.scheduler, value, limit=value)

    def lock(self) -> Semaphore:
        """One at a time."""
        return Semaphore(self.scheduler, 1, limit=1)

    def task_group(self) -> TaskGroup:
        """Tasks that are waited for together."""
        return TaskGroup(self.waiting)

    def get_event_loop(self) -> Loop:
        """Something with `run_until_complete`."""
        return Loop(self)

    def set_event_loop(self, loop: object) -> None:
        """Accepted, without effect."""

    def current_task(self) -> Task | None:
        """The task that asks."""
        return self.scheduler.current

    def all_tasks(self) -> set[Task]:
        """Those that are not over."""
        return set(self.scheduler.pending())

    def iscoroutine(self, x: object) -> bool:
        """Whether `x` comes from calling an `async def`."""
        return isinstance(x, CoroutineType)

    def iscoroutinefunction(self, x: object) -> bool:
        """Whether `x` is an `async def`."""
        code = getattr(x, "__code__", None)
        return bool(code is not None and code.co_flags & 0x80)

    def isfuture(self, x: object) -> bool:
        """Whether `x` can be awaited and is no coroutine."""
        return type(x) in {Task, Handle, Given, Settled}


_FUNCTIONS = (
    "run", "create_task", "sleep", "wait", "wait_for", "shield", "timeout",
    "get_event_loop", "set_event_loop", "current_task", "all_tasks", "iscoroutine", "iscoroutinefunction",
    "isfuture",
)  # fmt: skip


async def _sleep(scheduler: Scheduler, delay: float, result: object) -> object:
    await Wait(scheduler.timer(delay))
    return result


async def _wait(tasks: Sequence[Task], *, first: bool) -> tuple[set[Task], set[Task]]:
    if first:
        await Wait(AnyOf(tasks))
    else:
        for task in tasks:
            await Wait(AnyOf([task]))
    done = {task for task in tasks if task.finished()}
    return done, set(tasks) - done


async def _wait_for(scheduler: Scheduler, task: Task, seconds: float | None) -> object:
    timer = None if seconds is None else scheduler.timer(seconds, timeout=True)
    await Wait(AnyOf([task], timer))
    if task.finished():
        return task.result()
    task.cancel()
    raise TimeoutError(f"nothing came within {seconds} seconds")
