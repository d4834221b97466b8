"""`ask --mcp`: tools of servers from the command line."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import pytest

pytest.importorskip("mcp", reason="the extra `mcp` is not installed")

SERVER = shlex.join([sys.executable, str(Path(__file__).parents[1] / "adapters" / "a_server.py")])
ASK = "```repl\nFINAL(price('tea')['price'])\n```"


def test_the_models_code_calls_the_tools_of_the_servers_that_are_named(command, endpoint):
    served = endpoint(ASK)
    done = command("ask", "how much is tea?", "--strategy", "repl", "--mcp", SERVER, *served.options)
    assert (done.returncode, done.stdout) == (0, "7\n")


def test_a_server_that_is_not_there_is_one_line_and_status_2(command, endpoint):
    served = endpoint(ASK)
    done = command("ask", "how much is tea?", "--mcp", "no-such-program --token s3cret", *served.options)
    assert done.returncode == 2
    assert "the MCP server no-such-program cannot be reached" in done.stderr
    assert "s3cret" not in done.stderr
    assert served.server.requests == []
