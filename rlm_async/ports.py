"""What can be swapped: protocols of one to three methods, and nothing that implements them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol, runtime_checkable

from rlm_async.core.answer import Result
from rlm_async.core.budget import Budget
from rlm_async.core.context import Context
from rlm_async.core.data import Data
from rlm_async.core.events import Event
from rlm_async.core.items import Item, ItemResult
from rlm_async.core.messages import Completion, Request
from rlm_async.core.profile import Profile
from rlm_async.core.query import Query, Reply, SubQuery
from rlm_async.core.transcript import Output, Past
from rlm_async.core.usage import Limits, ModelInfo


class Model(Protocol):
    """Turns a request into a completion, or raises a ModelError. A ring around a model is a model."""

    async def __call__(self, request: Request, budget: Budget) -> Completion:
        """Answer `request`, spending from `budget`."""
        ...


class Catalogue(Protocol):
    """What is known of the models by name; asks nobody, never fails: unknown is None."""

    def __call__(self, model: str) -> ModelInfo:
        """The window, price and kind of `model`."""
        ...


class Host(Protocol):
    """What code in a sandbox may ask of its host. Everything in and out is plain data."""

    @property
    def tools(self) -> Mapping[str, str]:
        """Names of the functions the caller lends to the code, each with its signature and one line."""
        ...

    async def spawn(self, queries: Sequence[SubQuery]) -> list[Reply]:
        """Answer sub-queries concurrently, in order. A failed one is a Reply with an error, never a raise."""
        ...

    async def tool(self, name: str, arguments: Sequence[Data], named: Mapping[str, Data]) -> Reply:
        """Call a tool on the host."""
        ...

    def budget(self) -> Mapping[str, float | None]:
        """What is left to this node: calls, tokens, usd, seconds, depth; None is no limit."""
        ...


class Begun(Protocol):
    """Something that was begun, and may be given up."""

    def cancel(self) -> None:
        """Nobody waits for it any more; again, or once it is over, is harmless."""
        ...


@runtime_checkable
class Dispatch(Protocol):
    """A Host that needs nobody to wait: thousands of sub-queries are open without a task for each."""

    def submit(self, query: SubQuery, tell: Callable[[Reply], None]) -> Begun:
        """Begin to answer as `spawn` does; `tell` is called once, perhaps before this returns."""
        ...


@runtime_checkable
class Foresight(Protocol):
    """A Host that may make requests before the code asks: what a sandbox foresees is a hint, and never a call."""

    @property
    def run_ahead(self) -> bool:
        """Whether hints are wanted."""
        ...

    def foresee(self, query: SubQuery, tell: Callable[[Data], None], *, sure: bool) -> None:
        """Hint that the code may ask `query`; `sure` where no way out of its loop was seen before.

        `tell` is called with what it would be answered with, if that becomes known before the code has asked.
        """
        ...

    def forgo(self) -> None:
        """The cell is over: whatever was foreseen and not asked is given up."""
        ...


class Sandbox(Protocol):
    """A session in which code runs and variables live on between runs."""

    @property
    def layers(self) -> tuple[str, ...]:
        """The walls that stand around it, outermost last."""
        ...

    async def run(self, code: str) -> Output:
        """Run one cell. Failing code is an Output; a broken sandbox raises SandboxError."""
        ...

    async def variables(self) -> Mapping[str, str]:
        """Names that the code has bound, each with its clipped `repr`."""
        ...


class SandboxFactory(Protocol):
    """Opens sandboxes; may keep warm workers between them."""

    def open(self, context: Context, host: Host) -> AbstractAsyncContextManager[Sandbox]:
        """A session over `context`, whose code may ask `host`. Leaving it leaves no process behind."""
        ...


class Frame(Protocol):
    """A node being answered, as its strategy sees it: ask the model, run code, nothing else.

    Every method may raise BudgetExceeded once a limit is hit; `last=True` spends the part kept back for
    one last turn, and is the only way left to answer then.
    """

    @property
    def query(self) -> Query:
        """The question at hand."""
        ...

    @property
    def depth(self) -> int:
        """How deep this node is; the root is 0."""
        ...

    @property
    def limits(self) -> Limits:
        """The run's limits; `limits.depth - depth` levels are left below."""
        ...

    @property
    def sub_model(self) -> str:
        """The model that answers sub-queries."""
        ...

    @property
    def tools(self) -> Mapping[str, str]:
        """As `Host.tools`."""
        ...

    @property
    def profile(self) -> Profile:
        """What the node is tailored to."""
        ...

    @property
    def last_tokens(self) -> int:
        """Prompt and completion tokens kept back for the one request with `last=True`."""
        ...

    def info(self, model: str) -> ModelInfo:
        """What is known of a model."""
        ...

    def left(self) -> Mapping[str, float | None]:
        """As `Host.budget`."""
        ...

    def chose(self, strategy: str, reason: str) -> None:
        """Tell the trace how this node is going to be answered, and why."""
        ...

    def folded(self, policy: str, turns: int, before: int, after: int) -> None:
        """Tell the trace that `turns` of its own history are shown shortened; the prompt's tokens before and after."""
        ...

    async def ask(self, request: Request, *, last: bool = False) -> Completion:
        """One completion."""
        ...

    async def run(self, code: str) -> Output:
        """Run code in this node's sandbox, opened at the first call."""
        ...


