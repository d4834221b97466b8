"""What a caller lends to model-written code: functions at hand, tools to be opened, and at which depths."""

from __future__ import annotations

import builtins
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

from rlm_async.api.tools import FunctionTool
from rlm_async.core.data import Data
from rlm_async.errors import ConfigError
from rlm_async.ports import Placed, Tool, ToolSource

Lendable = Callable[..., object] | Tool | ToolSource

OWN = frozenset(
    {"context", "answer", "history", "FINAL", "FINAL_VAR", "SUBMIT", "llm_query", "llm_query_batched", "rlm_query"}
) | {"rlm_query_batched", "budget", "gather", "spawn", "as_completed", "first"}
"""Names of the session that a tool cannot take: the prompt would promise one thing, and the code get another."""
OFFERED = frozenset(
    {"peek", "grep", "search", "chunks", "count_tokens", "show_vars", "SHOW_VARS", *dir(builtins)},
)
"""Names that a caller's function may replace on purpose, and a server's tool never does by chance."""


@dataclass(frozen=True, slots=True)
class DepthTool:
    """A tool that only nodes of some depths have."""

    tool: Tool
    depths: frozenset[int]

    @property
    def name(self) -> str:
        """The tool's name."""
        return self.tool.name

    @property
    def line(self) -> str:
        """The tool's line in the prompt."""
        return self.tool.line

    async def __call__(self, *arguments: Data, **named: Data) -> Data:
        """What the tool returns."""
        return await self.tool(*arguments, **named)


@dataclass(frozen=True, slots=True)
class DepthSource:
    """A source whose tools only nodes of some depths have."""

    source: ToolSource
    depths: frozenset[int]

    @asynccontextmanager
    async def opened(self, taken: Collection[str]) -> AsyncIterator[Sequence[Tool]]:
        """The tools of the source, each for those depths."""
        async with self.source.opened(taken) as tools:
            yield [DepthTool(tool, self.depths) for tool in tools]


def at_depth(tool: Lendable, *depths: int) -> Tool | ToolSource:
    """Lend a function, a tool or a server's tools to nodes of these depths only; 0 is the root. Raises ConfigError."""
    if not depths or not all(isinstance(depth, int) and not isinstance(depth, bool) and depth >= 0 for depth in depths):
        raise ConfigError(f"at_depth takes a tool and one depth or more, such as at_depth(f, 0), not {depths!r}")
    chosen = frozenset(depths)
    return DepthSource(tool, chosen) if isinstance(tool, ToolSource) else DepthTool(_tool(tool), chosen)


@dataclass(frozen=True, slots=True)
class Lent:
    """All that is lent: tools that are there, and sources that are opened together with models and workers."""

    tools: Mapping[str, Tool] = field(default_factory=dict)
    sources: tuple[ToolSource, ...] = ()

    @classmethod
    def of(cls, lent: Iterable[Lendable]) -> Lent:
        """Functions, tools and sources, as they are given; raises ConfigError for a name that cannot be used."""
        given = tuple(lent)
        sources = tuple(each for each in given if isinstance(each, ToolSource))
        return cls(named(_tool(each) for each in given if not isinstance(each, ToolSource)), sources)

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[Mapping[str, Tool]]:
        """All tools by name, for the length of the block; raises ConfigError where a source cannot be opened."""
        async with AsyncExitStack() as stack:
            tools = [*self.tools.values()]
            for source in self.sources:
                taken = OWN | OFFERED | {tool.name for tool in tools}
                tools += await stack.enter_async_context(source.opened(taken))
            yield named(tools)


def named(tools: Iterable[Tool]) -> dict[str, Tool]:
    """Tools by the names that code calls them by; raises ConfigError for a name given twice, or taken."""
    table: dict[str, Tool] = {}
    for tool in tools:
        if tool.name in table:
            raise ConfigError(f"two tools are named {tool.name!r}; rename one")
        if tool.name in OWN:
            raise ConfigError(f"a tool cannot be named {tool.name!r}: the session has its own; rename it")
        table[tool.name] = tool
    return table


def depths_of(tools: Mapping[str, Tool]) -> dict[str, tuple[int, ...]]:
    """The depths of the tools that not all nodes have."""
    placed = {name: tool.depths for name, tool in tools.items() if isinstance(tool, Placed)}
    return {name: tuple(sorted(depths)) for name, depths in placed.items() if depths is not None}


def _tool(given: Lendable) -> Tool:
    tool: Tool = given if hasattr(given, "line") else FunctionTool.of(given)  # type: ignore[assignment, arg-type]
    return tool
