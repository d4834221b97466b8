"""A small scheduler for asynchronous code in a cell: no event loop, no thread; what waits is a generator.

Time is not real here. A sleep ends when everything else has had its turn, in the order of its due times;
a timeout strikes only when nothing is left to wait for, since waiting for a model is never charged to code.
"""

from __future__ import annotations

import heapq
import itertools
import sys
from collections import deque
from collections.abc import Callable, Coroutine, Generator, Iterable, Iterator, Sequence
from types import CoroutineType, FrameType

from rlm_async.sandbox.faults import Cancelled, CellStopped, Deadlock
from rlm_async.sandbox.link import Link
from rlm_async.sandbox.waitables import Free, Timer, Waitable

Checked = Callable[[object], Callable[..., object]]


class Task:
    """Asynchronous work under way. Also what `spawn`, `create_task` and `Executor.submit` return."""

    __slots__ = ("__weakref__", "_callbacks", "_coroutine", "_error", "_finished", "_polled", "_scheduler", "_value",
                 "cancelled_", "name", "observed", "waits_for")  # fmt: skip

    def __init__(self, scheduler: Scheduler, coroutine: Coroutine[Waitable, None, object], name: str) -> None:
        self._scheduler = scheduler
        self._coroutine = coroutine
        self._value: object = None
        self._error: Exception | None = None
        self._finished = False
        self._polled = -1
        self._callbacks: list[Callable[[Task], object]] = []
        self.cancelled_ = False
        self.observed = False
        self.name = name
        self.waits_for: Waitable | None = None

    def __repr__(self) -> str:
        state = "cancelled" if self.cancelled_ else "done" if self._finished else "pending"
        return f"<Task {self.name} {state}>"

    def finished(self) -> bool:
        """Whether it is over; unlike `done()` it never gives anybody a turn."""
        return self._finished

    def failed(self) -> bool:
        """Whether it ended with an error that nobody has asked for."""
        return self._error is not None and not self.observed

    def done(self) -> bool:
        """Whether it is over. Asking again while nothing else happens waits for the next reply."""
        if not self._finished:
            self._scheduler.poll(wait=self._polled == self._scheduler.activity)
            self._polled = self._scheduler.activity
        return self._finished

    def tickets(self) -> Sequence[int]:
        """What it waits for itself is known to the scheduler."""
        return ()

    def abandon(self) -> None:
        """It goes on: others may want it."""

    def result(self, timeout: float | None = None) -> object:
        """Wait for the value, or raise the task's error. `timeout` is accepted and not needed."""
        del timeout
        self._scheduler.until(Finished(self))
        self.observed = True
        if self._error is not None:
            raise self._error
        return self._value

    def exception(self, timeout: float | None = None) -> Exception | None:
        """Wait for the end; the error, or None."""
        del timeout
        self._scheduler.until(Finished(self))
        self.observed = True
        return self._error

    def cancel(self, msg: object = None) -> bool:
        """Stop it. False where it was over already."""
        del msg
        if self._finished:
            return False
        self.cancelled_ = True
        self.observed = True
        self._scheduler.abandon(self)
        self._coroutine.close()
        self._end(error=Cancelled(f"{self.name} was cancelled"))
        return True

    def cancelled(self) -> bool:
        """Whether it was cancelled."""
        return self.cancelled_

    def add_done_callback(self, callback: Callable[[Task], object]) -> None:
        """Call `callback(task)` at the end, or now where it is over."""
        callback = self._scheduler.checked(callback)
        if self._finished:
            callback(self)
        else:
            self._callbacks.append(callback)

    def get_name(self) -> str:
        """The name it was given."""
        return self.name

    def __await__(self) -> Generator[Waitable, None, object]:
        while not self._finished:
            yield Finished(self)
        return self.result()

    def frames(self) -> Iterator[FrameType]:
        """Where its coroutine stands, the outermost function first."""
        inner: object = self._coroutine
        while isinstance(inner, CoroutineType):
            if inner.cr_frame is not None:
                yield inner.cr_frame
            inner = inner.cr_await

    def step(self) -> None:
        """Run it up to its next wait."""
        try:
            self.waits_for = self._coroutine.send(None)
        except StopIteration as stop:
            self._end(value=stop.value)
        except Exception as error:  # noqa: BLE001  # whatever model-written code raises belongs to whoever awaits it
            self._end(error=error)

    def _end(self, *, value: object = None, error: Exception | None = None) -> None:
        if self._finished:
            return
        self._value, self._error, self._finished = value, error, True
        self.waits_for = None
        self._scheduler.ended(self)
        for callback in self._callbacks:
            callback(self)


class Finished(Free):
    """Waiting for a task's end, without polling it."""

    __slots__ = ("_task",)

    def __init__(self, task: Task) -> None:
        self._task = task

    def done(self) -> bool:
        """Whether the task is over."""
        return self._task.finished()


class _Idle(Free):
    """Done when no task is left."""

    __slots__ = ("_scheduler",)

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler

    def done(self) -> bool:
        """Whether none is."""
        return self._scheduler.alone()