class Strategy(Protocol):
    """How one query is answered."""

    async def answer(self, frame: Frame) -> Result:
        """The result of `frame.query`; raises Unanswered or whatever stood in the way."""
        ...


class Folding(Protocol):
    """Makes a node's own history shorter, once it nears its share of the model's window."""

    @property
    def name(self) -> str:
        """What the trace calls it."""
        ...

    async def __call__(self, past: Past, room: int, frame: Frame) -> Past:
        """`past` in about `room` tokens, or as near as its rules allow; never raises for a failed call of its own."""
        ...


class Tool(Protocol):
    """A function of the caller's that model-written code may call, run on the host."""

    @property
    def name(self) -> str:
        """The name that the code calls it by."""
        ...

    @property
    def line(self) -> str:
        """Its signature and what it does, in one line for the prompt."""
        ...

    async def __call__(self, *arguments: Data, **named: Data) -> Data:
        """Run it; any exception becomes an error in the code that called."""
        ...


@runtime_checkable
class Placed(Protocol):
    """A Tool that not every node has."""

    @property
    def depths(self) -> Collection[int] | None:
        """The depths of the nodes that have it, the root's being 0; None is all."""
        ...


@runtime_checkable
class ToolSource(Protocol):
    """Tools that are there while something is open, such as a connection to a server."""

    def opened(self, taken: Collection[str]) -> AbstractAsyncContextManager[Sequence[Tool]]:
        """The tools, under names that are not `taken`; the exit may run in another task than the entry.

        Raises ConfigError where it cannot be opened.
        """
        ...


class Sink(Protocol):
    """Takes events as they happen; must not block and must not raise.

    One with an attribute `live` that is true also gets `ReplyGrew`, and has replies streamed.
    """

    def __call__(self, event: Event, /) -> None:
        """Take one event."""
        ...


Job = Mapping[str, Data]
"""What all items of a batch have in common, as plain data: model, limits, rates, shared paths; never a key."""

Deliver = Callable[[ItemResult], Awaitable[None]]
"""Takes the result of an item; once it returns, the result lasts."""


class Asker(Protocol):
    """Answers items of one batch in this process."""

    @property
    def hungry(self) -> bool:
        """Whether more calls could be in flight than are."""
        ...

    async def __call__(self, item: Item) -> ItemResult:
        """Answer one item; what is wrong with it is its result, not an error."""
        ...


class Executor(Protocol):
    """Answers the items of a batch somewhere: in this process, in others, on other machines."""

    async def execute(self, job: Job, items: AsyncIterator[Item], deliver: Deliver) -> None:
        """Answer every item and deliver its result exactly once, as it comes, also where a worker dies.

        Takes items only as fast as they are answered, or keeps them where they last. Returns when all are
        delivered; when cancelled it leaves nothing running here.
        """
        ...


class Lender(Protocol):
    """The batch's limits, for an executor whose workers may die with items in hand."""

    async def again(self, item: Item) -> Item | None:
        """The item as it is to be asked again, now that its worker has died: what it may have cost is charged.

        None where nothing is left for it; then it has its result.
        """
        ...
