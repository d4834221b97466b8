"""The tools of an MCP server as functions of model-written code, called on the host through the official SDK."""

from __future__ import annotations

import shlex
import tempfile
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TextIO
from urllib.parse import urlsplit

import anyio
import httpx2
import mcp.types as protocol
from mcp import Client, MCPError, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamable_http_client

from rlm_async import __version__
from rlm_async.adapters.signatures import Call, line, usable
from rlm_async.api.detached import detached
from rlm_async.core.data import Data, plain
from rlm_async.errors import ConfigError
from rlm_async.ports import Tool

_PAGES = 100
"""Pages of a server's list of tools: one that never ends is cut."""
_TAIL = 500
"""Characters of what a server that did not start wrote to its standard error."""


@dataclass(frozen=True, slots=True)
class MCPServer:
    """A server of the Model Context Protocol, as one of `RLM(tools=[…])`.

    place: the command that starts one (a line, or a list of words), or the address of one (streamable HTTP).
    name: what its tools' names begin with where they would clash; default: what the server calls itself.
    only: the tools that are lent, by the server's names; default: all. env: for a command, beside PATH, HOME and
    the like, which are all that it gets. headers: for an address. timeout: seconds, for the start and for each call.

    The connection is opened with the RLM's workers and closed with them. Raises ConfigError.
    """

    place: str | Sequence[str]
    name: str = ""
    only: Collection[str] | None = None
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    timeout: float = 60.0

    def __post_init__(self) -> None:
        """Refuse what cannot be meant."""
        if not self._words:
            raise ConfigError("an MCPServer wants the command that starts it, or its address")
        if self.headers and not self._remote:
            raise ConfigError("headers are for an MCPServer at an address; a command takes env")
        if self.env and self._remote:
            raise ConfigError("env is for an MCPServer that a command starts; an address takes headers")

    @asynccontextmanager
    async def opened(self, taken: Collection[str]) -> AsyncIterator[Sequence[Tool]]:
        """Its tools, while the connection is open; raises ConfigError where there is none within the timeout."""
        link = _Link(self)
        async with detached(link.kept):
            with anyio.move_on_after(self.timeout):
                await link.settled.wait()
            if link.client is None:
                raise ConfigError(
                    f"the MCP server {self.shown} {link.trouble or f'said nothing in {self.timeout:g} s'}"
                )
            yield self._tools(link.client, link.tools, taken)

    @property
    def shown(self) -> str:
        """How it is named in errors: no argument, no user, no query, for these hold keys."""
        if not self._remote:
            return self._words[0]
        parts = urlsplit(str(self.place))
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"

    @property
    def _remote(self) -> bool:
        return isinstance(self.place, str) and self.place.startswith(("http://", "https://"))

    @property
    def _words(self) -> list[str]:
        try:
            return shlex.split(self.place) if isinstance(self.place, str) else [str(word) for word in self.place]
        except ValueError as error:
            raise ConfigError(f"the command of an MCPServer cannot be read: {error}") from error

    def transport(self, stack: AsyncExitStack, heard: TextIO) -> AbstractAsyncContextManager[Any]:
        """The way to it; what a command writes to its standard error goes to `heard`."""
        if self._remote:
            http = httpx2.AsyncClient(headers=dict(self.headers), timeout=httpx2.Timeout(self.timeout, read=None))
            stack.push_async_exit(http)
            return streamable_http_client(str(self.place), http_client=http)
        program, *arguments = self._words
        return stdio_client(StdioServerParameters(command=program, args=arguments, env=dict(self.env)), errlog=heard)

    def _tools(self, client: Client, listed: Sequence[protocol.Tool], taken: Collection[str]) -> list[Tool]:
        if self.only is not None and (unknown := set(self.only) - {tool.name for tool in listed}):
            there = ", ".join(tool.name for tool in listed) or "none"
            raise ConfigError(f"the MCP server {self.shown} has no tool {min(unknown)!r}; it has: {there}")
        info = client.server_info
        prefix = self.name or (info.name if info is not None else "") or "server"
        names = set(taken)
        made: list[Tool] = []
        for tool in listed:
            if self.only is None or tool.name in self.only:
                call = Call.of(usable(tool.name, names, prefix), tool.input_schema)
                names.add(call.name)
                made.append(ServedTool(client, tool, call, self.timeout))
        return made