class Scheduler:
    """Runs tasks in turn whenever somebody waits. Re-entrant: plain code that blocks lets the others run."""

    def __init__(self, link: Link, checked: Checked) -> None:
        self._link = link
        self.checked = checked
        """Gives what may be called in place of a function that code has handed over, or raises."""
        self._ready: deque[Task] = deque()
        self._blocked: list[Task] = []
        self._sleeps: list[tuple[float, int, Timer]] = []
        self._timeouts: list[tuple[float, int, Timer]] = []
        self._numbers = itertools.count(1)
        self._failed: list[Task] = []
        self._slept_at = -1
        self._halted = False
        """The cell is being stopped: no `finally` of the code may start tasks again."""
        self.now = 0.0
        self.current: Task | None = None
        self.activity = 0
        """Grows with each call sent and each task that starts or ends."""

    def start(self, coroutine: Coroutine[Waitable, None, object], name: str = "") -> Task:
        """A new task; it gets its first turn when somebody waits."""
        task = Task(self, coroutine, name or f"task-{next(self._numbers)}")
        self._ready.append(task)
        self.activity += 1
        return task

    def alone(self) -> bool:
        """Whether no other task could run meanwhile."""
        return not self._ready and not self._blocked

    def pending(self) -> list[Task]:
        """Tasks that are not over, oldest first; one that is on the stack right now is not among them."""
        return [*self._blocked, *self._ready]

    def frames(self) -> Iterator[FrameType]:
        """Where the tasks stand that are not over; those on the stack right now are not among them."""
        for task in self.pending():
            yield from task.frames()

    def ended(self, task: Task) -> None:
        """Told by a task at its end."""
        self.activity += 1
        if task.failed():
            self._failed.append(task)
        if task in self._blocked:
            self._blocked.remove(task)
        if task in self._ready:
            self._ready.remove(task)

    def abandon(self, task: Task) -> None:
        """Take back the call that a task waits for, where nobody else does."""
        target = task.waits_for
        others = (other.waits_for for other in self.pending() if other is not task)
        if target is not None and not any(other is target for other in others):
            target.abandon()

    def timer(self, seconds: float, *, timeout: bool = False) -> Timer:
        """A moment `seconds` from now; a `timeout` is one that strikes only when nothing else can happen."""
        timer = Timer(self.now + max(float(seconds), 0.0))
        heapq.heappush(self._timeouts if timeout else self._sleeps, (timer.due, next(self._numbers), timer))
        return timer

    def until(self, target: Waitable) -> None:
        """Let tasks run until `target` is done; raises Deadlock where that cannot come."""
        while not target.done():
            if self._halted:
                raise CellStopped
            if (_room() or not target.tickets()) and self._turn():
                continue
            tickets = target.tickets()  # asked first: a reply that comes in between is seen by `done`
            if not target.done():
                self._block(tickets)

    def poll(self, *, wait: bool = False) -> None:
        """Give each task that can run one turn; with `wait`, block for a reply where none could."""
        ran = False
        for _ in range(len(self._ready) + len(self._blocked)):
            ran = (_room() and self._turn()) or ran
        if wait and not ran and not self.alone():
            self._block(())

    def drain(self) -> None:
        """Let all tasks come to their end; those that wait for each other for ever are cancelled."""
        try:
            self.until(_Idle(self))
        except Deadlock as error:
            for task in self.pending():
                task.cancel()
            raise error from None

    def failures(self) -> list[Task]:
        """Tasks that failed without anybody having asked, since the last reset."""
        return [task for task in self._failed if task.failed()]

    def reset(self) -> list[Task]:
        """Cancel and forget everything; the tasks that were not over."""
        left = self.pending()
        for task in left:
            task.cancel()
        self._sleeps.clear()
        self._timeouts.clear()
        self._failed.clear()
        self._halted = False
        self.current = None
        return left

    def _turn(self) -> bool:
        awake = self._awake()
        if awake:
            self._blocked = [task for task in self._blocked if task not in awake and not task.finished()]
            self._ready.extend(task for task in awake if not task.finished())
        if not self._ready:
            return False
        task, before = self._ready.popleft(), self.current
        self.current = task
        try:
            task.step()
        except BaseException:
            self._halted = True
            raise
        finally:
            self.current = before
        if not task.finished():
            self._blocked.append(task)
        return True

    def _awake(self) -> list[Task]:
        return [task for task in self._blocked if task.waits_for is None or task.waits_for.done()]

    def _block(self, tickets: Iterable[int]) -> None:
        wanted = set(tickets).union(*(task.waits_for.tickets() for task in self._blocked if task.waits_for))
        if not wanted and self._awake():
            return  # a reply has come in while it was asked what is waited for
        if self._sleeps and (not wanted or self._slept_at != self.activity):
            self._slept_at = self.activity
            self._fire(self._sleeps if not self._timeouts or wanted else min(self._sleeps, self._timeouts))
        elif wanted:
            self._wait(sorted(wanted))
        elif self._timeouts:
            self._fire(self._timeouts)
        else:
            raise Deadlock("every task waits for another one, and no sub-query is under way that could wake them")

    def _wait(self, tickets: Sequence[int]) -> None:
        try:
            self._link.wait(tickets)
        except BaseException:
            self._halted = True
            raise

    def _fire(self, timers: list[tuple[float, int, Timer]]) -> None:
        due, _, timer = heapq.heappop(timers)
        self.now = max(self.now, due)
        timer.fired = True


def _room() -> bool:
    """Whether the stack has room for one more task on top of the one that blocks."""
    try:
        sys._getframe(sys.getrecursionlimit() // 2)  # noqa: SLF001  # raises where the stack is not that deep
    except ValueError:
        return True
    return False
