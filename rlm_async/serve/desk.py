"""What an agent works with over several calls: contexts that were loaded, and runs, going on or over."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Self

import anyio
from anyio.abc import TaskGroup

from rlm_async.api import RLM
from rlm_async.api.lowering import lowered
from rlm_async.core.answer import Answer
from rlm_async.core.context import EMPTY, Context
from rlm_async.core.graph import Graph
from rlm_async.errors import ConfigError, RLMError
from rlm_async.serve.watching import Watch

CHARACTERS = 1_000_000_000
"""Of all contexts together."""
RUNS = 100
"""Runs that are remembered; the oldest that is over is forgotten first."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, about which loaded context, under which limits."""

    text: str
    context: str | None = None
    limits: Mapping[str, float | None] = field(default_factory=dict)
    schema: Mapping[str, object] | None = None
    cite: bool = False


@dataclass(slots=True)
class Asked:
    """One run of an agent's."""

    id: str
    owner: str
    question: Question
    watch: Watch = field(default_factory=Watch)
    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)
    over: anyio.Event = field(default_factory=anyio.Event)
    answer: Answer | None = None
    error: RLMError | None = None

    @property
    def status(self) -> str:
        """`running`, `complete`, `partial`, `failed`, `cancelled`."""
        if not self.over.is_set():
            return "running"
        if self.answer is not None:
            return self.answer.status
        return "failed" if self.error is not None else "cancelled"


class Desk:
    """Contexts and runs, each known to its owner only. A context manager: its end cancels what still runs."""

    def __init__(self, rlm: RLM) -> None:
        """Ask `rlm`, whose limits nobody here can raise."""
        self.rlm = rlm
        self.runs: dict[str, Asked] = {}
        self._contexts: dict[str, tuple[str, Context]] = {}
        self._stack = AsyncExitStack()
        self._tasks: TaskGroup | None = None

    async def __aenter__(self) -> Self:
        """Open connections, warm workers, and the place for runs in the background."""
        await self._stack.enter_async_context(self.rlm)
        self._tasks = await self._stack.enter_async_context(anyio.create_task_group())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Cancel what still runs, and close."""
        if self._tasks is not None:
            self._tasks.cancel_scope.cancel()
        await self._stack.__aexit__(kind, error, traceback)

    def keep(self, owner: str, context: Context) -> str:
        """Remember a context, and say under what name; raises ConfigError where there is no room."""
        held = sum(each.characters for _, each in self._contexts.values())
        if held + context.characters > CHARACTERS:
            raise ConfigError(f"contexts of {held:,} characters are loaded: drop one with drop_context first")
        name = f"context-{secrets.token_hex(6)}"
        self._contexts[name] = (owner, context)
        return name

    def context(self, owner: str, name: str) -> Context:
        """A context that this owner has loaded; raises ConfigError."""
        kept = self._contexts.get(name)
        if kept is None or kept[0] != owner:
            known = ", ".join(self.contexts(owner)) or "none"
            raise ConfigError(f"there is no context {name[:60]!r}; loaded are: {known}; load_context loads one")
        return kept[1]

    def contexts(self, owner: str) -> dict[str, Context]:
        """All contexts of an owner by name."""
        return {name: context for name, (whose, context) in self._contexts.items() if whose == owner}

    def drop(self, owner: str, name: str) -> None:
        """Forget a context, and the traces of runs that held on to it; raises ConfigError where there is none.

        A run that uses it goes on, and answers stay.
        """
        self.context(owner, name)
        del self._contexts[name]
        for asked in self.runs.values():
            if asked.question.context == name and asked.over.is_set():
                asked.watch.trace.clear()
                if asked.answer is not None:
                    asked.answer = replace(asked.answer, trace=(), graph=Graph(fanout=0))

    def run(self, owner: str, name: str) -> Asked:
        """A run of this owner's; raises ConfigError."""
        asked = self.runs.get(name)
        if asked is None or asked.owner != owner:
            raise ConfigError(f"there is no run {name[:60]!r}; list_runs tells which there are")
        return asked

    def begin(self, owner: str, question: Question) -> Asked:
        """A run that is about to begin; raises ConfigError for what can be known to be wrong."""
        lowered(self.rlm, question.limits)
        if question.context is not None:
            self.context(owner, question.context)
        if not question.text.strip():
            raise ConfigError("the question is empty; say what you want to know")
        asked = Asked(f"run-{secrets.token_hex(6)}", owner, question)
        self.runs[asked.id] = asked
        self._forget()
        return asked

    async def finish(self, asked: Asked) -> Asked:
        """Ask, and wait for the end; what stands in the way is kept in `error`. Cancelled with its caller."""
        question = asked.question
        context = EMPTY if question.context is None else self.context(asked.owner, question.context)
        rlm = lowered(self.rlm, question.limits, [lambda: asked.watch])
        try:
            with asked.scope:
                asked.answer = await rlm.ask(question.text, context, schema=question.schema, cite=question.cite)
        except RLMError as error:
            asked.error = error
        finally:
            asked.over.set()
        return asked

    def start(self, asked: Asked) -> None:
        """Ask in the background."""
        if self._tasks is None:
            raise RuntimeError("the desk is not open")
        self._tasks.start_soon(self.finish, asked)

    def _forget(self) -> None:
        over = [name for name, asked in self.runs.items() if asked.over.is_set()]
        for name in over[: max(0, len(self.runs) - RUNS)]:
            del self.runs[name]
