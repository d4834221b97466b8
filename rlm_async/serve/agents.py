"""The MCP server: tools with which an agent asks about inputs that never pass through its own prompt.

Model Context Protocol, through its own SDK. Over stdio whoever started the process is the only owner; over
HTTP the bearer of each key is one, and sees only contexts and runs of his own.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import partial, wraps
from pathlib import Path
from typing import ParamSpec, TypeVar

import anyio
import anyio.to_thread
from mcp.server.mcpserver import Context as Call
from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError

from rlm_async import __version__
from rlm_async.contexts import load_async
from rlm_async.contexts.roots import below
from rlm_async.core.context import Context
from rlm_async.core.data import Data
from rlm_async.errors import ConfigError, RLMError
from rlm_async.serve import telling
from rlm_async.serve.desk import Asked, Desk, Question
from rlm_async.serve.faults import Fault
from rlm_async.serve.keys import Keys
from rlm_async.telemetry.page import render

INSTRUCTIONS = (
    "Ask questions about inputs of any length: files, folders, text. Load them with load_context, which returns a "
    "name and a description, never the content; then ask. Long questions: ask_in_background, then result."
)
PERIOD = 0.5
"""Seconds between two notifications of progress."""
PATIENCE = 60.0
"""Seconds that `result` waits at most: an agent's own client gives up at some time."""

Told = dict[str, object]
P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Rights:
    """Who may do what: keys over HTTP, and below which folders files may be read; None is everywhere."""

    keys: Keys = field(default_factory=Keys)
    roots: tuple[Path, ...] | None = None

    def allowed(self, path: str) -> str:
        """The path, if it may be read; raises ConfigError."""
        if self.roots is None and path != "-":  # which is the protocol's own here
            return path
        found = below(path, self.roots or ())
        if found is not None:
            return found
        raise ConfigError(f"{path[:200]} may not be read from here: the server names the folders with --root")


