"""What may stand behind `await`, and the functions over handles: gather, spawn, as_completed, first."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Generator, Iterable, Iterator, Mapping, Sequence
from types import CoroutineType

from rlm_async.sandbox.calls import Call
from rlm_async.sandbox.handles import Handle, deep_touch, touch
from rlm_async.sandbox.places import Regions
from rlm_async.sandbox.tasks import Scheduler, Task
from rlm_async.sandbox.unknown import UNKNOWN
from rlm_async.sandbox.waitables import Free, Timer, Wait, Waitable

_VALUES = (str, int, float, bool, list, dict, tuple, set, type(None), defaultdict, deque)
"""What our own functions return where the model may write `await` without need."""

Starter = Callable[..., Call]


class Given:
    """Awaiting it gives a value at once."""

    __slots__ = ("_value",)

    def __init__(self, value: object) -> None:
        self._value = value

    def __await__(self) -> Generator[Waitable, None, object]:
        yield from ()
        return self._value


class Settled:
    """Awaiting it waits for a pending value and gives it, or raises its error."""

    __slots__ = ("_handle",)

    def __init__(self, handle: Handle) -> None:
        self._handle = handle

    def __await__(self) -> Generator[Waitable, None, object]:
        while not self._handle.pending.done():
            yield self._handle.pending
        return self._handle.force()


class Gathered:
    """The pending list of several values; with `excuse`, errors stand in their places."""

    def __init__(self, scheduler: Scheduler, items: Sequence[object], *, excuse: bool) -> None:
        self._scheduler = scheduler
        self._items = items
        self._excuse = excuse
        self._pending = [item for item in (waitable(item) for item in items) if item is not None]
        self.lazy = bool(items) and all(isinstance(item, Call) and item.lazy for item in self._pending)

    def done(self) -> bool:
        """Whether all are."""
        return all(item.finished() if isinstance(item, Task) else item.done() for item in self._pending)

    def tickets(self) -> Sequence[int]:
        """Those of all that are not."""
        return [ticket for item in self._pending if not isinstance(item, Task) for ticket in item.tickets()]

    def abandon(self) -> None:
        """Its parts go on: others may want them."""

    def result(self) -> object:
        """The values in order; raises the first error unless excused."""
        self._scheduler.until(self)
        for item in self._pending:
            if isinstance(item, Task):
                item.observed = True
        return [self._value(item) for item in self._items]

    def _value(self, item: object) -> object:
        try:
            return deep_touch(item.result() if isinstance(item, Task) else item)
        except Exception as error:  # `return_exceptions=True` is this boundary
            if not self._excuse:
                raise
            return error


def waitable(item: object) -> Task | Call | Gathered | None:
    """What a handle or task waits for; None for a plain value."""
    if type(item) is Task:
        return item
    if type(item) is Handle:
        pending = item.pending
        return pending if isinstance(pending, Task | Call | Gathered) else None
    return None


class Waiting:
    """The functions of a namespace that know about tasks."""

    def __init__(
        self,
        scheduler: Scheduler,
        regions: Regions,
        own: Callable[[object], Starter | None],
    ) -> None:
        self._scheduler = scheduler
        self._regions = regions
        self._own = own
        """Gives for one of our functions, as code holds it, a starter that does not wait; else None."""

    def functions(self) -> dict[str, Callable[..., object]]:
        """The names that need no import."""
        return {
            "gather": self.gather,
            "spawn": self.spawn,
            "as_completed": self.as_completed,
            "first": self.first,
        }

    def awaiting(self, x: object) -> Awaitable[object]:
        """What `await x` really awaits; raises TypeError for what cannot be awaited."""
        if type(x) is Handle:
            lazy = getattr(x.pending, "lazy", False) and self._scheduler.alone() and not self._regions.inside()
            return Given(x) if lazy else Settled(x)
        if isinstance(x, CoroutineType | Task | Given | Settled | Wait):
            return x
        if isinstance(x, _VALUES) or x is UNKNOWN:
            return Given(x)
        raise TypeError(f"a {type(x).__name__} cannot be awaited; await the result of an async def, or a handle")

    def task(self, x: object, name: str = "") -> Task:
        """A task for a coroutine, a handle, a task or a plain value."""
        if type(x) is Task:
            return x
        if type(x) is not Handle:
            return self._scheduler.start(_await(self.awaiting(x)), name)
        task = self._scheduler.start(_await(Settled(x)), name)
        task.waits_for = x.pending
        return task

    def spawn(self, what: object, *arguments: object, **named: object) -> Task:
        """`spawn(f, *args)`, `spawn(coroutine)` or `spawn(handle)`: a task with done(), result() and cancel()."""
        what = what if type(what) is Handle else touch(what)
        if isinstance(what, Task | Handle | CoroutineType | Given | Settled) and not arguments and not named:
            return self.task(what)
        starter = self._own(what)
        if starter is not None:
            started = starter(*arguments, **named)
            return self.task(Handle(started) if isinstance(started, Call) else started)
        if not callable(what):
            raise TypeError(f"spawn() takes a function and its arguments, or a coroutine, not {type(what).__name__}")
        function = self._scheduler.checked(what)
        return self._scheduler.start(_run(self, function, arguments, named), getattr(what, "__name__", ""))

    def gather(self, *items: object, return_exceptions: bool = False, **options: object) -> Handle:
        """All the values in order; may be awaited or used as it is. One list may be given instead of many."""
        del options
        if len(items) == 1 and isinstance(items[0], list | tuple):
            items = tuple(items[0])
        started = [self.task(item) if isinstance(item, CoroutineType | Given | Settled) else item for item in items]
        return Handle(Gathered(self._scheduler, started, excuse=bool(return_exceptions)))

    def as_completed(self, handles: object, timeout: object = None) -> Iterator[Task]:
        """The tasks of `handles` in the order in which they end."""
        del timeout
        left = [self.task(item) for item in _several(handles, "as_completed")]
        while left:
            over = self._first_of(left)
            left.remove(over)
            yield over

    def first(self, *handles: object) -> object:
        """The value of the one that ends first; the others are cancelled."""
        items = _several(handles[0], "first") if len(handles) == 1 else handles
        tasks = [self.task(item) for item in items]
        if not tasks:
            raise ValueError("first() needs at least one handle")
        winner = self._first_of(tasks)
        for task in tasks:
            task.cancel()
        return winner.result()

    def _first_of(self, tasks: Sequence[Task]) -> Task:
        self._scheduler.until(AnyOf(tasks))
        over = next(task for task in tasks if task.finished())
        over.observed = True
        return over


class AnyOf(Free):
    """Done when one of the tasks is, or the timer."""

    __slots__ = ("_tasks", "_timer")

    def __init__(self, tasks: Iterable[Task], timer: Timer | None = None) -> None:
        self._tasks = list(tasks)
        self._timer = timer

    def done(self) -> bool:
        """Whether one is over."""
        return any(task.finished() for task in self._tasks) or (self._timer is not None and self._timer.fired)


def _several(handles: object, name: str) -> list[object]:
    handles = touch(handles) if type(handles) is Handle else handles
    if isinstance(handles, Mapping) or (isinstance(handles, Iterable) and not isinstance(handles, str)):
        return list(handles)
    raise TypeError(f"{name}() takes a list of handles, not {type(handles).__name__}")


async def _await(x: Awaitable[object]) -> object:
    return await x


async def _run(
    waiting: Waiting, what: Callable[..., object], arguments: Sequence[object], named: Mapping[str, object]
) -> object:
    value = what(*arguments, **named)
    if type(value) is Handle:
        return await Settled(value)
    if isinstance(value, CoroutineType | Given | Settled | Wait):
        return await waiting.awaiting(value)
    return deep_touch(value)
