"""`concurrent.futures` and `threading` as code in a cell finds them: tasks in turn instead of threads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import BuiltinFunctionType, FunctionType
from typing import Self

from rlm_async.sandbox.faults import Cancelled
from rlm_async.sandbox.policy.refusals import PolicyError
from rlm_async.sandbox.primitives import Semaphore
from rlm_async.sandbox.tasks import Scheduler, Task
from rlm_async.sandbox.waiting import AnyOf, Waiting


class Executor:
    """`ThreadPoolExecutor`: `map` and `submit` start tasks, leaving the `with` block waits for them."""

    def __init__(self, waiting: Waiting) -> None:
        self._waiting = waiting
        self._tasks: list[Task] = []

    def submit(self, f: object, *arguments: object, **named: object) -> Task:
        """Start `f(*arguments)`; a future with result(), done() and the like."""
        task = self._waiting.spawn(f, *arguments, **named)
        self._tasks.append(task)
        return task

    def map(
        self, f: object, *several: Iterable[object], timeout: object = None, chunksize: int = 1
    ) -> Iterator[object]:
        """`f` over the items, all started at once; the values in order."""
        del timeout, chunksize
        tasks = [self.submit(f, *items) for items in zip(*several, strict=False)]
        return (task.result() for task in tasks)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: FBT001, FBT002  # the signature is the standard library's
        """Wait for what was started, or cancel it."""
        for task in self._tasks:
            if cancel_futures:
                task.cancel()
            elif wait and not task.finished():
                task.exception()
                task.observed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if error is None or isinstance(error, Exception):
            self.shutdown()


class Thread:
    """`threading.Thread(target=..., args=...)`."""

    def __init__(
        self,
        waiting: Waiting,
        target: object = None,
        args: Sequence[object] = (),
        kwargs: Mapping[str, object] | None = None,
    ) -> None:
        self._waiting = waiting
        self._target = target
        self._args = args
        self._kwargs = kwargs or {}
        self._task: Task | None = None

    def start(self) -> None:
        """Begin."""
        self._task = self._waiting.spawn(self._target, *self._args, **self._kwargs)

    def join(self, timeout: object = None) -> None:
        """Wait for the end."""
        del timeout
        if self._task is not None and not self._task.finished():
            self._task.exception()
            self._task.observed = False

    def is_alive(self) -> bool:
        """Whether it has begun and is not over."""
        return self._task is not None and not self._task.done()


class Futures:
    """The tables of names of `concurrent.futures` and `threading`."""

    def __init__(self, scheduler: Scheduler, waiting: Waiting) -> None:
        self._scheduler = scheduler
        self._waiting = waiting

    def names(self) -> Mapping[str, object]:
        """What `import concurrent.futures` offers."""
        return {
            "ThreadPoolExecutor": self.executor,
            "ProcessPoolExecutor": self.executor,
            "as_completed": self._waiting.as_completed,
            "wait": self.wait,
            "TimeoutError": TimeoutError,
            "CancelledError": Cancelled,
            "FIRST_COMPLETED": "FIRST_COMPLETED",
            "FIRST_EXCEPTION": "FIRST_EXCEPTION",
            "ALL_COMPLETED": "ALL_COMPLETED",
        }

    def threading(self) -> Mapping[str, object]:
        """What `import threading` offers."""
        return {"Thread": self.thread, "Lock": self.lock, "RLock": self.lock, "Semaphore": self.semaphore}

    def executor(self, max_workers: object = None, *more: object, **options: object) -> Executor:
        """A pool; how many run at once is the host's business."""
        del max_workers, more, options
        return Executor(self._waiting)

    def wait(self, tasks: Iterable[Task], timeout: object = None, return_when: str = "ALL_COMPLETED") -> object:
        """Two sets: the futures that are done, and those that are not."""
        del timeout
        several = list(tasks)
        waits = [AnyOf(several)] if return_when != "ALL_COMPLETED" else [AnyOf([task]) for task in several]
        for target in waits:
            self._scheduler.until(target)
        done = {task for task in several if task.finished()}
        return done, set(several) - done

    def thread(
        self,
        group: object = None,
        target: object = None,
        name: object = None,
        args: Sequence[object] = (),
        kwargs: Mapping[str, object] | None = None,
        *,
        daemon: object = None,
    ) -> Thread:
        """A thread in name."""
        del group, name, daemon
        if _is_builtin(target):
            raise PolicyError("a Thread runs a function of your own here: give it a def or a lambda")
        return Thread(self._waiting, target, args, kwargs)

    def lock(self) -> Semaphore:
        """One at a time; nothing runs in parallel, so it is seldom needed."""
        return self.semaphore(1)

    def semaphore(self, value: int = 1) -> Semaphore:
        """At most `value` at a time."""
        return Semaphore(self._scheduler, value)


def _is_builtin(function: object) -> bool:
    """Whether it is one of Python's own or of ours, rather than the code's or the host's."""
    if type(function) is FunctionType:
        return function.__globals__.get("__name__") != "__main__"
    return isinstance(function, BuiltinFunctionType | type)
