"""Where Monty sessions come from: one pool of workers for all of them."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Self

import anyio
import anyio.to_thread
from pydantic_monty import Monty

from rlm_async.core.context import Context
from rlm_async.errors import SandboxUnavailable
from rlm_async.ports import Host, Sandbox
from rlm_async_monty.session import Limits, Session

_MOST_WORKERS = 64


class MontySandbox:
    """A factory of Monty sessions; implements `ports.SandboxFactory`. At most `workers` sessions are open at a time."""

    def __init__(self, *, limits: Limits | None = None, workers: int = _MOST_WORKERS) -> None:
        self._limits = limits or Limits()
        self._workers = workers
        self._pool: Monty | None = None

    @contextlib.asynccontextmanager
    async def open(self, context: Context, host: Host) -> AsyncIterator[Sandbox]:
        """A session over `context`. Raises SandboxUnavailable."""
        session = Session(await self._started(), self._limits, context, host)
        try:
            await session.open()
            yield session
        finally:
            await session.close()

    async def aclose(self) -> None:
        """End all workers."""
        pool, self._pool = self._pool, None
        if pool is not None:
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(pool.__exit__, None, None, None)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def _started(self) -> Monty:
        if self._pool is None:
            pool = Monty(min_processes=0, max_processes=self._workers)
            try:
                await anyio.to_thread.run_sync(pool.__enter__)
            except OSError as error:
                raise SandboxUnavailable(f"the monty program cannot be started: {error}") from error
            self._pool = pool
        return self._pool


def make() -> MontySandbox:
    """What the entry point `rlm_async.sandboxes` names."""
    return MontySandbox()
