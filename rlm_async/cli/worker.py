"""`rlm-async worker`: answers items of batches that others have started."""

from __future__ import annotations

import os
import signal
import sys
from dataclasses import dataclass
from functools import partial

import anyio

from rlm_async.batch.pipe import serve
from rlm_async.cli.batch_job import opened
from rlm_async.cli.interruption import SIGNALLED, interruptible
from rlm_async.cli.streams import write_line
from rlm_async.cli.telemetry import exported
from rlm_async.errors import ConfigError

STDIO = "stdio"
"""The executor's URL of a worker that `rlm-async batch --workers N` has started itself."""
MOST = 64
"""Items in hand."""


@dataclass(frozen=True, slots=True)
class Serving:
    """What a worker was told."""

    executor: str
    batch: str | None = None
    items: int | None = None
    until_empty: bool = False
    quiet: bool = False


def run(serving: Serving) -> int:
    """Work until there is nothing more to do, or a signal comes; returns the exit status."""
    with exported(quiet=serving.quiet):
        return _run(serving)


def _run(serving: Serving) -> int:
    if serving.executor == STDIO:
        return _piped(serving)
    if serving.executor.startswith(("postgresql://", "postgres://")):
        return anyio.run(partial(_served, serving), backend="asyncio")
    raise ConfigError(
        f"--executor {serving.executor!r}: name a database, postgresql://USER@HOST/NAME; a plugin's cluster has "
        "workers of its own"
    )


def _piped(serving: Serving) -> int:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which ends its workers itself
    incoming, outgoing = sys.stdin.buffer, os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what a library prints must not stand between messages
    anyio.run(partial(serve, opened, incoming, outgoing, most=serving.items or MOST), backend="asyncio")
    return 0


async def _served(serving: Serving) -> int:
    from rlm_async.batch.postgres.worker import Worker  # noqa: PLC0415 - an extra: only those who have a database need it

    def say(line: str) -> None:
        if not serving.quiet:
            write_line(line, sys.stderr)

    worker = Worker(serving.executor, opened, say=say, most=serving.items or MOST, batch=serving.batch)
    with anyio.CancelScope() as scope, interruptible(scope.cancel, lambda: None) as interruption:
        await worker.run(until_empty=serving.until_empty)
    if interruption.signal is None:
        return 0
    return SIGNALLED + interruption.signal
