"""A real MCP server for the tests: over standard input, or with a port over streamable HTTP."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ToolError

server = MCPServer("test shelf", log_level="WARNING")
PRICES = {"tea": 7, "rice": 3}


@server.tool()
def price(item: str, currency: str = "EUR") -> dict[str, object]:
    """Look a price up.

    In whole units.
    """
    if item not in PRICES:
        raise ToolError(f"there is no {item} on the shelf")
    return {"item": item, "price": PRICES[item], "currency": currency}


@server.tool()
def items(limit: int | None = None) -> list[str]:
    """What is there."""
    return sorted(PRICES)[:limit]


@server.tool()
def search(query: str) -> str:
    """Named as a function of the session is."""
    return f"shelf: {query}"


@server.tool(name="llm-query")
def llm_query(prompt: str) -> str:
    """Named, once it is made a name of Python, as the session's own."""
    return f"shelf: {prompt}"


@server.tool()
def environment(name: str) -> str:
    """A variable of the server's process."""
    return os.environ.get(name, "not set")


@server.tool()
def header(context: Context, name: str) -> str:
    """A header of the request, over HTTP."""
    return (context.headers or {}).get(name, "not sent")


@server.tool()
def end() -> str:
    """The process ends without an answer."""
    os._exit(3)


if __name__ == "__main__":
    if started := os.environ.get("STARTED"):
        with Path(started).open("a", encoding="utf-8") as file:
            file.write(f"{os.getpid()}\n")
    if len(sys.argv) > 1:
        server.run("streamable-http", host="127.0.0.1", port=int(sys.argv[1]))
    else:
        server.run("stdio")
