"""The world of one REPL: its variables, the functions it is lent, and the machinery that these stand on."""

from __future__ import annotations

import ast
import reprlib
from collections.abc import Callable, Mapping
from types import CodeType, CoroutineType
from typing import Protocol

from rlm_async.sandbox.ahead import Ahead, pure_builtins
from rlm_async.sandbox.answers import Answers
from rlm_async.sandbox.asyncshim import Asyncio, Loop, Timeout
from rlm_async.sandbox.calls import Call, Desk
from rlm_async.sandbox.executors import Executor, Futures, Thread
from rlm_async.sandbox.faults import EXCEPTIONS, Cancelled, Deadlock
from rlm_async.sandbox.handles import Handle, touch
from rlm_async.sandbox.link import Link
from rlm_async.sandbox.places import Regions
from rlm_async.sandbox.policy import Guards, Settling, is_hidden
from rlm_async.sandbox.policy.names import guard
from rlm_async.sandbox.policy.surfaces import HostFunction, Module
from rlm_async.sandbox.prefetch import AWAITED, PREFETCH, Awaits, Prefetch
from rlm_async.sandbox.primitives import Event, Queue, QueueEmpty, QueueFull, Semaphore, TaskGroup
from rlm_async.sandbox.queries import Queries, query
from rlm_async.sandbox.runahead import RunAhead
from rlm_async.sandbox.settling import resolve
from rlm_async.sandbox.shadows import PURE_FUNCTIONS, QUERIES
from rlm_async.sandbox.tasks import Scheduler, Task
from rlm_async.sandbox.toolbox import Toolbox
from rlm_async.sandbox.unknown import EVERYTHING, Unknown
from rlm_async.sandbox.waiting import Starter, Waiting

_TASK = frozenset({"done", "result", "cancel", "cancelled", "exception", "add_done_callback", "get_name"})
TYPES: Mapping[type, frozenset[str]] = {
    Task: _TASK,
    Executor: frozenset({"submit", "map", "shutdown", "__enter__", "__exit__"}),
    Thread: frozenset({"start", "join", "is_alive"}),
    Semaphore: frozenset({"acquire", "release", "locked", "__enter__", "__exit__", "__aenter__", "__aexit__"}),
    Event: frozenset({"set", "clear", "is_set", "wait"}),
    Queue: frozenset({
        "qsize", "empty", "full", "put", "get", "put_nowait", "get_nowait", "task_done", "join",
    }),
    TaskGroup: frozenset({"create_task", "__aenter__", "__aexit__"}),
    Unknown: EVERYTHING,
    Loop: frozenset({"run_until_complete", "create_task", "run_in_executor", "is_running", "time", "close"}),
    Timeout: frozenset({"__aenter__", "__aexit__"}),
}  # fmt: skip
"""What code sees of our own objects."""
_ERRORS: Mapping[str, type[Exception]] = {
    **EXCEPTIONS,
    **{
        kind.__name__: kind
        for kind in (
            Cancelled, Deadlock, QueueEmpty, QueueFull, TypeError, ValueError, KeyError, NameError, TimeoutError,
            IndexError, OverflowError,
        )
    },
}  # fmt: skip
"""What our functions raise on purpose: all of it is text of ours."""


class Limits(Protocol):
    """What is used of `interpreter.Settings`."""

    @property
    def answer_bytes(self) -> int:
        """What an answer may have."""
        ...

    @property
    def window(self) -> int:
        """Sub-queries in flight."""
        ...

    @property
    def lazy(self) -> bool:
        """Whether calls wait only where their values are needed."""
        ...

    @property
    def tools(self) -> Mapping[str, str]:
        """The host's tools."""
        ...


