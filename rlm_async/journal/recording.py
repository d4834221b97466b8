"""One run being written: takes its events, keeps its completions, and knows what earlier runs have had answered.

Two sources answer a request again. The unfinished run that this one resumes: what it had paid is charged
to this run's ledger too, so that limits mean the whole question and not the part since the last crash.
The other runs of its batch: those completions are free, as a cache's are. All that the first one knows is
in memory before the run begins, so that looking it up never suspends (see `models/cache.py`).
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from typing import Protocol

import anyio
import anyio.to_thread

from rlm_async.core.answer import Answer
from rlm_async.core.data import Data
from rlm_async.core.events import Event
from rlm_async.core.messages import Completion, Request
from rlm_async.core.usage import NOTHING
from rlm_async.errors import BudgetExceeded, ConfigError, RLMError
from rlm_async.journal.records import Content, Kept, Known, ToolCall
from rlm_async.journal.rows import CompletionRow, EndRow, EventRow, Row, ToolRow

UNKNOWN = Known()
CANCELLED = "cancelled"
"""The class that is written for a request that was given up."""


class Disk(Protocol):
    """Takes rows."""

    @property
    def crowded(self) -> bool:
        """Whether it is far behind."""
        ...

    def put(self, row: Row) -> None:
        """Hand over a row; never waits."""
        ...

    def flush(self) -> None:
        """Wait until all rows are written."""
        ...


class Shared(Protocol):
    """The completions of a batch."""

    async def recall(self, key: str) -> Completion | None:
        """What any run of the batch was answered."""
        ...

    def note(self, key: str) -> None:
        """A completion is on its way to the file."""
        ...


class Recording:
    """A Sink of one run's events, and the memory of its completions (`Memo` of `models/cache.py`).

    `origin` is the run that is resumed, empty where none is; `known` what it had answered.
    """

    def __init__(
        self,
        run: int,
        disk: Disk,
        content: Content,
        *,
        origin: str = "",
        known: Known = UNKNOWN,
        batch: Shared | None = None,
    ) -> None:
        """Write run number `run` to `disk`."""
        self.origin = origin
        self._run = run
        self._disk = disk
        self._content = content
        self._batch = batch
        self._known = _by_key(known.completions)
        self._tools = tools_by_key(known.tools)
        self._called: dict[str, int] = {}
        self._position = 0
        self._asked: dict[str, int] = {}
        self._turns: dict[int, int] = {}
        self._newest: dict[tuple[str, int], tuple[int, int]] = {}
        """For each key and node, the newest asking: its occurrence, and which of the node's requests it was."""
        self._settled: dict[str, Completion] = {}

    def __call__(self, event: Event) -> None:
        """Write one event."""
        self._disk.put(EventRow(self._run, self._position, event, self._content))
        self._position += 1

    async def recall(self, request: Request, key: str) -> Completion | None:
        """What this run, the one it resumes, or its batch was answered; its usage is what has to be charged.

        Does not suspend for a last turn, whose money is free for a moment only.
        """
        if not request.fresh and key in self._settled:
            return replace(self._settled[key], usage=NOTHING)
        self._number(request, key)
        if known := self._known.get(key):
            return self._again(request, key, taken(known, request.place.node))
        if self._batch is None or request.fresh or request.last:
            return None
        shared = await self._batch.recall(key)
        if shared is None or shared.finish == "length":
            return None
        found = replace(shared, usage=NOTHING)
        self._put(request, key, found, free=True)
        return found

    async def keep(self, request: Request, key: str, outcome: Completion | RLMError | None) -> None:
        """Write how a request ended: a completion, an error, or None where it was given up."""
        if not isinstance(outcome, Completion):
            self._put(request, key, _failure(outcome))
            return
        self._put(request, key, outcome)
        if self._disk.crowded:
            with suppress(ConfigError):  # the same
                await anyio.to_thread.run_sync(self._disk.flush, abandon_on_cancel=True)

    def recall_tool(self, key: str) -> tuple[int, ToolCall | None]:
        """Which of the run's equal calls this is, and what the run that is resumed was told at the same one."""
        occurrence = self._called[key] = self._called.get(key, -1) + 1
        known = self._tools.get(key)
        if not known:
            return occurrence, None
        call = known.popleft()
        self.keep_tool(key, occurrence, call.value)
        return occurrence, call

    def keep_tool(self, key: str, occurrence: int, value: Data) -> None:
        """Write what the caller's function returned."""
        if self._content != "none":
            self._disk.put(ToolRow(self._run, ToolCall(key=key, occurrence=occurrence, value=value)))

    async def end(self, answer: Answer | None) -> None:
        """Write how the run ended, and wait until all of it is on disk; without an answer it was given up."""
        self._disk.put(EndRow(run=self._run, answer=answer, ended=time.time(), content=self._content))
        with anyio.CancelScope(shield=True), suppress(ConfigError):  # it was logged; the answer matters more
            await anyio.to_thread.run_sync(self._disk.flush)

    def _again(self, request: Request, key: str, known: Kept) -> Completion | None:
        if known.completion is not None:
            self._put(request, key, known.completion, free=known.free)
        return known.completion

    def _number(self, request: Request, key: str) -> None:
        """Give an asking its numbers: which of the run's equal requests it is, and which of its node's."""
        node = request.place.node
        occurrence, turn = self._asked.get(key, 0), self._turns.get(node, 0)
        self._asked[key], self._turns[node] = occurrence + 1, turn + 1
        self._newest[key, node] = (occurrence, turn)

    def _put(self, request: Request, key: str, outcome: Completion | dict[str, object], *, free: bool = False) -> None:
        node = request.place.node
        occurrence, turn = self._newest[key, node]
        if isinstance(outcome, Completion) and not request.fresh:
            self._settled[key] = outcome
        if self._content == "none":
            return
        completion = outcome if isinstance(outcome, Completion) else None
        failure = {} if isinstance(outcome, Completion) else outcome
        row = CompletionRow(
            run=self._run,
            key=key,
            occurrence=occurrence,
            place=(node, turn),
            completion=completion,
            failure=failure,
            free=free,
        )
        self._disk.put(row)
        if self._batch is not None and completion is not None:
            self._batch.note(key)


def _by_key(known: tuple[Kept, ...]) -> dict[str, deque[Kept]]:
    """What was answered, in the order in which equal requests were asked."""
    found: dict[str, deque[Kept]] = {}
    for kept in sorted((kept for kept in known if kept.completion is not None), key=lambda kept: kept.occurrence):
        found.setdefault(kept.key, deque()).append(kept)
    return found


def taken(known: deque[Kept], node: int) -> Kept:
    """The one of several equal requests that the same node made; nodes are numbered in the order of asking."""
    for one in known:
        if one.node == node:
            known.remove(one)
            return one
    return known.popleft()


def tools_by_key(known: Iterable[ToolCall]) -> dict[str, deque[ToolCall]]:
    """What the caller's functions returned, in the order of equal calls."""
    found: dict[str, deque[ToolCall]] = {}
    for call in known:
        found.setdefault(call.key, deque()).append(call)
    return found


def _failure(error: RLMError | None) -> dict[str, object]:
    if error is None:
        return {"class": CANCELLED, "message": ""}
    failure: dict[str, object] = {"class": type(error).__name__, "message": str(error)}
    if isinstance(error, BudgetExceeded):
        failure |= {"scope": error.scope, "resource": error.resource, "asked": error.asked, "left": error.left}
    return failure
