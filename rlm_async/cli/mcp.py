"""`rlm-async mcp`: tools for agents, over standard input and output or over HTTP."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import anyio

from rlm_async.api import RLM
from rlm_async.cli.choice import introduction
from rlm_async.cli.interruption import SIGNALLED, interruptible
from rlm_async.cli.options import Choices
from rlm_async.cli.report import COMPLETE
from rlm_async.cli.serve import KEY, composed
from rlm_async.cli.streams import write_line
from rlm_async.cli.telemetry import exported
from rlm_async.errors import ConfigError

EXTRA = "the MCP server needs more packages: pip install 'rlm-async[mcp]'"
BODY = 256_000_000
"""Bytes of one request over HTTP at most: a text may be loaded with one call."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offered:
    """What was typed."""

    choices: Choices
    given_model: str | None = None
    http: bool = False
    host: str = "127.0.0.1"
    port: int = 8001
    keys: str | None = None
    roots: tuple[str, ...] = ()
    quiet: bool = False


def offer(offered: Offered) -> int:
    """Serve agents until the client goes or a signal comes; raises ConfigError before anything listens."""
    try:
        from rlm_async.serve import agents, desk  # noqa: F401, PLC0415 - an extra
    except ModuleNotFoundError as error:
        raise ConfigError(EXTRA) from error
    roots = tuple(Path(root).expanduser().absolute() for root in offered.roots)
    if missing := next((root for root in roots if not root.is_dir()), None):
        raise ConfigError(f"--root {missing}: there is no such folder")
    if not offered.http and (offered.keys is not None or offered.host != "127.0.0.1"):
        raise ConfigError("--keys and --host are for --http: over standard input there is one client, who started it")
    line = introduction(offered.choices.model, offered.given_model, os.environ)
    if line is not None and not offered.quiet:
        write_line(line, sys.stderr)  # stdout belongs to the protocol
    rlm = composed(offered.choices)
    with exported(quiet=offered.quiet):
        if offered.http:
            _over_http(rlm, offered, roots)
            return COMPLETE
        return anyio.run(partial(_over_stdio, rlm, roots), backend="asyncio")


async def _over_stdio(rlm: RLM, roots: tuple[Path, ...]) -> int:
    from rlm_async.serve.agents import Rights, server  # noqa: PLC0415 - an extra
    from rlm_async.serve.desk import Desk  # noqa: PLC0415 - an extra

    with anyio.CancelScope() as scope, interruptible(scope.cancel, lambda: None) as interruption:
        async with Desk(rlm) as desk:
            await server(desk, Rights(roots=roots or None)).run_stdio_async()
    return COMPLETE if interruption.signal is None else SIGNALLED + interruption.signal


def _over_http(rlm: RLM, offered: Offered, roots: tuple[Path, ...]) -> None:
    from rlm_async.serve import Key, Keys  # noqa: PLC0415 - an extra
    from rlm_async.serve.agents import Rights, server  # noqa: PLC0415 - an extra
    from rlm_async.serve.desk import Desk  # noqa: PLC0415 - an extra
    from rlm_async.serve.gatehouse import Guarded, open_with  # noqa: PLC0415 - an extra
    from rlm_async.serve.keys import hashed, keys_in  # noqa: PLC0415 - an extra
    from rlm_async.serve.running import Address, run  # noqa: PLC0415 - an extra

    known = keys_in(offered.keys) if offered.keys is not None else []
    if not known and os.environ.get(KEY):
        known = [Key(name="the key", sha256=hashed(os.environ[KEY]))]
    address = Address(offered.host, offered.port, grace=5.0)
    if not known and not address.local:
        raise ConfigError(f"--host {offered.host} is open to others: give --keys FILE or ${KEY} first")
    keys = Keys(known)
    desk = Desk(rlm)
    app = server(desk, Rights(keys, roots)).streamable_http_app(host=offered.host, max_request_body_size=BODY)
    open_with(app, desk)

    def ready(port: int) -> None:
        where = f"http://{f'[{offered.host}]' if ':' in offered.host else offered.host}:{port}/mcp"
        guard = f"{len(known)} keys" if len(known) != 1 else "1 key"
        files = ", ".join(map(str, roots)) or "none"
        write_line(f"serving agents at {where}, {guard}, files below: {files}", sys.stderr)

    run(Guarded(app, keys), address, ready, lambda: None)