class Tools:
    """The tools of one server. Each docstring is what an agent reads."""

    def __init__(self, desk: Desk, rights: Rights, period: float = PERIOD) -> None:
        """Work on `desk`, within `rights`."""
        self._desk = desk
        self._rights = rights
        self._period = period

    async def load_context(
        self, call: Call, paths: list[str] | None = None, text: str | None = None, name: str = "text"
    ) -> Told:
        """Load files, folders and patterns (paths), or text. Returns a name for ask and a description, no content."""
        if (paths is None) == (text is None):
            raise ConfigError("give paths or text, one of them")
        if paths is not None:
            context = await load_async([self._rights.allowed(path) for path in paths])
        else:
            context = Context.of({name: text or ""})
        return _told(telling.of_context(self._desk.keep(self._owner(call), context), context))

    async def list_contexts(self, call: Call) -> Told:
        """The contexts that are loaded."""
        kept = self._desk.contexts(self._owner(call))
        return {"contexts": [telling.of_context(name, context) for name, context in kept.items()]}

    async def drop_context(self, call: Call, context: str) -> Told:
        """Forget a context, to make room."""
        self._desk.drop(self._owner(call), context)
        return {"dropped": context}

    async def ask(
        self,
        call: Call,
        question: str,
        context: str | None = None,
        limits: dict[str, float] | None = None,
        schema: dict[str, object] | None = None,
        cite: bool = False,  # noqa: FBT001, FBT002 - an argument of a tool has a name
    ) -> Told:
        """Ask about a loaded context, and wait for the answer.

        limits: lower ceilings for this run: usd, calls, tokens, seconds, depth, turns. schema: a JSON Schema that
        the answer must follow. cite: with quotes from the context, checked letter by letter.
        """
        asked = self._begun(call, Question(question, context, limits or {}, schema, cite))
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._report, call, asked)
            await self._desk.finish(asked)
            tasks.cancel_scope.cancel()
        if asked.error is not None:
            raise asked.error
        return _told(telling.of_end(asked))

    async def ask_in_background(
        self,
        call: Call,
        question: str,
        context: str | None = None,
        limits: dict[str, float] | None = None,
        schema: dict[str, object] | None = None,
        cite: bool = False,  # noqa: FBT001, FBT002 - an argument of a tool has a name
    ) -> Told:
        """As ask, but returns at once with the name of the run, for status, result and cancel."""
        asked = self._begun(call, Question(question, context, limits or {}, schema, cite))
        self._desk.start(asked)
        return _told(telling.of_run(asked))

    async def status(self, call: Call, run: str) -> Told:
        """How far a run is: nodes, calls, tokens."""
        return _told(telling.of_run(self._run(call, run)))

    async def result(self, call: Call, run: str, wait_seconds: float = 30.0) -> Told:
        """The answer of a run; waits for it at most wait_seconds (60 at most), then says how far it is."""
        asked = self._run(call, run)
        with anyio.move_on_after(max(0.0, min(wait_seconds, PATIENCE))):
            await asked.over.wait()
        return _told(telling.of_end(asked))

    async def cancel(self, call: Call, run: str) -> Told:
        """End a run. What it has spent stays spent."""
        asked = self._run(call, run)
        asked.scope.cancel()
        await asked.over.wait()
        return _told(telling.of_run(asked))

    async def list_runs(self, call: Call) -> Told:
        """Your runs, the newest first."""
        owner = self._owner(call)
        mine = [asked for asked in reversed(self._desk.runs.values()) if asked.owner == owner]
        return {"runs": [telling.of_run(asked) for asked in mine]}

    async def inspect_run(self, call: Call, run: str, node: int | None = None) -> Told:
        """The nodes of a run, a line each; with node, what that one asked, said, ran and saw."""
        asked = self._run(call, run)
        if node is None:
            return _told(telling.of_nodes(asked))
        steps = telling.of_node(asked, node)
        if not steps:
            raise ConfigError(f"the run has no node {node}: inspect_run without node lists them")
        return {"node": node, "steps": steps}

    async def trace(self, call: Call, run: str) -> str:
        """The nodes of a run, as JSON."""
        return json.dumps(telling.of_nodes(self._run(call, run)), ensure_ascii=False)

    async def page(self, call: Call, run: str) -> str:
        """The whole run as one HTML page, for a person."""
        return await anyio.to_thread.run_sync(partial(render, tuple(self._run(call, run).watch.trace)))

    def _begun(self, call: Call, question: Question) -> Asked:
        return self._desk.begin(self._owner(call), question)

    def _run(self, call: Call, run: str) -> Asked:
        return self._desk.run(self._owner(call), run)

    def _owner(self, call: Call) -> str:
        headers: Mapping[str, str] = call.headers or {}
        return self._rights.keys.account(headers.get("authorization")).key.name

    async def _report(self, call: Call, asked: Asked) -> None:
        """Notify of progress while the run goes on; an agent that wants none is sent none."""
        before = 0
        while True:
            await anyio.sleep(self._period)
            steps = asked.watch.steps
            if steps > before:  # it must grow from one to the next; a total is not known, for nodes ask for more
                before = steps
                await call.report_progress(steps, None, asked.watch.line)


def server(desk: Desk, rights: Rights, period: float = PERIOD) -> MCPServer:
    """The MCP server over a desk, which its caller opens and closes."""
    tools = Tools(desk, rights, period)
    made: MCPServer = MCPServer("rlm-async", instructions=INSTRUCTIONS, version=__version__, log_level="WARNING")
    actions: list[Callable[..., Awaitable[Told]]] = [
        tools.load_context,
        tools.list_contexts,
        tools.drop_context,
        tools.ask,
        tools.ask_in_background,
        tools.status,
        tools.result,
        tools.cancel,
        tools.list_runs,
        tools.inspect_run,
    ]
    for action in actions:
        made.add_tool(_explained(action), description=" ".join((action.__doc__ or "").split()))
    made.resource("rlm://runs/{run}", mime_type="application/json")(tools.trace)
    made.resource("rlm://runs/{run}/page", mime_type="text/html")(tools.page)
    return made


def _explained(action: Callable[P, Awaitable[T]]) -> Callable[P, Awaitable[T]]:
    """The same tool, whose errors of ours the agent is told in words; the SDK hides the text of all others."""

    @wraps(action)
    async def act(*arguments: P.args, **named: P.kwargs) -> T:
        try:
            return await action(*arguments, **named)
        except (RLMError, Fault) as error:
            raise ToolError(str(error)) from error

    return act


def _told(found: dict[str, Data]) -> Told:
    return dict(found)