class Namespace:
    """Everything that lives as long as the REPL does."""

    def __init__(self, context: object, link: Link, limits: Limits, write: Callable[[str], None]) -> None:
        self._write = write
        self._runs_ahead = link if isinstance(link, RunAhead) else None
        self._ahead: RunAhead | None = None
        self._scheduler = Scheduler(link, self._checked)
        if self._runs_ahead is not None:
            self._runs_ahead.suspended = self._scheduler.frames
        self._desk = Desk(link, self._scheduler, limits.window)
        self._regions = Regions(Task.step.__code__)
        self._queries = Queries(self._desk, self._regions)
        self._answers = Answers(self._named, limits.answer_bytes)
        self._waiting = Waiting(self._scheduler, self._regions, self._starter)
        self._toolbox = Toolbox(context, self.variables)
        answering = self._answers.functions()
        asking = self._queries.functions()
        self._kept = frozenset({"context", "answer", *answering, *(set(asking) - {"budget"})})
        """Names that are ours again in every cell; the toolbox may be shadowed for good, like any builtin."""
        functions = {**self._toolbox.functions(), **self._waiting.functions(), **asking, **answering}
        guards = Guards(
            write=write, functions=functions, modules=self._modules(), types=TYPES,
            exceptions=_ERRORS, settling=Settling(lambda: self._desk.count, self._settle),
        )  # fmt: skip
        self._guards = guards
        self._told: Mapping[str, object] = {}
        self._history: list[dict[str, str]] = []
        self._names = guards.namespace()
        self._classes = guards.realm.own
        self._install()
        self._given = frozenset(self._names)
        self.begin(context, limits)

    def begin(self, context: object, limits: Limits) -> None:
        """Serve a session over `context`; again at most once, before the first cell of what was made for nobody."""
        self._context = context
        self._toolbox.context = context
        ahead = self._runs_ahead
        self._ahead = ahead if ahead is not None and ahead.wanted and limits.lazy else None
        self._desk.begin(limits.window, None if self._ahead is None else self._ahead.expect)
        self._answers.most = limits.answer_bytes
        self._lend(self._queries.begin(limits.tools, lazy=limits.lazy))

    def _lend(self, tools: Mapping[str, Callable[..., object]]) -> None:
        tools = {name: tool for name, tool in tools.items() if name not in self._kept | {"budget", "history"}}
        self._guards.lend(tools)
        self._kept |= set(tools)
        builtins = self._names["__builtins__"]
        if isinstance(builtins, dict):
            self._own.update({id(builtins[name]): name for name in tools})

    def _modules(self) -> dict[str, Mapping[str, object]]:
        futures = Futures(self._scheduler, self._waiting)
        return {
            "asyncio": Asyncio(self._scheduler, self._waiting).names(),
            "concurrent.futures": futures.names(),
            "threading": futures.threading(),
            "nest_asyncio": {"apply": _nothing},
        }

    def _install(self) -> None:
        table = self._names["__builtins__"]
        builtins = table if isinstance(table, dict) else {}
        ahead = Ahead(self._desk, pure_builtins(PURE_FUNCTIONS | QUERIES, self._names))
        builtins[PREFETCH] = HostFunction("prefetch", ahead.prefetch)
        builtins[AWAITED] = HostFunction("awaited", self._awaited)
        builtins[guard("await")] = self._waiting.awaiting
        builtins["history"] = self._history
        self._own = {id(builtins[name]): name for name in self._queries.functions()}
        self._repr: Callable[[object], object] = builtins["repr"]

    def restore(self) -> None:
        """Before a cell: names of ours that code has rebound are ours again."""
        for name in self._kept & set(self._names):
            del self._names[name]
        self._names["context"] = self._context
        self._names["answer"] = self._answers.dict
        if self._ahead is not None:
            self._ahead.begin()

    def rewrite(self, filename: str, tree: ast.Module) -> ast.Module:
        """A cell's source, ahead of the policy: what it will ask is started early where that is safe."""
        self._regions.add(filename, tree)
        if self._ahead is not None:
            self._ahead.read(filename, tree, self._queries.tools)
        rewritten: ast.Module = Awaits({*QUERIES, *self._queries.tools}).visit(Prefetch().visit(tree))
        return rewritten

    def remember(self, source: str, output: str) -> None:
        """After a cell: code may read it back in `history`, also when the model is no longer shown it."""
        self._history.append({"code": source, "output": output})

    def execute(self, code: CodeType) -> object:
        """Run compiled code in the namespace; its value where it is an expression."""
        value = eval(code, self._names)  # noqa: S307  # compiled under the policy: running it is the purpose
        if code.co_flags & _COROUTINE and isinstance(value, CoroutineType):
            return self.awaited(value)
        return value

    def awaited(self, coroutine: CoroutineType[object, object, object]) -> object:
        """The value of a coroutine, run to its end."""
        return self._scheduler.start(coroutine, "cell").result()  # type: ignore[arg-type]  # it yields what ours yield

    def repr(self, value: object) -> str:
        """`repr` as code gets it."""
        return str(self._repr(value))

    def finish(self, *, stopped: bool, failed: bool) -> Exception | None:
        """After a cell: join or cancel what it has started, put values in place of handles.

        Gives the first error that no code has seen, where the cell itself had none.
        """
        late = None
        if self._ahead is not None:
            self._ahead.rest()
        if not stopped:
            late = self._joined(cancel=failed or self._answers.given())
        self._scheduler.reset()
        self._desk.end()
        resolve(self._names, ["answer", *self.variables()], self._classes)
        self._unawaited()
        if late is not None:
            self._answers.forget()
        return late

    def _joined(self, *, cancel: bool) -> Exception | None:
        try:
            left = self._scheduler.pending()
            if cancel and left:
                self._write(f"[{len(left)} tasks were cancelled: {', '.join(task.name for task in left[:5])}]\n")
                for task in left:
                    task.cancel()
            self._scheduler.drain()
            failed = self._desk.settle()
            for task in self._scheduler.failures():
                error = task.exception()
                self._write(f"[{task.name} failed, and nobody asked for its result: {type(error).__name__}: {error}]\n")
            if failed is not None:
                failed.result()
        except Exception as error:  # noqa: BLE001  # told as the cell's own error
            return error
        return None

    def collect(self) -> tuple[dict[str, object] | None, dict[str, object] | None]:
        """The answer and the draft."""
        return self._answers.collect(self._names.get("answer"))

    def variables(self) -> dict[str, object]:
        """What code has bound, without imported modules."""
        return {
            name: value
            for name, value in self._names.items()
            if name not in self._given
            and name not in self._kept
            and not is_hidden(name)
            and not isinstance(value, Module | HostFunction)
        }

    def _named(self) -> dict[str, object]:
        """What FINAL_VAR may name: the variables, and our own as they are bound now."""
        ours: dict[str, object] = {name: self._names[name] for name in ("context", "answer") if name in self._names}
        return {**ours, **self.variables()}

    def shown(self) -> dict[str, str]:
        """The variables, each with its clipped repr."""
        return {name: _SHORT.repr(value) for name, value in self.variables().items()}

    def _unawaited(self) -> None:
        waiting = {n: x for n, x in self.variables().items() if isinstance(x, CoroutineType) and x.cr_frame is not None}
        names = [name for name, coroutine in waiting.items() if self._told.get(name) is not coroutine]
        self._told = waiting
        if names:
            self._write(f"[never awaited: {', '.join(names)} (write `await {names[0]}`)]\n")

    def _starter(self, function: object) -> Starter | None:
        name = self._own.get(id(function))
        if name in {"llm_query", "rlm_query"}:
            kind = name.partition("_")[0]
            return lambda prompt, context=None, **options: self._desk.ask(
                "query", query(kind, prompt, context, options)
            )
        if name in self._queries.tools:
            return lambda *arguments, **named: self._queries.start_tool(str(name), *arguments, **named)
        return None

    def _checked(self, function: object) -> Callable[..., object]:
        """The policy's say on a function that code has handed to one of ours: it is called as the code would."""
        return self._guards.checked(function)

    def _awaited(self, what: object, *arguments: object, **named: object) -> object:
        """`await f(...)` for a function of ours: the call is sent, and the `await` is what waits."""
        starter = self._starter(what)
        if starter is None:
            return self._checked(what)(*arguments, **named)
        return Handle(starter(*arguments, **named))

    def _settle(self, mark: object) -> None:
        since = mark if type(mark) is int else 0
        failed: Call | None = self._desk.settle(since, self._scheduler.current, all_owners=False)
        if failed is not None:
            failed.result()


_COROUTINE = 0x80
"""inspect.CO_COROUTINE"""


def _nothing(*arguments: object, **named: object) -> None:
    """`nest_asyncio.apply()`: needed nowhere here."""


_LONG_BITS = 4_096


class _Short(reprlib.Repr):
    """Short reprs that run no code of the model's."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlevel = 3
        self.maxstring = self.maxother = self.maxlong = 160
        self.maxlist = self.maxtuple = self.maxset = self.maxdict = 6

    def repr_int(self, x: int, level: int) -> str:
        """An integer of thousands of digits takes long to write out, and Python refuses to."""
        return super().repr_int(x, level) if x.bit_length() < _LONG_BITS else f"<int of {x.bit_length():,} bits>"

    def repr_instance(self, x: object, level: int) -> str:
        del level
        return f"<{type(touch(x) if type(x) is Handle else x).__name__} object>"


_SHORT = _Short()