@dataclass(frozen=True, slots=True)
class ServedTool:
    """One tool of a connected server."""

    client: Client
    tool: protocol.Tool
    call: Call
    timeout: float

    @property
    def name(self) -> str:
        """The name that code calls it by."""
        return self.call.name

    @property
    def line(self) -> str:
        """Its line in the prompt."""
        return line(self.call, self.tool.description or self.tool.title or "", self._returned)

    async def __call__(self, *arguments: Data, **named: Data) -> Data:
        """What the tool gives: its structured content, else its text. Raises ValueError with what the server says."""
        values = self.call.bound(arguments, named)
        try:
            result = await self.client.call_tool(self.tool.name, values, read_timeout_seconds=self.timeout)
        except MCPError as error:
            raise ValueError(str(error)) from error
        if result.is_error:
            raise ValueError(_text(result.content) or "it failed without a word")
        if result.structured_content is None:
            return _text(result.content)
        found = plain(result.structured_content)
        return found["result"] if self._wrapped and isinstance(found, dict) and "result" in found else found

    @property
    def _wrapped(self) -> bool:
        """Whether the SDK's convention holds: what is no object is wrapped in one with the one field `result`."""
        schema = self.tool.output_schema or {}
        return list(schema.get("properties") or {}) == ["result"]

    @property
    def _returned(self) -> Mapping[str, object] | None:
        schema = self.tool.output_schema
        if schema is None or not self._wrapped:
            return schema
        return {**schema["properties"]["result"], "$defs": schema.get("$defs") or {}}


class _Link:
    """One connection, kept open by a task of its own: whoever opens it and whoever closes it may be others."""

    def __init__(self, server: MCPServer) -> None:
        self.client: Client | None = None
        self.tools: list[protocol.Tool] = []
        self.trouble = ""
        self.settled = anyio.Event()
        self._server = server

    async def kept(self) -> None:
        """Connect, list, and stay until cancelled; never raises."""
        with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as heard:
            try:
                async with AsyncExitStack() as stack:
                    transport = self._server.transport(stack, heard)
                    info = protocol.Implementation(name="rlm-async", version=__version__)
                    client = await stack.enter_async_context(Client(transport, client_info=info))
                    self.tools = await _listed(client)
                    self.client = client
                    self.settled.set()
                    await anyio.sleep_forever()
            except Exception as error:  # noqa: BLE001 - a boundary: transports raise what they like, and in groups
                self.trouble = f"cannot be reached: {_first(error)}{_tail(heard)}"
            finally:
                self.settled.set()


async def _listed(client: Client) -> list[protocol.Tool]:
    tools: list[protocol.Tool] = []
    cursor = None
    for _ in range(_PAGES):
        page = await client.list_tools(cursor=cursor)
        tools += page.tools
        cursor = page.next_cursor
        if not cursor:
            break
    return tools


def _text(content: Sequence[protocol.ContentBlock]) -> str:
    """Texts as they are; of everything else, what it is."""
    return "\n".join(_part(part) for part in content)


def _part(part: protocol.ContentBlock) -> str:
    match part:
        case protocol.TextContent():
            return part.text
        case protocol.EmbeddedResource(resource=protocol.TextResourceContents() as resource):
            return resource.text
        case protocol.ResourceLink():
            return f"[{part.name}: {part.uri}]"
        case _:
            return f"[{part.type}: cannot be read as text]"


def _first(error: BaseException) -> str:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return str(error) or type(error).__name__


def _tail(heard: TextIO) -> str:
    heard.seek(0)
    said = heard.read().strip()[-_TAIL:]
    return f"; it said: {said}" if said else ""
